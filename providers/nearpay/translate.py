"""NearPay's words into ours.

Translating is versioned: a change of meaning here changes VERSION, and the next deep pass reads
old rows anew.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import UNSET

from providers.base.errors import Unreadable
from providers.base.money import Money, currency_of
from providers.base.reading import FEWEST_DIGITS, LONGEST_FIELD, without_cards
from providers.base.records import (
    BranchRecord,
    DeviceRecord,
    Kind,
    ReceiptRecord,
    ReconciliationRecord,
    Scheme,
    SchemeTotals,
    SessionRecord,
    SessionStatus,
    SideTotal,
    Status,
    TerminalRecord,
    TerminalUserRecord,
    TransactionRecord,
)
from providers.nearpay import payloads

VERSION = "2"
# (I, proven by three pairs on the page) receipts print Riyadh's wall clock and name no zone.
RIYADH = ZoneInfo("Asia/Riyadh")
# (S) every amount on the page is in SAR; sessions do not name a currency.
CURRENCY = "SAR"

# (S) the scheme identifiers of the page.
SCHEMES: dict[str, Scheme] = {
    "P1": "MADA",
    "VC": "VISA",
    "VD": "VISA_DEBIT",
    "MC": "MASTERCARD",
    "DM": "MAESTRO",
    "AX": "AMEX",
    "UP": "UNIONPAY",
    "JC": "JCB",
    "DC": "DISCOVER",
    "GN": "GCCNET",
}
# ISO 8583 processing codes, as receipts carry them; "00" with PURCHASE is on the page (S).
KINDS: dict[str, Kind] = {"00": "PURCHASE", "20": "REFUND"}
KINDS_BY_TYPE: dict[str, Kind] = {"purchase": "PURCHASE", "refund": "REFUND"}
SESSION_STATUS: dict[str, SessionStatus] = {
    "new": "OPEN",  # (S)
    "closed": "CLOSED",  # (S)
    "expired": "EXPIRED",  # (I) a session ends after ten minutes; the word is not documented
}
# ISO 8583:1993 action codes: 0xx approve, 1xx decline, 2xx decline and keep the card, 9xx the
# request failed. "940" stands on the page's declined example (S).
_APPROVES = re.compile(r"0[0-9]{2}", re.ASCII)
_DECLINES = re.compile(r"[129][0-9]{2}", re.ASCII)
# At most the first six and last four digits; any other form is reduced to its last four.
_MASKED_PAN = re.compile(r"[0-9]{4} ?[0-9]{0,2}\*{2} ?\*{4} ?\*{0,4}[0-9]{4}", re.ASCII)
_LAST4 = re.compile(r"[0-9]{4}\Z", re.ASCII)


def branch(payload: payloads.Merchant) -> BranchRecord:
    """NearPay's merchant is our branch."""
    if not payload.id:
        raise Unreadable("The merchant has no id.", "$.id")
    return BranchRecord(
        ref=payload.id,
        name=without_cards(payload.name) or "",
        name_ar=without_cards(payload.name_ar) or None,
        reference=without_cards(payload.reference_id) or None,
        status=without_cards(payload.status),
        zone=RIYADH.key,
        created_at=_utc(payload.created_at),
        version_at=_utc(payload.updated_at or payload.created_at),
    )


def user(payload: payloads.User | None) -> TerminalUserRecord | None:
    """A person who holds a terminal; None where the payload names nobody."""
    if payload is None or not payload.id:
        return None
    return TerminalUserRecord(
        ref=payload.id,
        name=without_cards(payload.name) or "",
        mobile=without_cards(payload.mobile) or None,
        email=without_cards(payload.email) or None,
    )


def device(payload: payloads.Device | None) -> DeviceRecord | None:
    if payload is None or not payload.id:
        return None
    return DeviceRecord(
        ref=payload.id,
        kind=without_cards(payload.type),
        status=without_cards(payload.status),
    )


