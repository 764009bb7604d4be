"""Conducting a sync: resources in their order, one committed batch at a time.

Rows and the bookmark move in one database transaction, and the bookmark only to what has been
delivered completely, so a run that dies anywhere costs time and never rows.
"""

import gc
import logging
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import xxhash
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from merchants.actions.accounts import BREAKER_OPENS_AT, opened
from merchants.actions.resource import Resource, Stored
from merchants.models import (
    Bookmark,
    Gap,
    Hint,
    ProviderAccount,
    SetAside,
    SyncRun,
    SyncStep,
)
from merchants.sync.hints import MOST_HINTS, follow_hint
from merchants.sync.locks import HEARTBEAT_SECONDS, close_abandoned, locked
from merchants.sync.resources import resources
from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Throttled,
    Unreachable,
)
from providers.base.http import Limits
from providers.base.paging import Batch
from providers.base.provider import Period
from providers.base.reading import Item, Reading, Rejected
from providers.base.registry import providers

log = logging.getLogger(__name__)
# Rows in one commit: 100 a commit is half as fast, 5,000 no faster, and this much is lost at most.
ROWS_A_COMMIT = 1000
SECONDS_A_COMMIT = 5
LONGEST_RETRY = 120

Progress = Callable[[SyncStep], None]


class NotActive(Exception):
    """The account is paused, removed, or its credentials were refused."""


class Stopped(Exception):
    """A person paused or removed the account, or gave it other credentials, in mid-run."""


@dataclass(frozen=True)
class Ask:
    """What a run is to do."""

    reason: str = SyncRun.Reason.SCHEDULE
    requested_by: int | None = None
    only: frozenset[str] | None = None
    # Read from here on, instead of from the bookmark's window; what lies between is a gap.
    since: datetime | None = None
    deep: bool = False


def run_sync(
    account_id: int,
    ask: Ask | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress = lambda step: None,
) -> SyncRun:
    """Read an account now, in this process, and return the finished run.

    A failure of the provider ends in the run's state. Raises AlreadyRunning or NotActive, and
    whatever the database raises; the run is then revived by `revive`.
    """
    ask = ask or Ask()
    account = ProviderAccount.objects.get(pk=account_id)
    if account.state != ProviderAccount.State.ACTIVE:
        raise NotActive(f"The account is {account.get_state_display()}.")
    factory = providers()[account.provider]
    todo = [
        resource
        for resource in resources()
        if issubclass(factory, resource.capability)  # type: ignore[arg-type]
        and (ask.only is None or resource.name in ask.only)
    ]
    with locked(account, todo), _at_speed():
        close_abandoned(account, {resource.name for resource in todo})
        return _Run(account, ask, todo, progress).conduct(limits)


@contextmanager
def _at_speed() -> Iterator[None]:
    """Let reading and storing overlap: measured, a fifth more rows a second.

    The reader would keep the interpreter for 5 ms each time the database has answered, and the
    collector would look through a hundred thousand fresh objects a batch, none of them cyclic.
    """
    interval, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(0.0005)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collects:
            gc.enable()


@dataclass(frozen=True)
class _Pending:
    """A batch that is being read."""

    items: int
    refs: list[str]
    reading: "Future[Reading[Any]]"


