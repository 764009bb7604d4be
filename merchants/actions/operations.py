"""Asking a provider to change something: the wish is a row before anything is sent.

Each app's `operations.py` lists OPERATIONS; `merchants.operations` sends them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import Membership, Operation, ProviderAccount
from portal.celery import wake

State = Operation.State


class OperationPending(Exception):
    """Somebody has asked for something of the same thing that is not over; `open` is it."""

    def __init__(self, open_: Operation) -> None:
        self.open = open_
        who = str(open_.requested_by) if open_.requested_by else _("Somebody")
        super().__init__(
            _("%(who)s has asked for “%(what)s” a moment before, and that is not over yet.")
            % {"who": who, "what": open_.get_kind_display()}
        )


class KeyUsed(Exception):
    """The key came before with something else."""


@dataclass(frozen=True)
class Found:
    """What reading back has shown: whether it is done (None: that cannot be told), and what."""

    done: bool | None
    said: str
    outcome: Any = None


@dataclass(frozen=True)
class How:
    """How one kind of operation is done.

    `send` calls the provider once and returns what it answered; `look` reads back what is true
    there; `settle` writes what follows for our own rows, in the transaction that ends the
    operation. One that may be sent `again` does no harm where it was done before.
    """

    kind: str
    capability: type
    send: Callable[[Any, Operation], Any]
    look: Callable[[Any, Operation], Found]
    settle: Callable[[Operation, Any, datetime], None]
    again: bool = True


def request_operation(
    *,
    kind: str,
    account: ProviderAccount,
    subject: models.Model,
    asked: Mapping[str, Any],
    by: Membership,
    key: str,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
) -> Operation:
    """Write the wish down, and have it sent. The same key again is the same operation.

    The database allows one open operation for a thing, so of two people who press the button
    together exactly one succeeds. Raises OperationPending or KeyUsed.
    """
    name = subject._meta.model_name or ""
    try:
        with transaction.atomic():
            made = Operation.objects.create(
                merchant_id=by.merchant_id, account=account, kind=kind, subject_kind=name,
                subject_id=subject.pk, asked=dict(asked), key=key, requested_by=by.user,
                requested_at=at, next_at=at,
            )  # fmt: skip
            told = {"operation": made.pk, "kind": kind, **(facts or {})}
            record("operation.requested", subject=subject, merchant=by.merchant_id, facts=told)
            wake("merchants.send_operations", account.pk)
    except IntegrityError:
        same = Operation.objects.filter(merchant=by.merchant_id, key=key).first()
        if same is not None:
            if (same.kind, same.subject_kind, same.subject_id) != (kind, name, subject.pk):
                raise KeyUsed(_("This key came before with something else.")) from None
            return same
        there = open_of(subject)
        if there is None:
            raise  # It has ended in between, and whoever asks again finds room.
        raise OperationPending(there) from None
    return made


def open_of(subject: models.Model) -> Operation | None:
    """The operation of a thing that is not over."""
    own = Operation.objects.filter(
        subject_kind=subject._meta.model_name, subject_id=subject.pk, state__in=Operation.OPEN
    )
    return own.select_related("requested_by").first()


@transaction.atomic
def withdraw_operation(*, operation: Operation, by: Membership, at: datetime) -> bool:
    """Take a wish back that was not sent; whether there was time."""
    own = Operation.objects.filter(pk=operation.pk, state=State.REQUESTED)
    if not own.update(state=State.WITHDRAWN, finished_at=at, next_at=None, asked={}):
        return False
    _note("operation.withdrawn", operation)
    return True


@transaction.atomic
def decide_operation(
    *, operation: Operation, done: bool, reason: str, by: Membership, at: datetime
) -> bool:
    """Say what became of one that nobody could find out, as somebody who knows; whether it was so.

    Our own rows are not changed by it: the next reading of the provider says what is true there.
    """
    own = Operation.objects.filter(pk=operation.pk, state=State.UNKNOWN, next_at=None)
    state = State.CONFIRMED if done else State.REFUSED
    said = _("Decided by %(who)s: %(reason)s") % {"who": by.user, "reason": reason}
    if not own.update(state=state, finished_at=at, message=said[:500], asked={}):
        return False
    _note("operation.decided", operation, reason=reason, done=done)
    return True


def _note(action: str, operation: Operation, reason: str = "", **facts: Any) -> None:
    record(
        action,
        about=(operation.subject_kind, operation.subject_id),
        merchant=operation.merchant_id,
        reason=reason,
        facts={"operation": operation.pk, "kind": operation.kind, **facts},
    )


@transaction.atomic
def end_operation(
    operation: Operation, state: str, at: datetime, *, message: str = "", settle: Any = None
) -> None:
    """Write down how it ended, with what follows from it, by whoever holds the account's turn."""
    if settle is not None:
        settle()
    Operation.objects.filter(pk=operation.pk).update(
        state=state, finished_at=at, next_at=None, message=message[:500], asked=operation.asked,
        evidence=operation.evidence,
    )  # fmt: skip
    _note(f"operation.{state.lower()}", operation)