def terminal(payload: payloads.Terminal, of: payloads.Merchant | None = None) -> TerminalRecord:
    """A terminal. Only where `user` is present does its absence mean that nobody holds it."""
    if not payload.tid:
        raise Unreadable("The terminal has no tid.", "$.tid")
    merchant = of or payload.merchant
    found = [device(payload.device), *(device(each.device) for each in payload.connections)]
    return TerminalRecord(
        ref=payload.id,
        tid=payload.tid,
        name=without_cards(payload.name) or None,
        branch=branch(merchant) if merchant and merchant.id else None,
        user=None if payload.user is UNSET else user(payload.user),
        user_said=payload.user is not UNSET,
        connected=payload.is_connected,
        devices=tuple(each for each in found if each is not None),
        created_at=_utc(payload.created_at),
        version_at=_utc(payload.updated_at),
    )


def transaction(payload: payloads.Transaction) -> TransactionRecord:
    """A transaction, whose state NearPay spreads over flags and receipts."""
    if not payload.receipts:
        raise Unreadable(
            "The transaction has no receipt, so its amount is not known.", "$.receipts"
        )
    main = _main(payload.receipts)
    currency = _currency(main.currency)
    amount = _money(main.amount_authorized.value, currency)
    kind = _kind(main)
    status = _status(main, kind, reversed_=any(_reverses(r) for r in payload.receipts))
    several = len(payload.receipts) > 1
    given_back = several and kind == "PURCHASE" and any(_refunds(r) for r in payload.receipts)
    refunded = bool(main.is_refunded) or given_back
    approved = status in ("APPROVED", "REVERSED")
    # Of what is not understood, the money is not known either.
    nothing = None if status == "UNMAPPED" else 0
    verification = main.verification_method
    occurred_at = _utc(payload.created_at) or _wall(main.start_date, main.start_time)
    if occurred_at is None:
        raise Unreadable("The transaction says no time.", "$.created_at")
    tid = (payload.terminal.tid if payload.terminal else None) or main.tid
    versions = [_aware(at) for r in payload.receipts if (at := r.updated_at or r.created_at)]
    return TransactionRecord(
        ref=payload.id,
        kind=kind,
        status=status,
        provider_status=_provider_status(payload.receipts, main),
        amount=amount,
        authorised_minor=amount.minor if approved else nothing,
        captured_minor=amount.minor if status == "APPROVED" else nothing,
        # The flag does not say how much of it was given back.
        refunded_minor=None if refunded or main.is_refunded is None else 0,
        refunded="SOME" if refunded else "NONE",
        scheme=_scheme(main.card_scheme.id if main.card_scheme else None),
        occurred_at=occurred_at,
        pan_last4=_last4(main.pan),
        rrn=_text(main.retrieval_reference_number, 12),
        stan=_text(main.system_trace_audit_number, 6),
        approval_code=_text(main.approval_code, 6),
        aid=without_cards(main.application_identifier) or None,
        entry_mode=without_cards(main.entry_mode) or None,
        action_code=_text(main.action_code, 3),
        verification=(_printed(verification.english or "") or None) if verification else None,
        reference=without_cards(payload.customer_reference_number) or None,
        reconciled=bool(payload.is_reconcilied),
        network=without_cards(payload.internet.type) if payload.internet else None,
        terminal=TerminalRecord(ref=None, tid=tid, user_said=False) if tid else None,
        branch=branch(payload.merchant) if payload.merchant and payload.merchant.id else None,
        user=user(payload.user),
        device=device(payload.device),
        receipts=tuple(_receipt(each, currency) for each in payload.receipts),
        version_at=max(versions, default=None),
    )


def _main(receipts: list[payloads.Receipt]) -> payloads.Receipt:
    """The receipt of the sale or refund itself: a reversal adds one of its own (I)."""
    own = [r for r in receipts if "reversal" not in (r.type or "")] or receipts
    return min(own, key=lambda r: (r.created_at is None, r.created_at, r.id))


def _reverses(receipt: payloads.Receipt) -> bool:
    """Whether a receipt undoes its transaction; a reversal may be declined like anything else."""
    return bool(receipt.is_reversed) or (
        "reversal" in (receipt.type or "") and receipt.is_approved is True
    )


def _refunds(receipt: payloads.Receipt) -> bool:
    return _kind(receipt) == "REFUND" and receipt.is_approved is True


def _kind(main: payloads.Receipt) -> Kind:
    """Purchase or refund, by the code and the word; where they disagree it is neither."""
    code = KINDS.get((main.transaction_type.id or "") if main.transaction_type else "")
    word = KINDS_BY_TYPE.get(main.type or "")
    if code and word and code != word:
        return "OTHER"
    return code or word or "OTHER"


