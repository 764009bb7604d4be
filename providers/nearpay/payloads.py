"""NearPay's JSON as it was seen, as typed models, and the credentials it needs.

Only what these models name can be read at all: `ipek`, `key_set_id`, `admin_pin` and `trsm` of a
reconciliation's terminal have no place here, so nothing downstream can store them. Misspelt names
are the provider's own (`is_reconcilied`, `cardholader_verfication_result`).
"""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, field

from providers.base.errors import Unreadable
from providers.base.reading import LONGEST_FIELD, UNREADABLE, children, members

PRODUCTION = "https://api.nearpay.io/v1/clients-sdk"
# (C) besides the two hosts of the page, the newer host for Saudi Arabia.
HOSTS = frozenset({"api.nearpay.io", "sandbox-api.nearpay.io", "sa-api.nearpay.io"})

T = TypeVar("T")
# The page shows numbers as numbers, other public texts the same ones as strings.
# No documented text is longer; one that is would be nothing that a column is made for.
Text = Annotated[str, Meta(max_length=LONGEST_FIELD)]
# As many digits as a JSON number keeps exactly everywhere.
Number = Annotated[int, Meta(ge=-(10**15), le=10**15)] | Text


class Credentials(Struct, frozen=True):
    """What a merchant copies from NearPay's dashboard, under Credentials."""

    # Visible ASCII, as a header can hold.
    api_key: Annotated[
        str, Meta(min_length=8, pattern="^[!-~]+$", extra_json_schema={"secret": True})
    ]
    base_url: str = PRODUCTION


class Names(Struct):
    arabic: Text | None = None
    english: Text | None = None


class Labelled(Struct):
    value: Text | None = None
    label: Names | None = None


class Flag(Struct):
    value: bool | None = None
    label: Names | None = None


class Merchant(Struct):
    """A branch of ours."""

    IGNORED: ClassVar[frozenset[str]] = frozenset({"has_policy"})
    id: Text | None = None
    name: Text | None = None
    name_ar: Text | None = None
    reference_id: Text | None = None
    status: Text | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    user: "User | None" = None


class User(Struct):
    id: Text | None = None
    name: Text | None = None
    mobile: Text | None = None
    email: Text | None = None


class Device(Struct):
    id: Text | None = None
    status: Text | None = None
    type: Text | None = None


class Connection(Struct):
    id: Text | None = None
    device: Device | None = None


class Terminal(Struct):
    tid: Text
    id: Text | None = None
    name: Text | None = None
    merchant: Merchant | None = None
    user: User | msgspec.UnsetType | None = msgspec.UNSET
    is_assigned_to_user: bool | None = None
    is_connected: bool | None = None
    device: Device | None = None
    connections: list[Connection] = field(default_factory=list)
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CreatedTerminal(Struct):
    terminal: Terminal
    merchant: Merchant | None = None


class ReceiptMerchant(Struct):
    id: Text | None = None
    name: Names | None = None
    address: Names | None = None
    category_code: Text | None = None


class NamedCode(Struct):
    id: Text | None = None
    name: Names | None = None


class Receipt(Struct):
    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {"payment_account_reference", "pan_suffix", "qr_code", "transaction_uuid"}
    )
    id: Text
    amount_authorized: Labelled
    currency: Names
    type: Text | None = None
    merchant: ReceiptMerchant | None = None
    start_date: Text | None = None
    start_time: Text | None = None
    end_date: Text | None = None
    end_time: Text | None = None
    card_scheme_sponsor: Text | None = None
    tid: Text | None = None
    system_trace_audit_number: Number | None = None
    pos_software_version_number: Text | None = None
    retrieval_reference_number: Number | None = None
    card_scheme: NamedCode | None = None
    transaction_type: NamedCode | None = None
    pan: Text | None = None
    card_expiration: Text | None = None
    amount_other: Labelled | None = None
    status_message: Names | None = None
    is_approved: bool | None = None
    is_refunded: bool | None = None
    is_reversed: bool | None = None
    approval_code: Number | None = None
    verification_method: Names | None = None
    receipt_line_one: Names | None = None
    receipt_line_two: Names | None = None
    thanks_message: Names | None = None
    save_receipt_message: Names | None = None
    entry_mode: Text | None = None
    action_code: Number | None = None
    application_identifier: Text | None = None
    terminal_verification_result: Text | None = None
    transaction_state_information: Text | None = None
    cardholader_verfication_result: Text | None = None
    cryptogram_information_data: Text | None = None
    application_cryptogram: Text | None = None
    kernel_id: Text | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Internet(Struct):
    type: Text | None = None
    speed: Number | None = None


class TransactionTerminal(Struct):
    tid: Text | None = None
    id: Text | None = None


class Transaction(Struct):
    id: Text
    receipts: list[Receipt]
    created_at: datetime | None = None
    is_reconcilied: bool | None = None
    terminal: TransactionTerminal | None = None
    device: Device | None = None
    merchant: Merchant | None = None
    user: User | None = None
    customer_reference_number: Text | None = None
    internet: Internet | None = None


class Count(Struct):
    total: Text
    count: Number
    label: Names | None = None


class Details(Struct):
    total: Count
    purchase: Count
    purchase_reversal: Count
    refund: Count
    refund_reversal: Count


class Side(Struct):
    credit: Count
    debit: Count
    total: Count


class SchemeName(Struct):
    value: Text
    label: Names | None = None


class SchemeBlock(Struct):
    name: SchemeName
    pos: Side
    host: Side
    is_balanced: bool | None = None


