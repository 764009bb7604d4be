"""Conducting a sync: resources in their order, one committed batch at a time.

Rows and the bookmark move in one database transaction, and the bookmark only to what has been
delivered completely, so a run that dies anywhere costs time and never rows.
"""

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.utils import timezone

from merchants.actions.accounts import opened
from merchants.actions.resource import Resource, Stored
from merchants.models import Bookmark, ProviderAccount, SetAside, SyncRun, SyncStep
from merchants.queries import of_account
from merchants.sync.coverage import Aside, cover
from merchants.sync.health import note_failure, note_success
from merchants.sync.hints import follow_hints
from merchants.sync.locks import HEARTBEAT_SECONDS, close_abandoned, locked
from merchants.sync.resources import resources
from merchants.sync.unlisted import look_for_unlisted
from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Throttled,
    Unreachable,
    Unreadable,
)
from providers.base.http import Limits
from providers.base.paging import Batch
from providers.base.provider import Period
from providers.base.reading import Item, Reading, set_aside
from providers.base.registry import providers

log = logging.getLogger(__name__)
# Rows in one commit: 100 a commit is half as fast, 5,000 no faster, and this much is lost at most.
ROWS_A_COMMIT = 1000
SECONDS_A_COMMIT = 5
# How long figures may wait where nothing else is to be written.
SECONDS_A_FIGURE = 1
# What the database, or its driver, says of a value that has got this far and is none of its.
REFUSED_BY_DATABASE = (DataError, IntegrityError, OverflowError, ValueError)
# What a commit that is undone has already added to a step, so it is taken back before the next.
FIGURES = ["fetched", "stored", "changed", "set_aside", "unchanged", "surprises"]

Progress = Callable[[SyncStep], None]


class NotActive(Exception):
    """The account is paused, removed, or its credentials were refused."""


class Unforeseen(ProviderFailure):
    """The portal itself failed while it read; the log has the whole story."""

    code = "failed"

    def __init__(self, name: str) -> None:
        super().__init__(f"The portal failed while it read ({name}); its log says more.")