def _status(main: payloads.Receipt, kind: Kind, *, reversed_: bool) -> Status:
    """Flags and code must agree; what does not, or is not known, is UNMAPPED and shown."""
    code = _text(main.action_code, 3)
    if main.is_approved is None or main.is_reversed is None or kind == "OTHER":
        return "UNMAPPED"
    if main.is_approved:
        if code is not None and not _APPROVES.fullmatch(code):
            return "UNMAPPED"
        return "REVERSED" if reversed_ else "APPROVED"
    if code is not None and _DECLINES.fullmatch(code):
        return "DECLINED"
    return "UNMAPPED"


def _provider_status(receipts: list[payloads.Receipt], main: payloads.Receipt) -> str:
    """What NearPay said, in its own names."""
    flags = [name for name in ("is_approved", "is_refunded") if getattr(main, name)]
    if any(r.is_reversed for r in receipts):
        flags.append("is_reversed")
    if len(receipts) > 1:
        words = {r.type for r in receipts if r.type and r is not main}
        flags += [f"receipt of {without_cards(word)}" for word in sorted(words)]
    code = _text(main.action_code, 12)
    flags += [f"action_code {code}"] if code else []
    return (", ".join(flags) or "no flag set")[:LONGEST_FIELD]


def _scheme(code: str | None) -> Scheme:
    return SCHEMES.get(code or "", "UNMAPPED")


def _receipt(payload: payloads.Receipt, currency: str) -> ReceiptRecord:
    """The printed fields, each in both languages where it has them, empty ones left out.

    Left out on purpose: `qr_code` opens without a sign-in, `payment_account_reference` and
    `pan_suffix` identify a card.
    """
    merchant = payload.merchant or payloads.ReceiptMerchant()
    fields: dict[str, str | None] = {
        "category_code": merchant.category_code,
        "type": payload.type,
        "start_date": payload.start_date,
        "start_time": payload.start_time,
        "end_date": payload.end_date,
        "end_time": payload.end_time,
        "sponsor": payload.card_scheme_sponsor,
        "stan": _text(payload.system_trace_audit_number, 6),
        "rrn": _text(payload.retrieval_reference_number, 12),
        "software": payload.pos_software_version_number,
        "scheme_id": payload.card_scheme.id if payload.card_scheme else None,
        "transaction_type_id": payload.transaction_type.id if payload.transaction_type else None,
        "expiry": payload.card_expiration,
        "amount": _amount(payload.amount_authorized, currency),
        "amount_other": _amount(payload.amount_other, currency),
        "approved": "yes" if payload.is_approved else "no",
        "approval_code": _text(payload.approval_code, 6),
        "entry_mode": payload.entry_mode,
        "action_code": _text(payload.action_code, 3),
        "tvr": payload.terminal_verification_result,
        "tsi": payload.transaction_state_information,
        "cvr": payload.cardholader_verfication_result,
        "cid": payload.cryptogram_information_data,
        "kernel": payload.kernel_id,
    }
    both: dict[str, payloads.Names | None] = {
        "merchant_name": merchant.name,
        "merchant_address": merchant.address,
        "scheme": payload.card_scheme.name if payload.card_scheme else None,
        "transaction_type": payload.transaction_type.name if payload.transaction_type else None,
        "amount_label": payload.amount_authorized.label,
        "amount_other_label": payload.amount_other.label if payload.amount_other else None,
        "currency": payload.currency,
        "status": payload.status_message,
        "verification": payload.verification_method,
        "line_one": payload.receipt_line_one,
        "line_two": payload.receipt_line_two,
        "thanks": payload.thanks_message,
        "save": payload.save_receipt_message,
    }
    printed = {name: text for name, text in fields.items() if text}
    # No short text holds a card number; what is always long follows below, each in its own way.
    if printed and max(map(len, printed.values())) >= FEWEST_DIGITS:
        printed = {name: _printed(text) for name, text in printed.items()}
    if pan := _pan(payload.pan):
        printed["pan"] = pan
    if payload.tid:
        printed["tid"] = payload.tid
    if number := _strip(merchant.id):
        printed["merchant_id"] = number
    if payload.application_identifier:
        printed["aid"] = _printed(payload.application_identifier)
    if payload.application_cryptogram:
        # It never repeats, so it is not remembered.
        printed["cryptogram"] = without_cards(payload.application_cryptogram) or ""
    for name, names in both.items():
        if names is not None:
            if names.english:
                printed[name] = _printed(names.english)
            if names.arabic:
                printed[f"{name}_ar"] = _printed(names.arabic)
    kind = _kind(payload)
    if "" in printed.values():
        printed = {name: text for name, text in printed.items() if text}
    return ReceiptRecord(ref=payload.id, kind=kind, fields=printed)


