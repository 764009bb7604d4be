"""What a connector delivers: frozen records in our own closed words.

Times are aware and in UTC. A `ref` is the provider's identifier. A field that is None is one the
provider did not say.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from providers.base.money import Money

Kind = Literal["PURCHASE", "REFUND", "OTHER"]
Status = Literal[
    "PENDING",
    "AUTHORISED",
    "APPROVED",
    "DECLINED",
    "CANCELLED",
    "EXPIRED",
    "REVERSED",
    "UNMAPPED",
]
Refunded = Literal["NONE", "PART", "FULL", "SOME"]
SessionStatus = Literal["OPEN", "CLOSED", "EXPIRED", "UNMAPPED"]
Scheme = Literal[
    "MADA",
    "VISA",
    "VISA_DEBIT",
    "MASTERCARD",
    "MAESTRO",
    "AMEX",
    "UNIONPAY",
    "JCB",
    "DISCOVER",
    "GCCNET",
    # Paid from an app, whatever card is behind it.
    "WALLET",
    "UNMAPPED",
]


class BranchRecord(Struct, frozen=True, kw_only=True):
    """A location of the merchant; `zone` is the one that this provider works in there."""

    ref: str
    name: str
    name_ar: str | None = None
    reference: str | None = None
    status: str | None = None
    address: str | None = None
    # By which brand and location the provider's own papers name it.
    brand: str | None = None
    location: str | None = None
    zone: str | None = None
    created_at: datetime | None = None
    version_at: datetime | None = None


class TerminalUserRecord(Struct, frozen=True, kw_only=True):
    """A person whom the provider lets use a terminal."""

    ref: str
    name: str
    mobile: str | None = None
    email: str | None = None


class DeviceRecord(Struct, frozen=True, kw_only=True):
    """The phone or card reader on which a terminal runs."""

    ref: str
    kind: str | None = None
    status: str | None = None


class TerminalRecord(Struct, frozen=True, kw_only=True):
    """A terminal; `user` is None where nobody holds it and `user_said` is true.

    With `ref_said` no reference means that it has none, and otherwise that it is not said.
    """

    ref: str | None
    ref_said: Literal[True] | None = None
    tid: str
    name: str | None = None
    branch: BranchRecord | None = None
    user: TerminalUserRecord | None = None
    user_said: bool = True
    connected: bool | None = None
    devices: tuple[DeviceRecord, ...] = ()
    created_at: datetime | None = None
    version_at: datetime | None = None


class ReceiptRecord(Struct, frozen=True, kw_only=True):
    """One printed slip: its kind and the allow-listed fields in one canonical, flat form."""

    ref: str
    kind: Kind
    fields: dict[str, str]


class TransactionRecord(Struct, frozen=True, kw_only=True):
    """One payment or refund with its receipts.

    `occurred_at` is None where the provider tells no time: it counts from when it was heard of.
    `terminal_ref` names the terminal where its tid is not said.
    """

    ref: str
    kind: Kind
    status: Status
    provider_status: str
    amount: Money
    authorised_minor: int | None
    captured_minor: int | None
    refunded_minor: int | None
    refunded: Refunded
    scheme: Scheme
    occurred_at: datetime | None
    pan_last4: str | None = None
    rrn: str | None = None
    stan: str | None = None
    approval_code: str | None = None
    aid: str | None = None
    entry_mode: str | None = None
    action_code: str | None = None
    verification: str | None = None
    reference: str | None = None
    reconciled: bool = False
    network: str | None = None
    terminal: TerminalRecord | None = None
    terminal_ref: str | None = None
    # Of a refund: the sale that it gives back, where the provider names it.
    sale_ref: str | None = None
    # Seconds after which the provider lets one look again while it goes on.
    pause: float | None = None
    branch: BranchRecord | None = None
    user: TerminalUserRecord | None = None
    device: DeviceRecord | None = None
    receipts: tuple[ReceiptRecord, ...] = ()
    version_at: datetime | None = None


class SessionRecord(Struct, frozen=True, kw_only=True):
    """A payment session opened for a terminal, and the transaction that answered it."""

    ref: str
    kind: Kind
    status: SessionStatus
    provider_status: str
    amount: Money
    terminal_ref: str | None = None
    tid: str | None = None
    branch_ref: str | None = None
    reference: str | None = None
    transaction_ref: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    version_at: datetime | None = None


class SideTotal(Struct, frozen=True, kw_only=True):
    """What one side counted: minor units, unsigned."""

    count: int
    minor: int


class SchemeTotals(Struct, frozen=True, kw_only=True):
    """One scheme's totals as the terminal (POS) and as the host counted them."""

    scheme: Scheme
    word: str
    pos_debit: SideTotal
    pos_credit: SideTotal
    pos_total: SideTotal
    host_debit: SideTotal
    host_credit: SideTotal
    host_total: SideTotal
    balanced: bool


class ReconciliationRecord(Struct, frozen=True, kw_only=True):
    """A terminal's close: its totals by kind and by scheme, POS against host."""

    ref: str
    tid: str | None
    terminal_ref: str | None = None
    branch_ref: str | None = None
    occurred_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    currency: str
    balanced: bool
    stan: str | None = None
    purchase: SideTotal
    purchase_reversal: SideTotal
    refund: SideTotal
    refund_reversal: SideTotal
    total: SideTotal
    schemes: tuple[SchemeTotals, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    version_at: datetime | None = None