class ReconciliationReceipt(Struct):
    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {"qr_code", "client_id", "device_id", "user_id", "reconciliation", "device"}
    )
    id: Text
    details: Details
    currency: Names
    is_balanced: Flag
    date: Text | None = None
    time: Text | None = None
    start_date: Text | None = None
    start_time: Text | None = None
    end_date: Text | None = None
    end_time: Text | None = None
    merchant: ReceiptMerchant | None = None
    card_acceptor_terminal_id: Text | None = None
    pos_software_version_number: Text | None = None
    card_scheme_sponsor_id: Text | None = None
    schemes: list[SchemeBlock] = field(default_factory=list)
    system_trace_audit_number: Number | None = None
    merchant_id: Text | None = None
    terminal: TransactionTerminal | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ReconciliationTerminal(Struct):
    card_acceptor_terminal_id: Text | None = None


class Reconciliation(Struct):
    id: Text
    reconciliation_receipt: ReconciliationReceipt
    merchant_id: Text | None = None
    created_at: datetime | None = None
    terminal: ReconciliationTerminal | None = None


class CreatedReconciliation(Struct):
    """The answer to a create. Its other parts hold key material and are not read."""

    receipt: ReconciliationReceipt


class SessionReceipt(Struct):
    IGNORED: ClassVar[frozenset[str]] = frozenset(Receipt.__struct_fields__)
    tid: Text | None = None


class SessionTransaction(Struct):
    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {
            "client_id", "amount_authorized", "cardholder_verification_result", "lat", "lon",
            "transaction_type", "card_scheme_id", "system_trace_audit_number", "is_approved",
            "is_reversed", "is_reconcilied", "device_id", "user_id", "customer_reference_number",
            "pos_confirmed", *ReceiptMerchant.__struct_fields__, *Names.__struct_fields__,
        }
    )  # fmt: skip
    uuid: Text | None = None
    transaction_currency_code: Text | None = None
    merchant_id: Text | None = None
    receipts: list[SessionReceipt] = field(default_factory=list)


class Session(Struct):
    IGNORED: ClassVar[frozenset[str]] = frozenset({"client_id", "original_transaction"})
    id: Text
    status: Text
    type: Text
    # (S) an integer where it is created, a text in the list; minor units in both.
    amount: Number
    created_at: datetime
    reference_id: Text | None = None
    terminal: TransactionTerminal | None = None
    merchant_id: Text | None = None
    # (S) epoch milliseconds: a number where it is created, a text in the list.
    expired_at: Number | None = None
    updated_at: datetime | None = None
    transaction: SessionTransaction | None = None
    # Added by the client where the list was asked for by terminal, which its rows do not say.
    asked_of: Text | None = None


class _Pages(Struct):
    total: Number | None = None
    current: Number | None = None


_members = msgspec.json.Decoder(dict[str, Raw])


@cache
def _frames(name: str) -> msgspec.json.Decoder[Any]:
    """Opens an answer and cuts its list in one go: a page is a quarter of a megabyte."""
    elements = ("elements", list[Raw], msgspec.field(name=name))
    pages = ("pages", Raw, msgspec.field(default=Raw(b"null")))
    return msgspec.json.Decoder(msgspec.defstruct("Opened", [elements, pages]))


_pages = msgspec.json.Decoder(_Pages | int | None)


class Frame(Struct):
    """A list's answer: its elements, still undecoded, and what it says of its pages."""

    elements: list[Raw]
    total: int | None
    current: int | None


def frame(body: bytes, name: str, number: int) -> Frame:
    """Open a list's answer. `pages` was seen as an object, an integer, and without a total.

    An integer (the older page shows `"pages": 1`) may be the total or the current number, so it
    counts as a total only where it lies beyond the page that was asked for.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        try:
            opened = _frames(name).decode(body)
            elements, said = opened.elements, opened.pages
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # One text in one item may be at fault, which must not hide the others.
            elements, said = _taken_apart(body, name)
        pages = _pages.decode(said)
    except UNREADABLE:
        raise Unreadable(f"The answer is not a list of {name} as documented.", name) from None
    if isinstance(pages, int):
        return Frame(elements, pages if pages > number else None, None)
    if pages is None:
        return Frame(elements, None, None)
    return Frame(elements, _whole(pages.total), _whole(pages.current))


def _taken_apart(body: bytes, name: str) -> tuple[list[Raw], bytes]:
    """Cut an answer by its brackets alone, without looking into its texts."""
    parts = members(body)
    return [Raw(element) for element in children(parts[name])], parts.get("pages", b"null")


def _whole(value: Number | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


def one(body: bytes, name: str, model: type[T]) -> T:
    """Read a single object, wrapped as `{name: {…}}` or bare; both were seen."""
    try:
        inner = _members.decode(body).get(name)
    except UNREADABLE:
        raise Unreadable(f"The answer is not a {name} as documented.", name) from None
    wrapped = inner is not None and bytes(inner).lstrip()[:1] == b"{"
    return whole(bytes(inner) if inner is not None and wrapped else body, model)


def whole(body: bytes, model: type[T]) -> T:
    """Read a body as one object of a model."""
    try:
        return msgspec.json.decode(body, type=model)
    except UNREADABLE:
        raise Unreadable("The answer is not of the documented shape.") from None


class Failure(Struct):
    """The error body of the provider's device SDK (C); the Accounts API documents none."""

    code: Number | None = None
    code_text: Text | None = None
    error: Names | None = None
    solution: Names | None = None
    message: Any = None


def failure(body: bytes) -> Failure:
    """What a refusal says, or an empty one where it is not of that shape."""
    try:
        return msgspec.json.decode(body, type=Failure)
    except UNREADABLE:
        return Failure()