def _amount(labelled: payloads.Labelled | None, currency: str) -> str | None:
    """A printed amount as it was printed, once it has shown itself to be one."""
    if labelled is None or not labelled.value:
        return None
    _money(labelled.value, currency)
    return labelled.value


@lru_cache(maxsize=16384)
def _money(amount: str | None, currency: str) -> Money:
    """(S) receipts write decimal texts of major units; the same few amounts come all day."""
    return Money.from_major_text(amount, currency)


def session(payload: payloads.Session) -> SessionRecord:
    """A payment session; the same fields come as numbers or texts, by the call."""
    done = payload.transaction
    code = done.transaction_currency_code if done else None
    currency = currency_of(code) if code else CURRENCY
    read = Money.from_minor_text if isinstance(payload.amount, str) else Money.from_minor_integer
    tid = next((r.tid for r in done.receipts if r.tid), None) if done else None
    return SessionRecord(
        ref=payload.id,
        kind=KINDS_BY_TYPE.get(payload.type, "OTHER"),
        status=SESSION_STATUS.get(payload.status, "UNMAPPED"),
        provider_status=payload.status,
        amount=read(payload.amount, currency),
        terminal_ref=payload.terminal.id if payload.terminal else payload.asked_of,
        tid=tid,
        branch_ref=payload.merchant_id or (done.merchant_id if done else None),
        reference=without_cards(payload.reference_id) or None,
        transaction_ref=done.uuid if done else None,
        created_at=_aware(payload.created_at),
        expires_at=_epoch(payload.expired_at),
        version_at=_utc(payload.updated_at),
    )


def reconciliation(payload: payloads.Reconciliation) -> ReconciliationRecord:
    """A close, from the list or the find call."""
    terminal_ = payload.terminal
    return _close(
        payload.reconciliation_receipt,
        ref=payload.id,
        tid=terminal_.card_acceptor_terminal_id if terminal_ else None,
        branch_ref=payload.merchant_id,
        at=payload.created_at,
    )


def created_reconciliation(payload: payloads.CreatedReconciliation) -> ReconciliationRecord:
    """A close, from the answer to creating it: of its parts only the receipt is read."""
    return _close(payload.receipt, ref=payload.receipt.id, tid=None, branch_ref=None, at=None)


def _close(
    receipt: payloads.ReconciliationReceipt,
    *,
    ref: str,
    tid: str | None,
    branch_ref: str | None,
    at: datetime | None,
) -> ReconciliationRecord:
    currency = _currency(receipt.currency)
    occurred_at = _utc(at) or _utc(receipt.created_at) or _wall(receipt.end_date, receipt.end_time)
    if occurred_at is None:
        raise Unreadable("The reconciliation says no time.", "$.created_at")
    balanced = receipt.is_balanced.value
    if balanced is None:
        raise Unreadable("The reconciliation does not say whether it balances.", "$.is_balanced")
    details = receipt.details
    merchant = receipt.merchant or payloads.ReceiptMerchant()
    fields = {
        "merchant_id": _strip(merchant.id),
        "merchant_name": _printed(merchant.name.english or "") if merchant.name else None,
        "merchant_name_ar": _printed(merchant.name.arabic or "") if merchant.name else None,
        "category_code": merchant.category_code,
        "sponsor": receipt.card_scheme_sponsor_id,
        "software": receipt.pos_software_version_number,
    }
    return ReconciliationRecord(
        ref=ref,
        tid=tid or receipt.card_acceptor_terminal_id,
        terminal_ref=receipt.terminal.id if receipt.terminal else None,
        branch_ref=branch_ref or receipt.merchant_id,
        occurred_at=occurred_at,
        started_at=_wall(receipt.start_date, receipt.start_time),
        ended_at=_wall(receipt.end_date, receipt.end_time),
        currency=currency,
        balanced=balanced,
        stan=_text(receipt.system_trace_audit_number, 6),
        purchase=_total(details.purchase, currency),
        purchase_reversal=_total(details.purchase_reversal, currency),
        refund=_total(details.refund, currency),
        refund_reversal=_total(details.refund_reversal, currency),
        total=_total(details.total, currency),
        schemes=tuple(_scheme_totals(block, currency) for block in receipt.schemes),
        fields={k: v for k, v in fields.items() if v},
        version_at=_utc(receipt.updated_at or receipt.created_at or at),
    )


