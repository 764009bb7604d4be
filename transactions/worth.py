"""Whether a receipt that somebody holds out is ours, and still worth what it says."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from merchants.models import Merchant
from portal import isolation
from providers.base.money import exponent
from transactions.genuine import read_code
from transactions.models import IssuedReceipt, Kind, Status, Transaction

MOST = 5


@dataclass(frozen=True)
class Verdict:
    """GENUINE, AMOUNT (another than the receipt says), WITHDRAWN or UNKNOWN.

    `minor` and `currency` are what the paper says; `transaction` is told only where it is genuine.
    """

    said: str
    minor: int = 0
    currency: str = ""
    transaction: Transaction | None = None

    @property
    def moved_money(self) -> bool:
        """Whether what the receipt is of has moved money, and still has."""
        return self.transaction is not None and self.transaction.status == Status.APPROVED


def worth_of(code: str) -> Verdict:
    """What the code on a receipt is worth. One that we did not sign is not looked up at all."""
    said = read_code(code)
    if said is None:
        return Verdict("UNKNOWN")
    pk, minor, currency = said
    with isolation.everywhere():
        rows = IssuedReceipt.objects.select_related("transaction__branch", "transaction__merchant")
        issued = rows.filter(pk=pk, merchant__answers_checks=True).first()
    if issued is None:
        return Verdict("UNKNOWN")
    if issued.withdrawn_at is not None:
        return Verdict("WITHDRAWN", minor, currency)
    found = issued.transaction
    if (found.amount_minor, found.currency) != (minor, currency):
        return Verdict("AMOUNT", minor, currency)
    return Verdict("GENUINE", minor, currency, found)


def is_confirmed(merchant: Merchant, *, rrn: str, amount: str, day: date) -> bool:
    """Whether the merchant took an approved payment of just that. The same work in every case."""
    with isolation.of(merchant.pk):
        own = Transaction.objects.filter(merchant=merchant, rrn=rrn).select_related("branch")
        rows = list(own.order_by("pk")[:MOST])
    try:
        asked = Decimal(amount)
    except InvalidOperation:
        asked = Decimal(-1)
    if not asked.is_finite():
        asked = Decimal(-1)
    fits = [_fits(row, asked, day) for row in rows]
    return any(fits)


def _fits(row: Transaction, asked: Decimal, day: date) -> bool:
    is_sale = row.kind == Kind.PURCHASE and row.status == Status.APPROVED
    is_amount = asked.scaleb(exponent(row.currency)) == row.amount_minor
    return is_sale and is_amount and row.business_day == day
