"""Calls to NearPay's Accounts API: addresses, headers, paging.

The page documents no list filters, so none is sent: a filter that the provider misreads would
leave rows out without a sign. The key is static and has no expiry; it can be withdrawn in
NearPay's dashboard, which then answers 401.
"""

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from providers.base import reading
from providers.base.errors import Refused, Unreadable
from providers.base.http import Door, Limits
from providers.base.money import Money
from providers.base.paging import Batch, Page, walk
from providers.base.provider import DemoAccount, Period
from providers.base.reading import Item, Reading, without_cards
from providers.base.records import (
    BranchRecord,
    Kind,
    ReconciliationRecord,
    SessionRecord,
    TerminalRecord,
    TerminalUserRecord,
    TransactionRecord,
)
from providers.nearpay import payloads, translate

P = TypeVar("P")
R = TypeVar("R")
# (C) the provider's SDKs ask for 20 to 40; the maximum is not documented. A provider that clamps
# it is answered to: the walk never reckons with a page's size.
PAGE_SIZE = 100


class Connector:
    """One NearPay account."""

    name = "nearpay"
    title = "NearPay"
    hosts = payloads.HOSTS
    credentials = payloads.Credentials
    default_zone = translate.RIYADH.key
    version = translate.VERSION
    # A made-up receipt in the form that is stored, against which stored ones compress well.
    receipt_example = Path(__file__).with_name("receipt.example.json").read_bytes()
    given = None
    currency = translate.CURRENCY
    deadlines = None
    demo = (
        DemoAccount("demo", "NearPay, Riyadh", {"api_key": "sandbox-key-of-demo"}),
        DemoAccount("other", "NearPay, Riyadh", {"api_key": "sandbox-key-of-other"}),
    )

    def __init__(
        self,
        credentials: payloads.Credentials,
        *,
        hosts: frozenset[str] = frozenset(),
        limits: Limits | None = None,
        door: Door | None = None,
    ) -> None:
        self._pages = credentials.base_url.rstrip("/").removesuffix("/v1/clients-sdk")
        self._door = door or Door(
            credentials.base_url,
            hosts=self.hosts | hosts,
            headers={"api-key": credentials.api_key},
            limits=limits,
            explain=refusal,
        )

    def close(self) -> None:
        """Give up every connection."""
        self._door.close()

    def receipt_link(self, receipt_ref: str) -> str:
        """NearPay's own page of a receipt, as its `qr_code` names it (C); it takes no sign-in."""
        return f"{self._pages}/ui/receipt/{_part(receipt_ref)}"

    def try_connection(self) -> str:
        """Read the first page of branches, one to a page."""
        self._door.read(
            "/merchants",
            query={"page": "1", "limit": "1"},
            decode=lambda body: payloads.frame(body, "merchants", 1),
        )
        return "merchants"

    # branches: NearPay's merchants

    def create_branch(
        self, *, name: str, name_ar: str, reference: str, owner: TerminalUserRecord
    ) -> BranchRecord:
        """`POST /merchants` (C). The answer is flat (S)."""
        body = {
            "name": name,
            "name_ar": name_ar,
            "reference_id": reference,
            "user": {"name": owner.name, "mobile": owner.mobile, "email": owner.email},
        }
        one = _one("merchant", payloads.Merchant, translate.branch)
        return self._door.write("POST", "/merchants", body=body, decode=one)

    def list_branches(self, period: Period) -> Generator[Batch]:
        """`GET /merchants` (C)."""
        return self._list("/merchants", "merchants", period)

    def read_branches(self, items: Iterable[Item]) -> Reading[BranchRecord]:
        return reading.read(items, payloads.Merchant, translate.branch)

    def find_branch(self, ref: str) -> BranchRecord:
        """`GET /merchants/{id}` (C)."""
        one = _one("merchant", payloads.Merchant, translate.branch)
        return self._door.read(f"/merchants/{_part(ref)}", decode=one)[0]

    # terminals

    def create_terminal(self, *, branch_ref: str, name: str, code: str) -> TerminalRecord:
        """`POST /terminals` (I); `code` is the acquirer's TRSM code."""
        body = {"trsm_code": code, "merchant_id": branch_ref, "name": name}
        return self._door.write("POST", "/terminals", body=body, decode=_created_terminal)

    def list_terminals(self, period: Period) -> Generator[Batch]:
        """`GET /terminals` (C)."""
        return self._list("/terminals", "terminals", period)

    def read_terminals(self, items: Iterable[Item]) -> Reading[TerminalRecord]:
        return reading.read(items, payloads.Terminal, translate.terminal)

    def find_terminal(self, ref: str) -> TerminalRecord:
        """`GET /terminals/{id}` (C)."""
        one = _one("terminal", payloads.Terminal, translate.terminal)
        return self._door.read(f"/terminals/{_part(ref)}", decode=one)[0]

    def disconnect_terminal(self, terminal_ref: str) -> None:
        """`PUT /terminals/{id}/disconnect` (C): signs the terminal's device out."""
        path = f"/terminals/{_part(terminal_ref)}/disconnect"
        self._door.write("PUT", path, body={}, decode=_object)

    def assign_terminal(
        self, terminal_ref: str, *, name: str, email: str, mobile: str
    ) -> TerminalRecord:
        """`POST /terminals/{id}/assign` (C): makes an unknown person, moves a known one."""
        path = f"/terminals/{_part(terminal_ref)}/assign"
        body = {"name": name, "email": email, "mobile": mobile}
        one = _one("terminal", payloads.Terminal, translate.terminal)
        return self._door.write("POST", path, body=body, decode=one)

    def unassign_terminal(self, terminal_ref: str) -> None:
        """`PUT /terminals/{id}/unassign` (C); the answer names the tid, not the id (S)."""
        path = f"/terminals/{_part(terminal_ref)}/unassign"
        self._door.write("PUT", path, body={}, decode=_object)

    # transactions

    def list_transactions(self, period: Period) -> Generator[Batch]:
        """`GET /transactions` (C)."""
        return self._list("/transactions", "transactions", period)

    def read_transactions(self, items: Iterable[Item]) -> Reading[TransactionRecord]:
        return reading.read(items, payloads.Transaction, translate.transaction)

    def find_transaction(self, ref: str) -> TransactionRecord:
        """`GET /transactions/{id}` (C); has no `internet` and no `terminal` (S)."""
        one = _one("transaction", payloads.Transaction, translate.transaction)
        return self._door.read(f"/transactions/{_part(ref)}", decode=one)[0]

    # reconciliations

    def create_reconciliation(self, terminal_ref: str) -> ReconciliationRecord:
        """`POST /reconciliations` (C), by the terminal's id, not its tid (S)."""
        one = _one(
            "reconciliation", payloads.CreatedReconciliation, translate.created_reconciliation
        )
        body = {"terminal_id": terminal_ref}
        return self._door.write("POST", "/reconciliations", body=body, decode=one)

    def list_reconciliations(self, period: Period) -> Generator[Batch]:
        """`GET /reconciliations` (I, by symmetry)."""
        return self._list("/reconciliations", "reconciliations", period)

    def read_reconciliations(self, items: Iterable[Item]) -> Reading[ReconciliationRecord]:
        return reading.read(items, payloads.Reconciliation, translate.reconciliation)

    def find_reconciliation(self, ref: str) -> ReconciliationRecord:
        """`GET /reconciliations/{id}` (I, by symmetry)."""
        one = _one("reconciliation", payloads.Reconciliation, translate.reconciliation)
        return self._door.read(f"/reconciliations/{_part(ref)}", decode=one)[0]

    # sessions

    def create_session(
        self, terminal_ref: str, *, kind: Kind, amount: Money, reference: str, refund_of: str
    ) -> SessionRecord:
        """`POST /terminals/{id}/sessions` (C); lives ten minutes (I).

        Raises Refused, and sends nothing, for what NearPay could only misunderstand: its amounts
        are minor units of SAR with at most 12 digits (S).
        """
        word = {"PURCHASE": "purchase", "REFUND": "refund"}.get(kind)
        if word is None:
            raise Refused("A session is for a purchase or a refund.")
        if amount.currency != translate.CURRENCY:
            raise Refused(f"NearPay takes {translate.CURRENCY} only.")
        if not 0 < amount.minor < 10**12:
            raise Refused("The amount must be above zero, with at most 12 digits.")
        body = {
            "type": word,
            "amount": amount.minor,
            "reference_id": reference,
            "original_transaction": refund_of,
        }
        path = f"/terminals/{_part(terminal_ref)}/sessions"
        one = _one("session", payloads.Session, translate.session)
        return self._door.write("POST", path, body=body, decode=one)

    def list_sessions(self, period: Period, *, terminal_refs: Sequence[str]) -> Generator[Batch]:
        """`GET /sessions`, or terminal by terminal where that does not exist (I, undecided)."""
        try:
            yield from self._list("/sessions", "sessions", period)
        except Refused as problem:
            if not problem.absent:
                raise
        else:
            return
        complete_to: datetime | None = None
        whole, answered, read = True, not terminal_refs, 0
        for number, ref in enumerate(terminal_refs, 1):
            path = f"/terminals/{_part(ref)}/sessions"
            try:
                for batch in self._list(path, "sessions", period, asked_of=ref):
                    last = batch
                    read += 1
                    yield Batch(batch.items, number, len(terminal_refs), read, order=batch.order)
            except Refused as problem:
                # A terminal that was deleted there has no sessions to read.
                if not problem.absent:
                    raise
            else:
                answered, whole = True, whole and last.whole
                ends = [each for each in (complete_to, last.complete_to) if each]
                complete_to = min(ends, default=None)
        if not answered:
            raise Refused("NearPay lists sessions under none of its two known addresses.")
        yield Batch([], 0, len(terminal_refs), read, complete_to, whole=whole)

    def read_sessions(self, items: Iterable[Item]) -> Reading[SessionRecord]:
        return reading.read(items, payloads.Session, translate.session)

    # the calls

    def _list(
        self, path: str, name: str, period: Period, *, asked_of: str | None = None
    ) -> Generator[Batch]:
        def fetch(number: int) -> Page:
            frame, at = self._door.read(
                path,
                query={"page": str(number), "limit": str(PAGE_SIZE)},
                decode=lambda body: payloads.frame(body, name, number),
            )
            elements = frame.elements
            if asked_of is not None:
                elements = [_with(element, asked_of) for element in elements]
            items = reading.cut(elements, translate.VERSION)
            return Page(number, items, frame.total, at, frame.current)

        return walk(fetch, since=period.since, fetchers=period.fetchers)


