"""Asking terminals for payments and refunds."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import agree_operation, has_asked, request_operation
from merchants.models import Membership, Operation, Right
from portal.conflicts import Conflict
from providers.base.money import Money
from providers.base.provider import OpensSessions
from terminals.actions import need_reachable
from terminals.models import Terminal
from transactions.actions.limits import need_limit
from transactions.models import Kind, Refunded, Session, SessionStatus, Status, Transaction


class NotPossible(Conflict):
    """A refund of something that cannot be refunded so."""

    status = 400


def open_session(
    *,
    terminal: Terminal,
    kind: str,
    amount: Money,
    reference: str,
    refund_of: Transaction | None,
    by: Membership,
    key: str,
    at: datetime,
) -> Operation:
    """Ask the provider to have a terminal take a payment or give one back.

    Without a reference it is given one of its own, so that it can be found again where the answer
    is lost. A refund beyond what its asker may give back alone waits for somebody else to agree.
    Raises OperationPending, KeyUsed, NotOffered, NotPossible or OverLimit.
    """
    by.need(Right.PAYMENTS)

    def need() -> None:
        need_reachable(terminal, OpensSessions)

    def takes_two() -> bool:
        if refund_of is None and kind != Kind.REFUND:
            return False
        sale = need_refundable(kind, amount, refund_of, terminal.account_id)
        return need_limit(by, whole_of(sale, amount))

    own = hashlib.sha256(f"{by.merchant_id} {key}".encode()).hexdigest()[:16]
    asked = {
        "kind": kind, "minor": amount.minor, "currency": amount.currency,
        "reference": reference or f"portal-{own}", "refund_of": refund_of.ref if refund_of else "",
        "sale": refund_of.pk if refund_of else None,
    }  # fmt: skip
    told = {"session": kind, "amount": f"{amount.minor} {amount.currency}"}
    return request_operation(
        kind=Operation.Kind.OPEN_SESSION, account=terminal.account, subject=terminal, asked=asked,
        by=by, key=key, at=at, facts=told, need=need,
        takes_two=takes_two,
    )  # fmt: skip


def need_refundable(
    kind: str, amount: Money, sale: Transaction | None, account: int, without: int | None = None
) -> Transaction:
    """The sale as it is now, or raise NotPossible where so much of it cannot be given back there.

    Holds the sale until the wish is written down: of two who refund it at once, the second sees
    what the first has asked for. `without` is an operation that is not counted.
    """
    if kind != Kind.REFUND or sale is None:
        raise NotPossible(_("A refund names the sale that it gives back, and only a refund does."))
    sale = Transaction.objects.select_for_update(no_key=True).get(pk=sale.pk)
    sold = sale.kind == Kind.PURCHASE and sale.status == Status.APPROVED
    if not sold or sale.account_id != account:
        raise NotPossible(_("Only an approved sale of the same account can be refunded."))
    if sale.refunded == Refunded.SOME:
        raise NotPossible(_("The provider does not say how much of it was given back."))
    left = left_of(sale, without)
    if amount.currency != sale.currency or amount.minor > left:
        raise NotPossible(_("That is more than is left of the sale, or in another currency."))
    return sale


def whole_of(sale: Transaction, amount: Money, without: int | None = None) -> Money:
    """How much of a sale is given back in all, with what is asked for now.

    It is what limits speak of: several small refunds of one sale are one large one.
    """
    before = (sale.captured_minor or 0) - left_of(sale, without)
    return Money(before + amount.minor, amount.currency)


@transaction.atomic
def agree_refund(*, operation: Operation, by: Membership, at: datetime) -> None:
    """Have a refund sent that takes two people, as the second.

    Raises NotPossible where it waits for nobody any more, or for somebody else, and OverLimit.
    """
    by.need(Right.PAYMENTS)
    if has_asked(operation, by):
        raise NotPossible(_("Somebody else than who asked for it has to agree."))
    sale = Transaction.objects.get(pk=operation.asked["sale"])
    amount = Money(operation.asked["minor"], sale.currency)
    sale = need_refundable(Kind.REFUND, amount, sale, operation.account_id, operation.pk)
    need_limit(by, whole_of(sale, amount, operation.pk))
    if not agree_operation(operation=operation, by=by, at=at):
        raise NotPossible(_("This waits for nobody any more."))


def left_of(sale: Transaction, without: int | None = None) -> int:
    """The minor units of a sale that were neither given back nor asked to be.

    `without` is an operation that is not counted.
    """
    gone = (sale.refunded_minor or 0) + _asked_back(sale, without)
    return 0 if sale.refunded == Refunded.FULL else max((sale.captured_minor or 0) - gone, 0)


def _asked_back(sale: Transaction, without: int | None) -> int:
    """How much of a sale was asked to be given back from here, as far as its row does not say so.

    What came to nothing does not count; what was done counts until the sale's own row has changed
    since.
    """
    nothing = (Operation.State.REFUSED, Operation.State.WITHDRAWN)
    own = (
        Operation.objects.filter(
            account=sale.account_id, kind__in=Operation.REFUNDS, asked__sale=sale.pk
        )
        .exclude(state__in=nothing)
        .exclude(pk=without or 0)
    )
    told = [(each.outcome, int(each.asked["minor"])) for each in own]
    # A refund that stands in a row of its own is in what the sale says of itself.
    made = [outcome["ref"] for outcome, _minor in told if "ref" in outcome]
    there = Transaction.objects.filter(account=sale.account_id, ref__in=made)
    counted = set(there.values_list("ref", flat=True)) if made else set()
    asked = [
        (outcome.get("id"), minor) for outcome, minor in told if outcome.get("ref") not in counted
    ]
    known = [pk for pk, _minor in asked if pk is not None]
    sessions = Session.objects.in_bulk(known) if known else {}
    refs = [each.transaction_ref for each in sessions.values() if each.transaction_ref]
    answers = {
        each.ref: each
        for each in Transaction.objects.filter(account=sale.account_id, ref__in=refs)
    } if refs else {}  # fmt: skip
    return sum(minor for pk, minor in asked if _still_counts(sale, sessions.get(pk), answers))


def _still_counts(
    sale: Transaction, session: Session | None, answers: dict[str, Transaction]
) -> bool:
    if session is None:
        return True
    if session.transaction_ref is None:
        return session.status != SessionStatus.EXPIRED
    answer = answers.get(session.transaction_ref)
    if answer is None:
        return True
    return answer.status == Status.APPROVED and sale.changed_at < answer.occurred_at