class Stopped(Exception):
    """A person paused or removed the account, or gave it other credentials, in mid-run."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The run stopped where it was, because the account was {code}.")
        self.code = code


@dataclass(frozen=True)
class Ask:
    """What a run is to do."""

    reason: str = SyncRun.Reason.SCHEDULE
    requested_by: int | None = None
    only: frozenset[str] | None = None
    # Read from here on, instead of from the bookmark's window; what lies between is a gap.
    since: datetime | None = None
    deep: bool = False
    # Read everything from the beginning.
    whole: bool = False


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
    with of_account(account_id):
        return _run_sync(account_id, ask or Ask(), limits, progress)


def _run_sync(account_id: int, ask: Ask, limits: Limits | None, progress: Progress) -> SyncRun:
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


def _need_not_reach_the_disk() -> None:
    """Let this transaction end before it is on disk, as the next one that is waited for puts it.

    A server that dies takes such rows along with the figures that speak of them, and no bookmark
    has moved yet, so they are read again.
    """
    with connection.cursor() as cursor:
        cursor.execute("set local synchronous_commit = off")


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
        self.aside = Aside(account)
        # When a step's figures were last written; a run begins with writing them.
        self.saved_at = timezone.now()
        plain = ask.only is None and ask.since is None and not ask.whole
        self.deep = ask.deep or (plain and account.next_deep_at <= timezone.now())
        with transaction.atomic():
            self.run = SyncRun.objects.create(
                account=account, reason=ask.reason, requested_by_id=ask.requested_by, deep=self.deep
            )
            self.steps = SyncStep.objects.bulk_create(
                SyncStep(run=self.run, resource=resource.name, position=resource.position)
                for resource in todo
            )

    def conduct(self, limits: Limits | None) -> SyncRun:
        ending: ProviderFailure | None
        try:
            with opened(self.account, limits) as connector:
                self.version = connector.version
                ending = self._read_all(connector)
        except Stopped:
            return self.run
        except ProviderFailure as failure:
            # The connector could not even be made: its address is no longer allowed, or its
            # credentials cannot be opened.
            ending = self._fail_all(failure)
        except (OperationalError, InterfaceError):
            # The database's trouble passes, and the worker tries the whole run again.
            raise
        except Exception as problem:
            # Ours: it ends in words, and the account waits longer each time like any other failure.
            log.exception("account %s: the run failed", self.account.pk)
            ending = self._fail_all(Unforeseen(type(problem).__name__))
        self._finish(ending)
        return self.run

    def _fail_all(self, failure: ProviderFailure) -> ProviderFailure:
        """Blame the resource that was being read, or the first one."""
        running = [step for step in self.steps if step.state == SyncStep.State.RUNNING]
        for step in (running or self.steps)[:1]:
            self._fail(step, failure)
        return failure

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
        try:
            follow_hints(self.account, connector)
        except (NotAuthorised, Throttled, Unreachable) as failure:
            return failure
        return None

    def _read(self, connector: Any, resource: Resource, step: SyncStep) -> None:
        bookmark = Bookmark.objects.filter(account=self.account, resource=resource.name).first()
        step.state, step.started_at = SyncStep.State.RUNNING, timezone.now()
        self.account.read_since = step.started_at
        self.listed: set[str] = set()
        self.unclear = False
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
        if last is not None and last.whole and not self.unclear:
            look_for_unlisted(self.account, connector, resource, self.listed)

    def _begin(
        self, connector: Any, resource: Resource, reader: ThreadPoolExecutor, items: list[Item]
    ) -> "_Pending":
        """Look up which of some items are new or changed, and begin to read those."""
        refs = [item.ref for item in items if item.ref is not None]
        if resource.unlisted is not None:
            self.listed.update(refs)
            # One that cannot be told from the others could be any of them.
            self.unclear = self.unclear or len(refs) < len(items)
        known = resource.known(self.account, refs) if refs else {}
        fresh = [item for item in items if item.ref is None or known.get(item.ref) != item.digest]
        return _Pending(
            len(items), refs, reader.submit(resource.read, connector, fresh, self.account)
        )

    def _since(self, resource: Resource, bookmark: Bookmark | None) -> datetime | None:
        """From where to read: None is from the beginning.

        A first reading is followed by a second whole one in the next deep run, because page
        numbers that shift can hide a row from the first. So is a corrected translation.
        """
        if self.ask.since is not None and resource.windowed:
            return self.ask.since
        if self.ask.whole or bookmark is None or not resource.windowed:
            return None
        if not self.deep:
            return bookmark.complete_to - timedelta(hours=settings.SYNC_WINDOW_HOURS)
        since = bookmark.complete_to - timedelta(days=settings.SYNC_DEEP_WINDOW_DAYS)
        # Set aside before the window began, so never met again inside of it.
        old = SetAside.objects.filter(
            account=self.account, resource=resource.name, first_seen_at__lt=since
        )
        whole = bookmark.whole_reads < 2 or bookmark.version != self.version or old.exists()
        return None if whole else since

    def _commit(
        self, resource: Resource, step: SyncStep, pending: "_Pending", *, last: Batch | None = None
    ) -> None:
        """Store a batch, its figures and, with the last one, the bookmark: all or nothing."""
        at = timezone.now()
        reading = pending.reading.result()
        before = {name: getattr(step, name) for name in FIGURES} | {"surprises": {**step.surprises}}
        if last is None and self._changes_nothing(resource, pending, reading, at):
            self._count(step, pending, reading, Stored(0, 0))
            self.progress(step)
            return
        try:
            with transaction.atomic():
                if last is None:
                    _need_not_reach_the_disk()
                stored = self._store(resource, reading, at)
                self._note(resource, step, pending, reading, stored, last, at)
        except REFUSED_BY_DATABASE:
            self._forget()
            for name, figure in before.items():
                setattr(step, name, figure)
            with transaction.atomic():
                stored = self._store_each(resource, reading, at)
                self._note(resource, step, pending, reading, stored, last, at)
        self.progress(step)

    def _store(self, resource: Resource, reading: Reading[Any], at: datetime) -> Stored:
        if not reading.records:
            return Stored(0, 0)
        return resource.store(self.account, reading.records, at)

    def _forget(self) -> None:
        """What was looked up may have been made in the transaction that is now undone."""
        self.account.__dict__.pop("known", None)

    def _store_each(self, resource: Resource, reading: Reading[Any], at: datetime) -> Stored:
        """Store record by record, and set aside the one that the database does not take."""
        inserted = changed = 0
        records, reading.records = reading.records, []
        for item, record in records:
            alone = Reading([(item, record)])
            try:
                with transaction.atomic():
                    stored = self._store(resource, alone, at)
            except REFUSED_BY_DATABASE:
                self._forget()
                reason = Unreadable("One of its values is nothing that can be stored.")
                reading.rejected.append(set_aside(item, reason, frozenset()))
            else:
                reading.records.append((item, record))
                inserted += stored.inserted
                changed += stored.changed
        return Stored(inserted, changed)

    def _note(
        self,
        resource: Resource,
        step: SyncStep,
        pending: "_Pending",
        reading: Reading[Any],
        stored: Stored,
        last: Batch | None,
        at: datetime,
    ) -> None:
        """Keep a batch's figures beside its rows."""
        self.aside.note(resource.name, reading.rejected, pending.refs)
        self._count(step, pending, reading, stored)
        if last is not None:
            self._finish_step(resource, step, last, at)
        self._save_if_wanted(step)
        self.saved_at = at
        if (at - self.run.heartbeat_at).total_seconds() > HEARTBEAT_SECONDS:
            self.run.heartbeat_at = at
            self.run.save(update_fields=["heartbeat_at"])

    def _changes_nothing(
        self, resource: Resource, pending: "_Pending", reading: Reading[Any], at: datetime
    ) -> bool:
        """Whether a batch has only figures to keep, which then wait for up to a second."""
        late = (at - self.saved_at).total_seconds() > SECONDS_A_FIGURE
        news = reading.records or reading.rejected or self.aside.meets(resource.name, pending.refs)
        return not (late or news)

    def _count(
        self, step: SyncStep, pending: "_Pending", reading: Reading[Any], stored: Stored
    ) -> None:
        step.fetched += pending.items
        step.stored += stored.inserted
        step.changed += stored.changed
        step.set_aside += len(reading.rejected)
        step.unchanged += pending.items - len(reading.rejected) - stored.inserted - stored.changed
        for name, count in reading.surprises.items():
            step.surprises[name] = step.surprises.get(name, 0) + count

    def _finish_step(self, resource: Resource, step: SyncStep, last: Batch, at: datetime) -> None:
        step.state, step.finished_at = SyncStep.State.DONE, at
        if resource.followed is not None:
            step.complete_to = resource.followed(self.account, at)
            return
        if last.complete_to is None and not last.whole:
            return
        # A provider that says no time and lists nothing is complete to when it was asked.
        step.complete_to = last.complete_to or step.started_at
        if last.whole:
            self.aside.end_whole(resource.name)
        cover(self.account, step, whole=last.whole, version=self.version, at=at)

    def _save_if_wanted(self, step: SyncStep) -> None:
        """Save a step's figures, or raise Stopped: the question costs no query of its own."""
        fields = [field for field in SyncStep._meta.concrete_fields if not field.primary_key]
        own = SyncStep.objects.filter(
            pk=step.pk,
            run__account__state=ProviderAccount.State.ACTIVE,
            run__account__credentials_set_at=self.account.credentials_set_at,
        )
        if not own.update(**{field.attname: getattr(step, field.attname) for field in fields}):
            self._still_wanted()
            raise Stopped("replaced")

    def _still_wanted(self) -> None:
        """Raise Stopped where a person has meanwhile decided that nothing more be read."""
        own = ProviderAccount.objects.filter(pk=self.account.pk)
        state, credentials_set_at = own.values_list("state", "credentials_set_at").get()
        if state != ProviderAccount.State.ACTIVE:
            raise Stopped(state.lower())
        if credentials_set_at != self.account.credentials_set_at:
            raise Stopped("replaced")

    def _stop(self, step: SyncStep, stop: Stopped) -> None:
        """End the run where it is: what was committed stays, and no bookmark moves."""
        now = timezone.now()
        step.refresh_from_db()
        step.state, step.finished_at = SyncStep.State.FAILED, now
        step.error_code, step.error = stop.code, str(stop)
        self.run.state, self.run.finished_at = SyncRun.State.INTERRUPTED, now
        self.run.heartbeat_at = now
        self.run.error_code, self.run.error = stop.code, str(stop)
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
        with transaction.atomic():
            run.save()
            if ending is not None:
                note_failure(account, ending, now)
            else:
                later: dict[str, Any] = {}
                if self.ask.only is None:
                    later["next_sync_at"] = now + timedelta(seconds=settings.SYNC_EVERY_SECONDS)
                # A resource that is refused each time must not make every run a deep one.
                if self.deep and self.ask.only is None and self.ask.since is None:
                    later["next_deep_at"] = now + timedelta(days=1)
                note_success(account, **later)