class _Run:
    def __init__(
        self, account: ProviderAccount, ask: Ask, todo: list[Resource], progress: Progress
    ) -> None:
        self.account, self.ask, self.todo, self.progress = account, ask, todo, progress
        # The keys that are set aside, by resource, as far as this run knows them.
        self.aside: dict[str, set[str]] = {}
        self.deep = ask.deep or (ask.only is None and account.next_deep_at <= timezone.now())
        with transaction.atomic():
            self.run = SyncRun.objects.create(
                account=account, reason=ask.reason, requested_by_id=ask.requested_by, deep=self.deep
            )
            self.steps = SyncStep.objects.bulk_create(
                SyncStep(run=self.run, resource=resource.name, position=resource.position)
                for resource in todo
            )

    def conduct(self, limits: Limits | None) -> SyncRun:
        try:
            with opened(self.account, limits) as connector:
                ending = self._read_all(connector)
        except Stopped:
            return self.run
        except ProviderFailure as failure:
            # The connector could not even be made: its address is no longer an allowed one.
            for step in self.steps[:1]:
                self._fail(step, failure)
            ending = failure
        self._finish(ending)
        return self.run

    def _read_all(self, connector: Any) -> ProviderFailure | None:
        """Read every resource, and return the failure that made the run end early."""
        for resource, step in zip(self.todo, self.steps, strict=True):
            try:
                self._still_wanted()
                self._read(connector, resource, step)
            except Stopped as stop:
                self._stop(step, stop)
                raise
            except ProviderFailure as failure:
                self._fail(step, failure)
                # These would meet the next resource too; the others are this one's own.
                if isinstance(failure, (NotAuthorised, Throttled, Unreachable)):
                    return failure
        self._read_hints(connector)
        return None

    def _read(self, connector: Any, resource: Resource, step: SyncStep) -> None:
        bookmark = Bookmark.objects.filter(account=self.account, resource=resource.name).first()
        step.state, step.started_at = SyncStep.State.RUNNING, timezone.now()
        step.since = self._since(resource, bookmark)
        step.save()
        self.progress(step)
        period = Period(step.since, settings.SYNC_FETCHERS)
        batches = resource.list(connector, period, self.account)
        # Reading one batch goes on while the database stores the one before it.
        # Closing the list stops its fetchers, also when storing fails.
        with closing(batches), ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
            begin = partial(self._begin, connector, resource, reader)
            waiting: list[Item] = []
            before: _Pending | None = None
            last: Batch | None = None
            failure: ProviderFailure | None = None
            began_at = timezone.now()
            try:
                for batch in batches:
                    last = batch
                    waiting += batch.items
                    step.read, step.pages, step.order = batch.read, batch.pages, batch.order.value
                    late = (timezone.now() - began_at).total_seconds() > SECONDS_A_COMMIT
                    if len(waiting) >= ROWS_A_COMMIT or late:
                        after = begin(waiting)
                        waiting, began_at = [], timezone.now()
                        if before is not None:
                            self._commit(resource, step, before)
                        before = after
            except ProviderFailure as problem:
                failure = problem
            # What was delivered is kept after a failure too; the bookmark stays where it was.
            after = begin(waiting)
            if before is not None:
                self._commit(resource, step, before)
            self._commit(resource, step, after, last=None if failure else last)
            if failure is not None:
                raise failure

    def _begin(
        self, connector: Any, resource: Resource, reader: ThreadPoolExecutor, items: list[Item]
    ) -> "_Pending":
        """Look up which of some items are new or changed, and begin to read those."""
        refs = [item.ref for item in items if item.ref is not None]
        known = resource.known(self.account, refs) if refs else {}
        fresh = [item for item in items if item.ref is None or known.get(item.ref) != item.digest]
        return _Pending(len(items), refs, reader.submit(resource.read, connector, fresh))

    def _since(self, resource: Resource, bookmark: Bookmark | None) -> datetime | None:
        """From where to read: None is from the beginning.

        A first reading is followed by a second whole one in the next deep run, because page
        numbers that shift can hide a row from the first.
        """
        if self.ask.since is not None and resource.windowed:
            return self.ask.since
        if bookmark is None or not resource.windowed:
            return None
        if self.deep and bookmark.whole_reads < 2:
            return None
        window = timedelta(hours=settings.SYNC_WINDOW_HOURS)
        if self.deep:
            window = timedelta(days=settings.SYNC_DEEP_WINDOW_DAYS)
        return bookmark.complete_to - window

    def _commit(
        self, resource: Resource, step: SyncStep, pending: "_Pending", *, last: Batch | None = None
    ) -> None:
        """Store a batch, its figures and, with the last one, the bookmark: all or nothing."""
        at = timezone.now()
        reading = pending.reading.result()
        refs = pending.refs
        with transaction.atomic():
            self._still_wanted()
            stored = Stored(0, 0)
            if reading.records:
                stored = resource.store(self.account, reading.records, at)
            self._set_aside(resource.name, reading.rejected, refs)
            step.fetched += pending.items
            step.stored += stored.inserted
            step.changed += stored.changed
            step.set_aside += len(reading.rejected)
            step.unchanged += (
                pending.items - len(reading.rejected) - stored.inserted - stored.changed
            )
            for name, count in reading.surprises.items():
                step.surprises[name] = step.surprises.get(name, 0) + count
            if last is not None:
                self._finish_step(resource, step, last, at)
            step.save()
            if (at - self.run.heartbeat_at).total_seconds() > HEARTBEAT_SECONDS:
                self.run.heartbeat_at = at
                self.run.save(update_fields=["heartbeat_at"])
        self.progress(step)

    def _finish_step(self, resource: Resource, step: SyncStep, last: Batch, at: datetime) -> None:
        step.state, step.finished_at = SyncStep.State.DONE, at
        if last.complete_to is None and not last.whole:
            return
        # A provider that says no time and lists nothing is complete to when it was asked.
        step.complete_to = last.complete_to or step.started_at
        assert step.complete_to is not None
        bookmark = Bookmark.objects.filter(account=self.account, resource=resource.name).first()
        if self.ask.since is not None:
            before = bookmark.complete_to if bookmark else None
            if before is None or before < self.ask.since:
                Gap.objects.create(
                    account=self.account,
                    resource=resource.name,
                    since=before,
                    until=self.ask.since,
                    found_at=at,
                )
        covered = Gap.objects.filter(account=self.account, resource=resource.name)
        if step.since is None:
            covered.delete()
        else:
            covered.filter(since__gte=step.since).delete()
            # Of one that began earlier, the part before this reading is still open.
            covered.filter(until__gt=step.since).update(until=step.since)
        Bookmark.objects.update_or_create(
            account=self.account,
            resource=resource.name,
            defaults={
                "complete_to": max(step.complete_to, bookmark.complete_to)
                if bookmark
                else step.complete_to,
                "whole_reads": (bookmark.whole_reads if bookmark else 0) + int(last.whole),
            },
        )

    def _set_aside(self, resource: str, rejected: list[Rejected], refs: list[str]) -> None:
        """Keep what could not be read, and forget what can be read now."""
        keys = {each.ref for each in rejected}
        mine = SetAside.objects.filter(account=self.account, resource=resource)
        if resource not in self.aside:
            self.aside[resource] = set(mine.values_list("key", flat=True))
        readable = self.aside[resource] & set(refs) - keys
        if readable:
            mine.filter(key__in=readable).delete()
            self.aside[resource] -= readable
        if not rejected:
            return
        self.aside[resource] |= {each.ref for each in rejected if each.ref}
        SetAside.objects.bulk_create(
            [
                SetAside(
                    account=self.account,
                    resource=resource,
                    key=each.ref or xxhash.xxh3_128_hexdigest(repr(each.masked).encode()),
                    reason=each.reason,
                    path=each.path[:200],
                    masked=each.masked,
                )
                for each in {each.ref or id(each): each for each in rejected}.values()
            ],
            update_conflicts=True,
            unique_fields=["account", "resource", "key"],
            update_fields=["reason", "path", "masked"],
        )

    def _read_hints(self, connector: Any) -> None:
        """Read again what webhooks have named; a hint is never believed, only followed."""
        for hint in Hint.objects.filter(account=self.account).order_by("pk")[:MOST_HINTS]:
            follow_hint(self.account, connector, hint)

    def _still_wanted(self) -> None:
        """Raise Stopped where a person has meanwhile decided that nothing more be read."""
        own = ProviderAccount.objects.filter(pk=self.account.pk)
        state, credentials_set_at = own.values_list("state", "credentials_set_at").get()
        if state != ProviderAccount.State.ACTIVE:
            name = ProviderAccount.State(state).label
            raise Stopped(f"The account's state became «{name}» while it was read.")
        if credentials_set_at != self.account.credentials_set_at:
            raise Stopped("The account was given new credentials while it was read.")

    def _stop(self, step: SyncStep, stop: Stopped) -> None:
        """End the run where it is: what was committed stays, and no bookmark moves."""
        now = timezone.now()
        step.refresh_from_db()
        step.state, step.finished_at, step.error = SyncStep.State.FAILED, now, str(stop)
        self.run.state, self.run.finished_at = SyncRun.State.INTERRUPTED, now
        self.run.heartbeat_at, self.run.error = now, str(stop)
        with transaction.atomic():
            step.save()
            self.run.save()
            # Where it is active still, it has new credentials, and those are tried at once.
            active = ProviderAccount.objects.filter(
                pk=self.account.pk, state=ProviderAccount.State.ACTIVE
            )
            active.update(next_sync_at=now)
        self.progress(step)

    def _fail(self, step: SyncStep, failure: ProviderFailure) -> None:
        step.state, step.finished_at = SyncStep.State.FAILED, timezone.now()
        step.error_code, step.error = failure.code, str(failure)[:500]
        step.save()
        log.warning("account %s, %s: %s", self.account.pk, step.resource, failure)
        self.progress(step)

    def _finish(self, ending: ProviderFailure | None) -> None:
        now = timezone.now()
        failed = [step for step in self.steps if step.state == SyncStep.State.FAILED]
        done = [step for step in self.steps if step.state == SyncStep.State.DONE]
        run, account = self.run, self.account
        run.state = SyncRun.State.DONE
        if failed:
            run.state = SyncRun.State.PARTIAL if done else SyncRun.State.FAILED
            run.error_code, run.error = failed[0].error_code, failed[0].error
        run.finished_at = run.heartbeat_at = now
        account.refresh_from_db(fields=["failures"])
        changes: dict[str, Any] = {}
        refused = False
        if ending is None:
            changes |= {"failures": 0, "retry_at": None}
            changes["next_sync_at"] = now + timedelta(seconds=settings.SYNC_EVERY_SECONDS)
            if self.deep and not failed:
                changes["next_deep_at"] = now + timedelta(days=1)
        elif isinstance(ending, NotAuthorised):
            # Only a person can mend credentials; calling on would look like guessing.
            refused = True
        else:
            changes["failures"] = account.failures + 1
            changes["retry_at"] = changes["next_sync_at"] = now + _pause(account, ending)
        own = ProviderAccount.objects.filter(pk=account.pk)
        with transaction.atomic():
            run.save()
            if refused:
                # Not where a person has meanwhile paused it, or given it other credentials.
                own.filter(
                    state=ProviderAccount.State.ACTIVE,
                    credentials_set_at=account.credentials_set_at,
                ).update(state=ProviderAccount.State.REFUSED)
            else:
                own.update(**changes)


def _pause(account: ProviderAccount, failure: ProviderFailure) -> timedelta:
    """How long a failing account waits: doubling with jitter, and never less than it was told."""
    ceiling = min(5 * 2 ** min(account.failures, 10), LONGEST_RETRY)
    if account.failures + 1 >= BREAKER_OPENS_AT:
        ceiling = LONGEST_RETRY
    seconds = random.uniform(ceiling / 2, ceiling)  # noqa: S311 (jitter)
    if isinstance(failure, Throttled) and failure.seconds is not None:
        seconds = max(seconds, failure.seconds)
    return timedelta(seconds=seconds)