def _scheme_totals(block: payloads.SchemeBlock, currency: str) -> SchemeTotals:
    pos, host = block.pos, block.host
    totals = [
        _total(each, currency)
        for each in (pos.debit, pos.credit, pos.total, host.debit, host.credit, host.total)
    ]
    return SchemeTotals(
        scheme=_scheme(block.name.value),
        word=(without_cards(block.name.value) or "")[:20],
        pos_debit=totals[0],
        pos_credit=totals[1],
        pos_total=totals[2],
        host_debit=totals[3],
        host_credit=totals[4],
        host_total=totals[5],
        balanced=totals[:3] == totals[3:],
    )


def _total(count: payloads.Count, currency: str) -> SideTotal:
    """(S) the totals of a close are decimal texts of major units; a net total may be negative."""
    negative = count.total.startswith("-")
    money = Money.from_major_text(count.total.removeprefix("-"), currency)
    number = _text(count.count, 12)
    if number is None or not re.fullmatch("[0-9]{1,12}", number, re.ASCII):
        raise Unreadable("A count in the reconciliation is not a whole number.", "$.count")
    return SideTotal(count=int(number), minor=-money.minor if negative else money.minor)


def _currency(names: payloads.Names) -> str:
    """(S) receipts name the currency by its alphabetic code, under `english`."""
    code = (names.english or "").strip()
    if not code:
        raise Unreadable("The receipt names no currency.", "$.currency.english")
    return code


def _pan(pan: str | None) -> str | None:
    """The masked card number as printed, never more than first six and last four digits."""
    if not pan:
        return None
    if _MASKED_PAN.fullmatch(pan.strip()):
        return pan.strip()
    last4 = _last4(pan)
    return f"**** **** **** {last4}" if last4 else None


def _last4(pan: str | None) -> str | None:
    found = _LAST4.search((pan or "").strip())
    return found[0] if found else None


def _text(value: payloads.Number | None, width: int) -> str | None:
    """An identifier that comes as a text or as a number: a number has lost its leading zeros."""
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return str(value).rjust(width, "0")
    if len(value) < FEWEST_DIGITS:
        return value.strip() or None
    return without_cards(value.strip())


@lru_cache(maxsize=4096)
def _printed(text: str) -> str:
    """A printed text without padding and card numbers. They repeat on every slip."""
    return without_cards(text.strip()) or ""


def _strip(text: str | None) -> str | None:
    """(C) merchant numbers are padded with spaces to 15 characters."""
    return text.strip() if text else text


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else _aware(at)


def _aware(at: datetime) -> datetime:
    """(S) times carry a Z; one without a zone would have to be guessed, so it is refused."""
    if at.tzinfo is None:
        raise Unreadable("A time does not say its zone.", "$.created_at")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Unreadable("A time lies outside of the calendar.", "$.created_at") from None


def _wall(day: str | None, clock: str | None) -> datetime | None:
    """Riyadh's wall clock, `DD/MM/YYYY` and `HH:MM:SS`, as UTC."""
    if not day or not clock:
        return None
    try:
        local = datetime.strptime(f"{day} {clock}", "%d/%m/%Y %H:%M:%S").replace(tzinfo=RIYADH)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("A printed date or time is not of the documented form.", "date") from None


def _epoch(value: payloads.Number | None) -> datetime | None:
    """(S) epoch milliseconds, as a number or a text."""
    if value is None or value == "":
        return None
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("A time is not a count of milliseconds.", "$.expired_at") from None
