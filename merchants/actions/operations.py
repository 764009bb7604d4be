"""Asking a provider to change something: the wish is a row before anything is sent.

Each app's `operations.py` lists OPERATIONS; `merchants.operations` sends them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from merchants.actions.trail import record
from merchants.models import Membership, Operation, ProviderAccount, Right
from portal.celery import wake
from portal.conflicts import Conflict, KeyUsed
from providers.base.registry import providers

State = Operation.State


class OperationPending(Conflict):
    """Somebody has asked for something of the same thing that is not over; `operation` is it."""

    def __init__(self, open_: Operation) -> None:
        self.operation = open_
        who = str(open_.requested_by) if open_.requested_by else _("Somebody")
        super().__init__(
            _("%(who)s has asked for “%(what)s” a moment before, and that is not over yet.")
            % {"who": who, "what": open_.get_kind_display()}
        )


class NotOffered(Conflict):
    """The provider cannot do it, or the thing is no longer there."""


@dataclass(frozen=True)
class Found:
    """What reading back has shown: whether it is done (None: that cannot be told), and what."""

    done: bool | None
    said: str
    outcome: Any = None


def the_one(found: Iterable[Any]) -> Found:
    """What reading back has shown where one new thing is looked for among others."""
    fits = list(found)
    if len(fits) > 1:
        return Found(None, gettext_noop("Several new ones there fit what was asked for."))
    if not fits:
        return Found(False, gettext_noop("Nothing new there fits what was asked for."))
    return Found(True, gettext_noop("One new one there fits what was asked for."), fits[0])


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


def is_offered(account: ProviderAccount, capability: type) -> bool:
    """Whether the account's provider can do something, and may still be asked."""
    removed = account.state == ProviderAccount.State.REMOVED
    return not removed and issubclass(providers()[account.provider], capability)  # type: ignore[arg-type]


def need_offered(account: ProviderAccount, capability: type) -> None:
    """Raise NotOffered where the account's provider cannot do something."""
    if not is_offered(account, capability):
        raise NotOffered(_("%(provider)s cannot do that.") % {"provider": account.title})


def need_called(account: ProviderAccount, capability: type) -> None:
    """Raise NotOffered where the account's provider cannot do something, or is not called now."""
    need_offered(account, capability)
    if account.state == ProviderAccount.State.REFUSED:
        raise NotOffered(_("The provider refused the credentials."))
    if account.state != ProviderAccount.State.ACTIVE:
        raise NotOffered(_("The account is paused: go on with it first."))


def request_operation(
    *,
    kind: str,
    account: ProviderAccount,
    subject: models.Model | None,
    makes: str = "",
    asked: Mapping[str, Any],
    by: Membership,
    key: str,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
    replaces: Operation | None = None,
    bound_to: Mapping[str, Any] | None = None,
    need: Callable[[], None] = lambda: None,
    takes_two: Callable[[], bool] = lambda: False,
) -> Operation:
    """Write the wish down, and have it sent. The same key again is the same operation.

    The database allows one open operation for a thing, so of two people who press the button
    together exactly one succeeds. `makes` names the kind of what is not there yet; `replaces` is
    withdrawn in the same step, where it was not sent. A key is bound to what was `asked`, or to
    `bound_to`. `need` raises where a new wish cannot be, and `takes_two` says whether somebody else
    has to agree to it first; neither is looked at where the key has come before, as things have
    moved on since. Raises OperationPending, KeyUsed and what `need` raises.
    """
    name = (subject._meta.model_name if subject is not None else makes) or ""
    subject_id = subject.pk if subject is not None else None
    digest = _digest(kind, name, subject_id, account.pk, asked if bound_to is None else bound_to)
    if (same := _same(by, key, digest)) is not None:
        return same
    try:
        with transaction.atomic():
            need()
            second = takes_two()
            if replaces is not None:
                withdraw_operation(operation=replaces, by=by, at=at)
            made = Operation.objects.create(
                merchant_id=by.merchant_id, account=account, kind=kind, subject_kind=name,
                subject_id=subject_id, asked=dict(asked), key=key, digest=digest,
                requested_by=by.user, requested_at=at, next_at=at, needs_second=second,
            )  # fmt: skip
            told = {"operation": made.pk, "kind": kind, **(facts or {})}
            if second:
                told["second"] = True
            about = _about(made)
            record("operation.requested", about=about, merchant=by.merchant_id, facts=told)
            wake("merchants.send_operations", account.pk)
    except IntegrityError:
        if (same := _same(by, key, digest)) is not None:
            return same
        there = open_of(subject) if subject is not None else None
        if there is None:
            raise  # It has ended in between, and whoever asks again finds room.
        raise OperationPending(there) from None
    return made


def _same(by: Membership, key: str, digest: bytes) -> Operation | None:
    """What the key asked for before. Raises KeyUsed where that was something else."""
    found = Operation.objects.filter(merchant=by.merchant_id, key=key).first()
    if found is not None and (found.digest is None or bytes(found.digest) != digest):
        raise KeyUsed(_("This key came before with something else."))
    return found


def _digest(*asked: Any) -> bytes:
    """Tells two wishes apart without keeping who they name: nobody can try names against it."""
    body = json.dumps(asked, sort_keys=True, default=str)
    return salted_hmac("operation", body, algorithm="sha256").digest()


