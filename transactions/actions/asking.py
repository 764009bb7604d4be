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
    left = left_of(sale)
    if amount.currency != sale.currency or amount.minor > left:
        raise NotPossible(_("That is more than is left of the sale, or in another currency."))


def left_of(sale: Transaction) -> int:
    """The minor units of a sale that were neither given back nor asked to be."""
    # The provider learns of what was asked for here only once somebody has held out a card.
    gone = max(sale.refunded_minor or 0, _asked_back(sale))
    return 0 if sale.refunded == Refunded.FULL else (sale.captured_minor or 0) - gone


def _asked_back(sale: Transaction) -> int:
    """How much of a sale was asked to be given back from here, but for what came to nothing."""
    nothing = (Operation.State.REFUSED, Operation.State.WITHDRAWN)
    own = Operation.objects.filter(
        account=sale.account_id, kind=Operation.Kind.OPEN_SESSION, asked__sale=sale.pk
    ).exclude(state__in=nothing)
    lapsed = Session.objects.filter(
        account=sale.account_id, status=SessionStatus.EXPIRED, transaction_ref=None
    ).values("pk")
    sessions = {each.outcome.get("id"): int(each.asked["minor"]) for each in own if each.outcome}
    over = set(lapsed.filter(pk__in=sessions).values_list("pk", flat=True))
    done = sum(minor for pk, minor in sessions.items() if pk not in over)
    return done + sum(int(each.asked["minor"]) for each in own if not each.outcome)
