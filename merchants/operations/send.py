"""Sending what people have asked of providers, and finding out what became of it.

One process at a time works for an account, behind a lock of its database session. An operation is
marked as sent, and committed, before the call; whoever finds one so marked without anybody working
knows that its process died, and what became of it is read back from the provider, never guessed
and never blindly repeated.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.db.models import F, Q
from django.utils import timezone

from merchants.actions.accounts import opened
from merchants.actions.operations import How, end_operation, note_operation
from merchants.actions.trail import Scene, acting
from merchants.models import Door, Operation, ProviderAccount
from merchants.queries import of_account
from merchants.sync.health import note_failure
from merchants.sync.locks import lock_key, taken
from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Refused,
    Throttled,
    Unknown,
    Unreachable,
)
from providers.base.http import Limits

log = logging.getLogger(__name__)
State = Operation.State
# After the answer was lost, when to look what is true there; then a person decides.
LOOKS = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600))
# One that was found not done is sent again so often, all in all.
MOST_TRIES = 3
# Seconds that a provider which cannot be reached is left alone.
PAUSE = 15
Clock = Callable[[], datetime]


@cache
def hows() -> dict[str, How]:
    """How each kind is done, as every installed app says it, found by the name of its module."""
    found: dict[str, How] = {}
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.operations") is not None:
            found |= {
                each.kind: each for each in import_module(f"{app.name}.operations").OPERATIONS
            }
    return found


def accounts_with_work(now: datetime) -> list[int]:
    """The accounts of which an operation waits to be sent or looked at."""
    waiting = Operation.objects.filter(state__in=Operation.OPEN, needs_second=False)
    waiting = waiting.exclude(next_at__gt=now)
    active = waiting.exclude(next_at=None).filter(
        Q(account__state=ProviderAccount.State.ACTIVE)
        | Q(account__state=ProviderAccount.State.REFUSED, kind__in=Operation.TOKENS)
    )
    return sorted(set(active.values_list("account", flat=True)))


def send_operations(
    account_id: int, *, limits: Limits | None = None, clock: Clock = timezone.now
) -> int:
    """Do what is due for an account; how many steps were made. 0 where another process does it."""
    job = acting(Scene(door=Door.JOB))
    with job, of_account(account_id), taken([lock_key(account_id, "operations")]) as mine:
        if not mine:
            return 0
        account = ProviderAccount.objects.get(pk=account_id)
        if account.state not in (ProviderAccount.State.ACTIVE, ProviderAccount.State.REFUSED):
            return 0
        return _Turn(account, limits, clock).take()


class _Turn:
    """One process's work for one account."""

    def __init__(self, account: ProviderAccount, limits: Limits | None, clock: Clock) -> None:
        self.account, self.clock = account, clock
        self.limits = limits or Limits(tries=1)
        self.own = Operation.objects.filter(account=account)
        if account.state == ProviderAccount.State.REFUSED:
            # Its credentials are not taken, but for being given others.
            self.own = self.own.filter(kind__in=Operation.TOKENS)

    def take(self) -> int:
        # Nobody else works for this account, so whoever sent these is dead.
        died = self.own.filter(state=State.SENT)
        died.update(state=State.UNKNOWN, next_at=F("sent_at") + LOOKS[0], looks=0)
        steps = 0
        operation = self._next()
        if operation is None:
            return 0
        try:
            with opened(self.account, self.limits) as connector:
                while operation is not None:
                    steps += 1
                    if not self._step(connector, operation):
                        break
                    operation = self._next()
        except ProviderFailure as failure:
            # The connector could not even be made; nothing was sent.
            if operation is not None:
                self._wait(operation, failure)
        return steps

    def _next(self) -> Operation | None:
        now = self.clock()
        unknown = self.own.filter(state=State.UNKNOWN, next_at__lte=now).order_by("next_at", "pk")
        if (found := unknown.first()) is not None:
            return found
        # The first of those that wait, though it be left alone yet: none overtakes it.
        agreed = self.own.filter(state=State.REQUESTED, needs_second=False)
        first = agreed.order_by("pk").first()
        due = first is not None and first.next_at is not None and first.next_at <= now
        return first if due else None

    def _step(self, connector: Any, operation: Operation) -> bool:
        """Send or look; whether the provider can be called on."""
        how = hows()[operation.kind]
        if not isinstance(connector, how.capability):
            end_operation(operation, State.REFUSED, self.clock(), message="Not offered here.")
            return True
        if operation.state == State.UNKNOWN:
            return self._look(connector, operation, how)
        return self._send(connector, operation, how)

    def _send(self, connector: Any, operation: Operation, how: How) -> bool:
        now = self.clock()
        mine = self.own.filter(pk=operation.pk, state=operation.state, needs_second=False)
        if not mine.update(state=State.SENT, sent_at=now, tries=F("tries") + 1):
            return True  # Withdrawn a moment ago.
        before, operation.state = operation.state, State.SENT
        operation.sent_at, operation.tries = now, operation.tries + 1
        try:
            outcome = how.send(connector, operation)
        except Unknown as failure:
            self._unknown(operation, str(failure))
        except (Unreachable, Throttled, NotAuthorised) as failure:
            # Nothing was changed, so it is as it was before, and counts as no try.
            self.own.filter(pk=operation.pk).update(state=before, tries=F("tries") - 1)
            self._wait(operation, failure)
            return False
        except Refused as failure:
            message = failure.said("en")
            operation.words = {each: text[:500] for each, text in failure.words.items()}
            end_operation(operation, State.REFUSED, self.clock(), message=message)
        except Exception as problem:
            # Ours, and what the provider did with the call is not known.
            log.exception("operation %s", operation.pk)
            self._unknown(operation, f"The portal failed while it sent ({type(problem).__name__}).")
        else:
            self._confirm(operation, how, outcome)
        return True

    def _confirm(self, operation: Operation, how: How, outcome: Any) -> None:
        at = self.clock()
        settle = partial(how.settle, operation, outcome, at)
        end_operation(operation, State.CONFIRMED, at, settle=settle)

    def _unknown(self, operation: Operation, message: str) -> None:
        self.own.filter(pk=operation.pk).update(
            state=State.UNKNOWN, looks=0, next_at=self.clock() + LOOKS[0], message=message[:500]
        )
        note_operation("operation.unknown", operation)

    def _look(self, connector: Any, operation: Operation, how: How) -> bool:
        """Read back what is true there, and decide by it."""
        reached = True
        try:
            found = how.look(connector, operation)
            done, said = found.done, found.said
        except ProviderFailure as failure:
            found, done, said = None, None, str(failure)
            reached = not isinstance(failure, (Unreachable, Throttled, NotAuthorised))
        now = self.clock()
        operation.evidence = [*operation.evidence, {"at": now.isoformat(), "found": said}]
        looks = operation.looks + 1
        self.own.filter(pk=operation.pk).update(looks=looks, evidence=operation.evidence)
        if done and found is not None:
            self._confirm(operation, how, found.outcome)
        elif done is False and how.again and operation.tries < MOST_TRIES:
            return self._send(connector, operation, how)
        else:
            since = operation.sent_at or now
            later = since + LOOKS[looks] if looks < len(LOOKS) else None
            self.own.filter(pk=operation.pk).update(next_at=later and max(later, now))
        return reached

    def _wait(self, operation: Operation, failure: ProviderFailure) -> None:
        """The provider cannot be called: everything of the account waits behind this."""
        seconds = getattr(failure, "seconds", None) or PAUSE
        later = self.clock() + timedelta(seconds=seconds)
        self.own.filter(pk=operation.pk).update(next_at=later, message=str(failure)[:500])
        if isinstance(failure, NotAuthorised):
            note_failure(self.account, failure, self.clock())