def forget_keys(at: datetime) -> int:
    """Let go of the keys that have lasted as long as they are kept; how many."""
    old = Operation.objects.filter(key__isnull=False, requested_at__lt=at - Operation.KEY_LASTS)
    return old.update(key=None, digest=None)


def _about(operation: Operation) -> tuple[str, int]:
    """What an entry of the trail is about: the thing, or the account where it is to be made."""
    if operation.subject_id is None:
        return "provideraccount", operation.account_id
    return operation.subject_kind, operation.subject_id


def open_of(subject: models.Model) -> Operation | None:
    """The operation of a thing that is not over."""
    own = Operation.objects.filter(
        subject_kind=subject._meta.model_name, subject_id=subject.pk, state__in=Operation.OPEN
    )
    return own.select_related("requested_by").order_by("needs_second", "pk").first()


def right_to(kind: str) -> Right:
    """Who may ask for a kind may withdraw it and decide on it."""
    if kind in Operation.TOKENS:
        return Right.ACCOUNTS
    return Right.PAYMENTS if kind in Operation.PAYMENTS else Right.FLEET


@transaction.atomic
def withdraw_operation(
    *, operation: Operation, by: Membership, at: datetime, reason: str = ""
) -> bool:
    """Take a wish back that was not sent; whether there was time."""
    by.need(right_to(operation.kind))
    said = _("%(who)s: %(reason)s") % {"who": by.user, "reason": reason} if reason else ""
    if not _withdraw(operation, at, said):
        return False
    note_operation("operation.withdrawn", operation, reason=reason)
    return True


def _withdraw(operation: Operation, at: datetime, message: str) -> int:
    own = Operation.objects.filter(pk=operation.pk, state=State.REQUESTED)
    return own.update(
        state=State.WITHDRAWN, finished_at=at, next_at=None, message=message[:500],
        asked=_kept(operation),
    )  # fmt: skip


def _kept(operation: Operation) -> dict[str, Any]:
    """What stays of what was asked: a sale, and what was to be taken of it, is no person."""
    asked = operation.asked
    return {name: asked[name] for name in ("sale", "minor")} if asked.get("sale") else {}


def has_asked(operation: Operation, by: Membership) -> bool:
    """Whether it is theirs, so that they cannot be its second person; nor can a program be.

    A program asks for whoever made it.
    """
    asker = Membership.objects.filter(
        merchant=operation.merchant_id, user=operation.requested_by_id
    ).first()
    askers = {operation.requested_by_id, asker.made_by_id if asker else None}
    return by.user_id in askers or by.user.is_service


@transaction.atomic
def agree_operation(*, operation: Operation, by: Membership, at: datetime) -> bool:
    """Have one sent that takes two people, as the second; whether it still waited for one.

    Raises OperationPending where something else of the same thing is not over.
    """
    by.need(right_to(operation.kind))
    own = Operation.objects.filter(pk=operation.pk, state=State.REQUESTED, needs_second=True)
    try:
        with transaction.atomic():
            if not own.update(needs_second=False, agreed_by=by.user, next_at=at):
                return False
    except IntegrityError:
        busy = Operation.objects.filter(
            subject_kind=operation.subject_kind, subject_id=operation.subject_id,
            state__in=Operation.OPEN, needs_second=False,
        )  # fmt: skip
        raise OperationPending(busy.select_related("requested_by").get()) from None
    note_operation("operation.agreed", operation)
    wake("merchants.send_operations", operation.account_id)
    return True


def end_unagreed(at: datetime) -> int:
    """Withdraw what has waited too long for a second person; how many."""
    old = Operation.objects.filter(
        state=State.REQUESTED, needs_second=True, requested_at__lte=at - Operation.SECOND
    )
    ended = 0
    for each in old.order_by("pk"):
        with transaction.atomic():
            if _withdraw(each, at, _("Nobody else agreed to it in time.")):
                note_operation("operation.withdrawn", each)
                ended += 1
    return ended


@transaction.atomic
def decide_operation(
    *, operation: Operation, done: bool, reason: str, by: Membership, at: datetime
) -> bool:
    """Say what became of one that nobody could find out, as somebody who knows; whether it was so.

    Our own rows are not changed by it: the next reading of the provider says what is true there.
    """
    by.need(right_to(operation.kind))
    own = Operation.objects.filter(pk=operation.pk, state=State.UNKNOWN, next_at=None)
    state = State.CONFIRMED if done else State.REFUSED
    said = _("Decided by %(who)s: %(reason)s") % {"who": by.user, "reason": reason}
    kept = _kept(operation)
    if not own.update(state=state, finished_at=at, message=said[:500], asked=kept):
        return False
    note_operation("operation.decided", operation, reason=reason, done=done)
    return True


def note_operation(action: str, operation: Operation, reason: str = "", **facts: Any) -> None:
    """Add what became of an operation to the trail."""
    record(
        action,
        about=_about(operation),
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
    else:
        # Who it names is not kept once it is over.
        operation.asked = {}
    Operation.objects.filter(pk=operation.pk).update(
        state=state, finished_at=at, next_at=None, message=message[:500], asked=operation.asked,
        evidence=operation.evidence, subject_id=operation.subject_id, outcome=operation.outcome,
        words=operation.words,
    )  # fmt: skip
    note_operation(f"operation.{state.lower()}", operation)