def refusal(status: int, body: bytes) -> Refused:
    """A refusal with NearPay's code and words; its texts are for people and hold no values."""
    said = payloads.failure(body)
    words = {
        language: without_cards(text) or ""
        for language, text in (
            ("ar", said.error.arabic if said.error else None),
            ("en", said.error.english if said.error else None),
        )
        if text
    }
    if isinstance(said.message, dict) and not words:
        # (C) the validation shape: {"message": {"<field>": ["…"]}}.
        words["en"] = without_cards("; ".join(_complaints(said.message)))[:500]  # type: ignore[index]
    code = str(said.code or said.code_text or "")
    code = code if re.fullmatch(r"[A-Z0-9_]{1,40}", code, re.ASCII) else ""
    suffix = f", code {code}" if code else ""
    return Refused(
        f"NearPay refused the call (HTTP {status}{suffix}).",
        status=status,
        reason=code,
        words=words,
    )


def _complaints(message: dict[str, Any]) -> list[str]:
    """What is wrong with each field of a request, as sentences."""
    return [
        f"{field}: {', '.join(str(each) for each in texts)}"
        for field, texts in sorted(message.items())
        if isinstance(texts, list) and re.fullmatch(r"[a-z_]{1,40}", field, re.ASCII)
    ]


def _part(ref: str) -> str:
    """A reference as one part of an address, which it cannot climb out of."""
    if ref in ("", ".", ".."):
        raise Refused("The reference is none that NearPay could have given.", status=404)
    return quote(ref, safe="")


def _one(name: str, model: type[P], translated: Callable[[P], R]) -> Callable[[bytes], R]:
    """A decoder of one object that also says what it means.

    Both belong to the call: a change whose answer makes no sense has an unknown outcome.
    """

    def decode(body: bytes) -> R:
        payload = payloads.one(body, name, model)
        try:
            return translated(payload)
        except reading.UNREADABLE as problem:
            raise Unreadable(*reading.explain(problem)) from None

    return decode


def _created_terminal(body: bytes) -> TerminalRecord:
    made = payloads.whole(body, payloads.CreatedTerminal)
    return translate.terminal(made.terminal, made.merchant)


def _object(body: bytes) -> None:
    """Nothing is read from the answer, which may be empty."""
    if body.strip():
        payloads.whole(body, dict[str, Any])


def _with(element: msgspec.Raw, terminal_ref: str) -> msgspec.Raw:
    """A row of a terminal's own list, with the terminal it does not name."""
    rest = bytes(element).lstrip()[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return msgspec.Raw(b'{"asked_of":' + msgspec.json.encode(terminal_ref) + comma + rest)
