"""Refunds that tests ask for."""

from datetime import datetime

from merchants.models import Membership, Operation
from providers.base.money import Money
from terminals.models import Terminal
from transactions.actions import open_session
from transactions.models import RefundLimit, Transaction


def sale_of(merchant_id: int) -> Transaction:
    """A sale of which nothing was given back."""
    own = Transaction.objects.filter(
        merchant=merchant_id, kind="PURCHASE", status="APPROVED", refunded="NONE",
        amount_minor__gte=300,
    )  # fmt: skip
    return own.exclude(refunded_minor=None).order_by("-pk")[0]


def ask_refund(
    sale: Transaction, minor: int, *, by: Membership, key: str, at: datetime, terminal: Terminal
) -> Operation:
    """Ask a terminal to give something of a sale back."""
    return open_session(
        terminal=terminal, kind="REFUND", amount=Money(minor, sale.currency), reference="",
        refund_of=sale, by=by, key=key, at=at,
    )  # fmt: skip


def refund_for_two(*, by: Membership, at: datetime, key: str = "two") -> Operation:
    """A refund that waits for a second person, on the merchant's last terminal but one."""
    sale = sale_of(by.merchant_id)
    RefundLimit.objects.get_or_create(
        merchant=by.merchant, role=by.role, currency=sale.currency, defaults={"alone_minor": 100}
    )
    own = Terminal.objects.filter(account=sale.account_id).exclude(ref=None)
    return ask_refund(sale, 200, by=by, key=key, at=at, terminal=own.order_by("-pk")[1])
