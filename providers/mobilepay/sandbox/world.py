"""A merchant at MobilePay as the API behind the gateway rules it: stores, points of sale, payments.

Amounts are minor units. Whatever time alone does (a customer who walks away, a reservation that
expires, a refund that captures itself) is done by `advance`, which every call begins with.
"""

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from providers.base.money import exponent
from providers.mobilepay.translate import ACTIVE, CURRENCIES

# (C) what the API behind the gateway says, by code; where its reference gives no sentence, in ours.
ERRORS: dict[str, str] = {
    "1000": "Point of sale not found.",
    "1001": "Payment not found.",
    "1002": "Store not found.",
    "1004": "Refund not found.",
    "1099": "Unknown validation error.",
    "1100": "Beacon id is not valid.",
    "1102": "Amount is not valid.",
    "1109": "Too many payments match the filter.",
    "1110": "Too many refunds match the filter.",
    "1111": "Merchant pos id is not valid.",
    "1112": "Pos name is not valid.",
    "1113": "Order id is not valid.",
    "1114": "Refund order id is not valid.",
    "1116": "Callback alias is not valid.",
    "1117": "Merchant payment label is not valid.",
    "1118": "Planned capture delay is not valid.",
    "1119": "Merchant brand id is not valid.",
    "1120": "Merchant location id is not valid.",
    "1121": "Too many points of sale match the filter.",
    "1122": "Too many stores match the filter.",
    "1151": "Authorization header is missing.",
    "1152": "Client system version header is missing.",
    "1153": "Merchant VAT number header is missing.",
    "1155": "Authorization header is duplicated.",
    "1156": "Client system version header is duplicated.",
    "1157": "Merchant VAT number header is duplicated.",
    "1159": "Authorization header is invalid.",
    "1160": "Client system version header is invalid.",
    "1161": "Merchant VAT number header is invalid.",
    "1162": "Idempotency key is invalid.",
    "1163": "Idempotency key is duplicated.",
    "1164": "Idempotency key is missing.",
    "1182": "The merchant_vat claim is invalid.",
    "1200": "A point of sale with this merchant pos id exists.",
    "1202": "A point of sale with this beacon id exists.",
    "1204": "The store is not activated.",
    "1300": "The payment cannot be cancelled in its state.",
    "1301": "A payment is already active on this point of sale.",
    "1303": "The payment is not prepared.",
    "1304": "The payment is not reserved.",
    "1305": "The amount is more than was reserved.",
    "1306": "The idempotency key was used for another request.",
    "1307": "The payment was captured with another amount.",
    "1308": "The payment cannot be captured in part.",
    "1351": "The refund is not reserved.",
    "1352": "The refund cannot be cancelled.",
    "1354": "The payment is not captured.",
    "1365": "The currency is not that of the payment.",
    "1366": "The payment is too old to be refunded.",
    "1367": "The amount is more than is left to refund.",
    "1368": "The amount is more than the balance of the store.",
    "1400": "The point of sale belongs to another integrator.",
    "1401": "The payment belongs to another integrator.",
    "1402": "The refund belongs to another integrator.",
    "1403": "The store does not belong to this merchant.",
    "1406": "The point of sale belongs to another merchant.",
    "1407": "The payment belongs to another merchant.",
    "1408": "The refund belongs to another merchant.",
    "1409": "The beacon belongs to another merchant.",
    "1410": "The brand belongs to another merchant.",
    "1411": "The location belongs to another merchant.",
    "2000": "Internal error.",
    "2999": "Unknown internal error.",
}
# (C) a reservation ends after seven days, a refund's captures itself after a day, and 90 days after
# its capture a payment cannot be refunded.
RESERVED_FOR, REFUND_RESERVED_FOR = timedelta(days=7), timedelta(hours=24)
REFUNDABLE_FOR = timedelta(days=90)
# (I) how long a customer may leave a payment unanswered.
PATIENCE = timedelta(minutes=10)
LONGEST_ORDER = 36
GONE = ("CancelledByUser", "CancelledByClient", "CancelledByMobilePay", "ExpiredAndCancelled")


class Rule(Exception):
    """The API says no."""

    def __init__(self, code: str) -> None:
        super().__init__(ERRORS[code])
        self.code = code


@dataclass
class Store:
    id: str
    name: str
    street: str
    zip: str
    city: str
    brand: str
    location: str
    # What may be given back at most; None: the day's sales are enough.
    balance: int | None = None


@dataclass
class Point:
    """The point of sale that a terminal carries."""

    id: str
    tid: str
    store: Store
    name: str
    beacon: str
    customer: bool = False


