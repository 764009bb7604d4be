"""MobilePay's words into ours.

Translating is versioned: a change of meaning here changes VERSION, and what is followed is read
anew.
"""

from decimal import Decimal
from zoneinfo import ZoneInfo

from providers.base.errors import Refused, Unreadable
from providers.base.money import Money, NotMoney, major_text
from providers.base.personal import without_cpr
from providers.base.reading import without_cards
from providers.base.records import (
    BranchRecord,
    Status,
    TerminalRecord,
    TransactionRecord,
)
from providers.mobilepay import payloads

VERSION = "2"
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
# (C) `currencyCode` defaults to it.
CURRENCY = "DKK"
# (C) the API behind the gateway takes these.
CURRENCIES = ("DKK", "EUR")

PREPARED, PAIRED, RESERVED, CAPTURED = "Prepared", "Paired", "Reserved", "Captured"
# (C) in these a payment keeps its point of sale from taking another (1301).
ACTIVE = ("Initiated", PREPARED, PAIRED, "IssuedToUser")
PAYMENTS: dict[str, Status] = {
    **dict.fromkeys(ACTIVE, "PENDING"),
    RESERVED: "AUTHORISED",
    CAPTURED: "APPROVED",
    "CancelledByUser": "CANCELLED",
    "CancelledByClient": "CANCELLED",
    "CancelledByMobilePay": "CANCELLED",
    "ExpiredAndCancelled": "EXPIRED",
    # (C) no longer documented upstream, and accepted here.
    "RejectedByMobilePayDueToAgeRestrictions": "DECLINED",
}
# Those of them that are over, uncaptured.
ENDED = tuple(word for word, status in PAYMENTS.items() if status in ("CANCELLED", "EXPIRED"))
REFUNDS: dict[str, Status] = {
    "Initiated": "PENDING",
    RESERVED: "AUTHORISED",
    CAPTURED: "APPROVED",
    "CancelledByClient": "CANCELLED",
    "CancelledByMobilePay": "CANCELLED",
    # (C) a reservation that nobody captured has captured itself after 24 hours.
    "ExpiredAndCaptured": "APPROVED",
}
# What an amount is checked against before it is formatted: a text of a million digits is short as
# an exponent.
_MOST_DECIMALS = 6


def branch(payload: payloads.Store) -> BranchRecord:
    """MobilePay's store is our branch."""
    if not payload.store_id:
        raise Unreadable("The store has no id.", "$.storeId")
    place = " ".join(each for each in (payload.store_zip_code, payload.store_city) if each)
    address = ", ".join(each for each in (payload.store_street, place) if each)
    return BranchRecord(
        ref=payload.store_id,
        name=_plain(payload.store_name) or _plain(payload.brand_name) or "",
        reference=_plain(payload.merchant_location_id) or None,
        address=_plain(address) or None,
        brand=_plain(payload.merchant_brand_id) or None,
        location=_plain(payload.merchant_location_id) or None,
        zone=COPENHAGEN.key,
    )


def terminal(payload: payloads.Carried) -> TerminalRecord:
    """A terminal, and the point of sale that it carries; without one it has no reference."""
    point = payload.point or payloads.Point()
    store = point.store_id or None
    return TerminalRecord(
        ref=point.pos_id or None,
        ref_said=True,
        tid=payload.id,
        name=_plain(point.name) or None,
        branch=BranchRecord(ref=store, name="", zone=COPENHAGEN.key) if store else None,
        user_said=False,
    )


def followed(payload: payloads.Followed) -> TransactionRecord:
    """A payment or a refund. No answer tells when it was."""
    if payload.refund is not None:
        return refund(payload.refund)
    if payload.payment is not None:
        return payment(payload.payment)
    raise Unreadable("The item is neither a payment nor a refund.")


def payment(payload: payloads.Payment) -> TransactionRecord:
    """A payment: reserved by the customer, then captured by the till, in whole or in part.

    Once captured its amount is what was captured (I). One that is only prepared has none yet.
    """
    status = PAYMENTS.get(payload.status, "UNMAPPED")
    money = amount_of(payload.amount, payload.currency_code)
    nothing = None if status == "UNMAPPED" else 0
    # What was reserved is no longer said of one that is captured, and it may have been more.
    unsaid = None if status == "APPROVED" else nothing
    reserved = money.minor if status == "AUTHORISED" else unsaid
    captured = money.minor if status == "APPROVED" else nothing
    return TransactionRecord(
        ref=payload.payment_id, kind="PURCHASE", status=status, provider_status=payload.status,
        amount=money, authorised_minor=reserved, captured_minor=captured,
        # What was given back stands in refunds of their own.
        refunded_minor=None, refunded="NONE", scheme="WALLET", occurred_at=None,
        reference=without_cards(payload.order_id) or None, terminal_ref=payload.pos_id or None,
        pause=_pause(payload.poll_delay_in_ms),
    )  # fmt: skip


def refund(payload: payloads.Refund) -> TransactionRecord:
    """A refund: reserved when it is made, then captured, by itself after 24 hours."""
    status = REFUNDS.get(payload.status, "UNMAPPED")
    money = amount_of(payload.amount, payload.currency_code)
    nothing = None if status == "UNMAPPED" else 0
    return TransactionRecord(
        ref=payload.refund_id, kind="REFUND", status=status, provider_status=payload.status,
        amount=money,
        authorised_minor=money.minor if status in ("AUTHORISED", "APPROVED") else nothing,
        captured_minor=money.minor if status == "APPROVED" else nothing,
        refunded_minor=0, refunded="NONE", scheme="WALLET", occurred_at=None,
        reference=without_cards(payload.refund_order_id) or None, sale_ref=payload.payment_id,
        pause=_pause(payload.poll_delay_in_ms),
    )  # fmt: skip


def amount_of(value: Decimal | None, currency: str | None) -> Money:
    """An amount of major units, exactly; none yet is 0."""
    code = currency or CURRENCY
    if value is None:
        return Money(0, code)
    if not value.is_finite() or not -_MOST_DECIMALS <= int(value.as_tuple().exponent) <= 0:
        raise NotMoney("The amount is not a decimal number of major units.")
    return Money.from_major_text(format(value, "f"), code)


def amount_text(amount: Money) -> str:
    """An amount as the gateway wants it: `27.00` (C). Raises Refused for what it does not take."""
    if amount.currency not in CURRENCIES:
        raise Refused(f"MobilePay takes {' and '.join(CURRENCIES)} only.")
    if not 0 < amount.minor < 10**12:
        raise Refused("The amount must be above zero, with at most 12 digits.")
    return major_text(amount.minor, amount.currency)


def _plain(text: str | None) -> str | None:
    """A name or an address, in which no card and no person is told by a number."""
    return without_cpr(without_cards(text))


def _pause(milliseconds: int | str | None) -> float | None:
    return None if milliseconds is None else int(milliseconds) / 1000
