"""Asking terminals for payments and refunds."""

import hashlib
from datetime import datetime

from django.utils.translation import gettext as _

from merchants.actions.operations import request_operation
from merchants.models import Membership, Operation, Right
from portal.conflicts import Conflict
from providers.base.money import Money
from providers.base.provider import OpensSessions
from terminals.actions import need_reachable
from terminals.models import Terminal
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
    is lost. Raises OperationPending, KeyUsed, NotOffered or NotPossible.
    """
    by.need(Right.PAYMENTS)

    def need() -> None:
        need_reachable(terminal, OpensSessions)
        if refund_of is not None or kind == Kind.REFUND:
            _need_refundable(kind, amount, refund_of, terminal)

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
    )  # fmt: skip


def _need_refundable(
    kind: str, amount: Money, sale: Transaction | None, terminal: Terminal
) -> None:
    """Raise NotPossible unless the sale can be refunded by that much on that terminal.

    Holds the sale until the wish is written down: of two who refund it at once, the second sees
    what the first has asked for.
    """
    if kind != Kind.REFUND or sale is None:
        raise NotPossible(_("A refund names the sale that it gives back, and only a refund does."))
    sold = sale.kind == Kind.PURCHASE and sale.status == Status.APPROVED
    if not sold or sale.account_id != terminal.account_id:
        raise NotPossible(_("Only an approved sale of the same account can be refunded."))
    sale = Transaction.objects.select_for_update(no_key=True).get(pk=sale.pk)
    if sale.refunded == Refunded.SOME:
        raise NotPossible(_("The provider does not say how much of it was given back."))
    left = left_of(sale)
    if amount.currency != sale.currency or amount.minor > left:
        raise NotPossible(_("That is more than is left of the sale, or in another currency."))


def left_of(sale: Transaction) -> int:
    """The minor units of a sale that were neither given back nor asked to be."""
    gone = (sale.refunded_minor or 0) + _asked_back(sale)
    return 0 if sale.refunded == Refunded.FULL else max((sale.captured_minor or 0) - gone, 0)


def _asked_back(sale: Transaction) -> int:
    """How much of a sale was asked to be given back from here, as far as its row does not say so.

    What came to nothing does not count; what was done counts until the sale's own row has changed
    since.
    """
    nothing = (Operation.State.REFUSED, Operation.State.WITHDRAWN)
    own = Operation.objects.filter(
        account=sale.account_id, kind=Operation.Kind.OPEN_SESSION, asked__sale=sale.pk
    ).exclude(state__in=nothing)
    asked = [(each.outcome.get("id"), int(each.asked["minor"])) for each in own]
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