@dataclass
class Refund:
    id: str
    payment: "Payment"
    order: str
    amount: int
    status: str
    created_at: datetime


@dataclass
class Payment:
    id: str
    pos_id: str
    tid: str
    order: str
    amount: int | None
    currency: str
    status: str
    created_at: datetime
    changed_at: datetime
    reserved: int | None = None
    captured: int | None = None
    captured_at: datetime | None = None
    partial: bool = True
    refunds: list[Refund] = field(default_factory=list)

    @property
    def given_back(self) -> int:
        return sum(r.amount for r in self.refunds if not r.status.startswith("Cancelled"))


class World:
    """What MobilePay knows of one merchant."""

    def __init__(self, seed: int, stores: list[Store], widest: int = 500) -> None:
        self.rng = random.Random(f"mobilepay:{seed}")
        self.stores = {store.id: store for store in stores}
        # The gateway's map from a terminal's number to what it carries.
        self.points: dict[str, Point] = {}
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.widest = widest
        # What is not over yet, and what was sold at each point of sale, so that a call looks at
        # little however long the history is.
        self.open: dict[str, Payment] = {}
        self.waiting: dict[str, Refund] = {}
        self.captured: dict[str, list[Payment]] = {}

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # time

    def advance(self, now: datetime) -> None:
        """Let pass what time alone does."""
        for payment in list(self.open.values()):
            if payment.status in ACTIVE and now - payment.changed_at >= PATIENCE:
                self._end(payment, "CancelledByMobilePay", payment.changed_at + PATIENCE)
            elif payment.status == "Reserved" and now - payment.changed_at >= RESERVED_FOR:
                self._end(payment, "ExpiredAndCancelled", payment.changed_at + RESERVED_FOR)
        for refund in list(self.waiting.values()):
            if now - refund.created_at >= REFUND_RESERVED_FOR:
                refund.status = "ExpiredAndCaptured"
                del self.waiting[refund.id]

    def _end(self, payment: Payment, status: str, at: datetime) -> None:
        payment.status, payment.changed_at = status, at
        self.open.pop(payment.id, None)
        if (point := self.points.get(payment.tid)) is not None:
            point.customer = False

    # stores and points of sale

    def store(self, ref: str) -> Store:
        if ref not in self.stores:
            raise Rule("1002")
        return self.stores[ref]

    def point(self, tid: str = "", ref: str = "") -> Point:
        found = self.points.get(tid) if tid else next(
            (each for each in self.points.values() if each.id == ref), None
        )  # fmt: skip
        if found is None:
            raise Rule("1000")
        return found

    def create_point(self, tid: str, store: Store | None = None, name: str = "") -> Point:
        """Let a terminal carry a point of sale: in the first store, where none is said (I)."""
        if tid in self.points:
            raise Rule("1200")
        if not 0 < len(tid) <= LONGEST_ORDER:
            raise Rule("1111")
        own = store or next(iter(self.stores.values()))
        made = Point(self.uuid(), tid, own, name or f"Kasse {tid}", self.uuid())
        self.points[tid] = made
        return made

    def delete_point(self, tid: str) -> None:
        point = self.point(tid)
        if self._active(point) is not None:
            raise Rule("1301")
        del self.points[point.tid]

    # payments

    def _active(self, point: Point) -> Payment | None:
        mine = (each for each in self.open.values() if each.pos_id == point.id)
        return next((each for each in mine if each.status in ACTIVE), None)

    def payment(self, ref: str) -> Payment:
        if ref not in self.payments:
            raise Rule("1001")
        return self.payments[ref]

    def start(
        self, point: Point, order: str, amount: int | None, currency: str, now: datetime
    ) -> Payment:
        """Start a payment, or prepare one where no amount is said."""
        if not 0 < len(order) <= LONGEST_ORDER:
            raise Rule("1113")
        self._need_amount(amount, currency)
        if self._active(point) is not None:
            raise Rule("1301")
        status = "Prepared" if amount is None else "Initiated"
        made = Payment(self.uuid(), point.id, point.tid, order, amount, currency, status, now, now)
        self.payments[made.id] = self.open[made.id] = made
        if point.customer:
            made.status = "Paired" if amount is None else "IssuedToUser"
        return made

    def ready(self, ref: str, amount: int, currency: str, now: datetime) -> None:
        payment = self.payment(ref)
        self._need_amount(amount, currency)
        if payment.status not in ("Prepared", "Paired"):
            raise Rule("1303")
        payment.amount, payment.currency, payment.changed_at = amount, currency, now
        if payment.status == "Paired":
            payment.status = "IssuedToUser"

    def capture(self, ref: str, amount: int, now: datetime) -> None:
        payment = self.payment(ref)
        if payment.status == "Captured":
            if payment.captured != amount:
                raise Rule("1307")
            return
        if payment.status != "Reserved" or payment.reserved is None:
            raise Rule("1304")
        if amount <= 0:
            raise Rule("1102")
        if amount > payment.reserved:
            raise Rule("1305")
        if amount < payment.reserved and not payment.partial:
            raise Rule("1308")
        payment.captured, payment.captured_at = amount, now
        self._end(payment, "Captured", now)
        self.captured.setdefault(payment.pos_id, []).append(payment)

    def cancel(self, ref: str, now: datetime) -> None:
        payment = self.payment(ref)
        if payment.status == "CancelledByClient":
            return
        if payment.id not in self.open:
            raise Rule("1300")
        self._end(payment, "CancelledByClient", now)

    def listed(self, tid: str, state: str, order: str) -> list[Payment]:
        """What goes on at a terminal, or what there is of a state; by an order among them."""
        point = self.point(tid)
        rows = self.captured.get(point.id, []) if state == "Captured" else list(self.open.values())
        rows = [each for each in rows if each.pos_id == point.id]
        if state and state != "Captured":
            rows = [each for each in rows if each.status == state]
        rows = [each for each in rows if not order or each.order == order]
        if len(rows) > self.widest:
            raise Rule("1109")
        return rows

    def recalled(self, rows: list[Payment], state: str) -> Payment:
        found = [each for each in rows if each.status == state]
        if not found:
            raise Rule("1001")
        return found[-1]

    # refunds

    def refund(self, ref: str) -> Refund:
        if ref not in self.refunds:
            raise Rule("1004")
        return self.refunds[ref]

    def create_refund(
        self, ref: str, order: str, amount: int, currency: str, now: datetime
    ) -> Refund:
        payment = self.payment(ref)
        self._need_amount(amount, currency)
        if not 0 < len(order) <= LONGEST_ORDER:
            raise Rule("1114")
        if payment.captured is None or payment.captured_at is None:
            raise Rule("1354")
        if payment.currency != currency:
            raise Rule("1365")
        if now - payment.captured_at > REFUNDABLE_FOR:
            raise Rule("1366")
        if amount > payment.captured - payment.given_back:
            raise Rule("1367")
        store = next((p.store for p in self.points.values() if p.id == payment.pos_id), None)
        if store is not None and store.balance is not None and amount > store.balance:
            raise Rule("1368")
        made = Refund(self.uuid(), payment, order, amount, "Reserved", now)
        payment.refunds.append(made)
        self.refunds[made.id] = self.waiting[made.id] = made
        return made

    def capture_refund(self, ref: str) -> None:
        refund = self.refund(ref)
        if refund.status == "Captured":
            return
        if refund.status != "Reserved":
            raise Rule("1351")
        refund.status = "Captured"
        del self.waiting[refund.id]

    def cancel_refund(self, ref: str) -> None:
        refund = self.refund(ref)
        if refund.status == "CancelledByClient":
            return
        if refund.status != "Reserved":
            raise Rule("1352")
        refund.status = "CancelledByClient"
        del self.waiting[refund.id]

    def _need_amount(self, amount: int | None, currency: str) -> None:
        if currency not in CURRENCIES or (amount is not None and not 0 < amount < 10**10):
            raise Rule("1102")
        exponent(currency)

    # the customer

    def check_in(self, tid: str, now: datetime) -> None:
        """A customer holds their phone to the terminal."""
        point = self.point(tid)
        point.customer = True
        payment = self._active(point)
        if payment is None:
            return
        if payment.status == "Initiated" or (payment.status == "Prepared" and payment.amount):
            payment.status, payment.changed_at = "IssuedToUser", now
        elif payment.status == "Prepared":
            payment.status, payment.changed_at = "Paired", now

    def accept(self, tid: str, now: datetime) -> Payment | None:
        """The customer swipes; the payment, where there was one to accept."""
        payment = self._active(self.point(tid))
        if payment is None or payment.status != "IssuedToUser" or payment.amount is None:
            return None
        payment.status, payment.reserved, payment.changed_at = "Reserved", payment.amount, now
        self.point(tid).customer = False
        return payment

    def reject(self, tid: str, now: datetime) -> Payment | None:
        """The customer says no."""
        payment = self._active(self.point(tid))
        if payment is None or payment.status not in ("Paired", "IssuedToUser"):
            return None
        self._end(payment, "CancelledByUser", now)
        return payment

    def walk_away(self, tid: str) -> None:
        """The customer is gone; a payment that waits for them is ended by time."""
        self.point(tid).customer = False
