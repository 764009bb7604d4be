"""Calls to the Integra gateway of MobilePay's point of sale: addresses, parameters, following.

The token and the code that goes with it travel as parameters, so they are sent in a form's body
wherever the gateway takes one. It captures, cancels and deletes on GET: such a call is a change,
and no layer repeats it.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from providers.base import reading
from providers.base.errors import Refused, Unreadable
from providers.base.http import Door, Limits
from providers.base.money import Money
from providers.base.paging import Batch
from providers.base.provider import Deadlines, DemoAccount, Period, Watch
from providers.base.reading import Item, Reading
from providers.base.records import BranchRecord, TerminalRecord, TransactionRecord
from providers.mobilepay import payloads, translate

P = TypeVar("P")
R = TypeVar("R")
Members = dict[str, msgspec.Raw]
# (C) upstream refuses a list that would be too long; what has ended is then not told at all.
TOO_WIDE = "1109"
# Terminals in one batch.
AT_ONCE = 50
# (I) under which names an answer holds what was asked for, where the help pages do not say.
PAYMENT_IDS, STORE_IDS, REFUND_IDS = ("paymentsIds", "paymentIds"), ("storeIds",), ("refundIds",)
STORES, CODES, STATES = ("stores",), ("qrCode", "qrcode", "message"), ("status", "message")
TOKENS = ("message", "accessToken")


@dataclass
class _Found:
    """The references that looking somewhere has brought, and the call that tells more of each."""

    tells: Callable[[str], bytes]
    refs: list[str] = field(default_factory=list)
    # The terminal that was looked at, and whether what has ended there would not be told.
    tid: str | None = None
    too_wide: bool = False
    at: datetime | None = None


class Connector:
    """One merchant at the gateway."""

    name = payloads.NAME
    title = "MobilePay"
    hosts = payloads.HOSTS
    credentials = payloads.Credentials
    default_zone = translate.COPENHAGEN.key
    version = translate.VERSION
    # MobilePay prints no receipts; the form of one is kept for those that packing needs.
    receipt_example = Path(__file__).with_name("receipt.example.json").read_bytes()
    given = "access_token"
    currency = translate.CURRENCY
    # (C) a reservation lasts seven days, a refund's a day.
    deadlines = Deadlines(payment=timedelta(days=7), refund=timedelta(hours=24))
    demo = tuple(
        DemoAccount(
            slug, f"MobilePay, {place}", {"bio_code": code, "access_token": token}, tids, joins
        )
        for slug, place, code, token, tids, joins in (
            (
                "demo", "København", "sandbox-bio-of-demo", "sandbox-token-of-demo",
                ("DK-101", "DK-102", "DK-103", "DK-201", "DK-202", "DK-301"),
                # A branch for tests, at which both providers are tried.
                (("Odense", "Al Khobar"),),
            ),
            (
                "other", "Aarhus", "sandbox-bio-of-other", "sandbox-token-of-other",
                ("OB-1", "OB-2"), (),
            ),
        )
    )  # fmt: skip

    def __init__(
        self,
        credentials: payloads.Credentials,
        *,
        hosts: frozenset[str] = frozenset(),
        limits: Limits | None = None,
        door: Door | None = None,
    ) -> None:
        self._has_token = bool(credentials.access_token)
        self._token = credentials.access_token
        self._door = door or Door(
            credentials.base_url,
            hosts=self.hosts | hosts,
            headers={},
            secrets={"accessToken": credentials.access_token, "bioCode": credentials.bio_code},
            limits=limits,
            explain=payloads.refusal,
        )

    def close(self) -> None:
        """Give up every connection."""
        self._door.close()

    def try_connection(self) -> str:
        """Ask for the stores. A merchant without a token has nothing to try yet."""
        if not self._has_token:
            return "no token yet"
        self._read("manage/stores", {}, lambda members: payloads.ids(members, *STORE_IDS, *STORES))
        return "stores"

    # tokens

    def create_token(self) -> str:
        """`POST manage/token` (C): works only while the merchant has none (S)."""
        return self._post("manage/token", {}, partial(payloads.text, names=TOKENS), denies=False)

    def reset_token(self) -> str:
        """`GET manage/token/reset` (C): the present token goes, another comes."""
        query = {"previousAccessToken": self._token}
        return self._change("manage/token/reset", query, partial(payloads.text, names=TOKENS))

    # branches: MobilePay's stores

    def list_branches(self, period: Period) -> Generator[Batch]:
        """`GET manage/stores`, then each store (I: ids, as the API behind it)."""
        refs, at = self._read(
            "manage/stores", {}, lambda members: payloads.ids(members, *STORE_IDS, *STORES)
        )
        elements = []
        for ref in refs:
            raw, _ = self._read(
                "manage/store", {"storeId": ref}, partial(payloads.raw_of, marks="storeId")
            )
            elements.append(_element(ref, raw))
        items = reading.cut(map(msgspec.Raw, elements), translate.VERSION)
        yield Batch(items, 1, 1, 1, at, whole=True)

    def read_branches(self, items: Iterable[Item]) -> Reading[BranchRecord]:
        return reading.read(items, payloads.Store, translate.branch)

    def find_branch(self, ref: str) -> BranchRecord:
        """`GET manage/store` (I)."""
        read = partial(payloads.model, kind=payloads.Store, marks="storeId")
        return _meant(translate.branch, self._read("manage/store", {"storeId": ref}, read)[0])

    # terminals, and the points of sale that they carry

    def follow_terminals(self, tids: Sequence[str], *, fetchers: int = 4) -> Generator[Batch]:
        """`GET manage/terminal/information` (C) for each number; the gateway lists none."""
        with ThreadPoolExecutor(max(fetchers, 1), thread_name_prefix="fetch") as pool:
            try:
                for number, part in enumerate(_parts(tids), 1):
                    found = list(
                        _mapped(pool, fetchers, [partial(self._point, tid) for tid in part])
                    )
                    items = reading.cut((msgspec.Raw(raw) for raw, _ in found), translate.VERSION)
                    yield Batch(items, number, -(-len(tids) // AT_ONCE), number, looked=part)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        yield Batch([], 0, None, len(tids), whole=True)

    def read_terminals(self, items: Iterable[Item]) -> Reading[TerminalRecord]:
        return reading.read(items, payloads.Carried, translate.terminal)

    def find_point(self, tid: str) -> TerminalRecord:
        """`GET manage/terminal/information` (C)."""
        return _meant(translate.terminal, payloads.one(self._point(tid)[0], payloads.Carried))

    def create_point(self, tid: str) -> None:
        """`POST manage/create` (C): works only while the terminal carries none (S)."""
        self._post("manage/create", {"terminalId": tid}, _nothing)

    def delete_point(self, tid: str) -> None:
        """`DELETE manage/delete` (S)."""
        self._change("manage/delete", {"terminalId": tid}, _nothing, method="DELETE")

    def _point(self, tid: str) -> tuple[bytes, datetime | None]:
        try:
            raw, at = self._read(
                "manage/terminal/information",
                {"terminalId": tid},
                lambda members: bytes(members.get("posInformation", b"null")),
            )
        except Refused as problem:
            # A number that carries nothing is one that the gateway may not know at all (I).
            if not problem.absent:
                raise
            raw, at = b"null", None
        return _element(tid, raw, "point"), at

    # customers and codes

    def seen_at_terminal(self, tid: str) -> bool | None:
        """`GET manage/checkInStatus/byterminalId` (I)."""
        return self._seen("manage/checkInStatus/byterminalId", {"terminalId": tid})

    def seen_at_point(self, ref: str) -> bool | None:
        """`GET manage/checkInStatus/byposId` (I)."""
        return self._seen("manage/checkInStatus/byposId", {"posId": ref})

    def _seen(self, path: str, query: dict[str, str]) -> bool | None:
        read = partial(payloads.model, kind=payloads.CheckIn, marks="isUserCheckedIn")
        seen = self._read(path, query, read)[0].is_user_checked_in
        return str(seen).casefold() == "true" if seen is not None else None

    def show_code(self, tid: str) -> str:
        """`GET terminal/qrcode` (I): `mobilepaypos://pos?id=…` (C)."""
        read = partial(payloads.text, names=CODES)
        return self._read("terminal/qrcode", {"terminalId": tid}, read)[0]

    # payments

    def ended_states(self) -> Sequence[str]:
        """In which a payment is over that was not captured; no call."""
        return translate.ENDED

    def start_payment(self, tid: str, *, order: str, amount: Money) -> str:
        """`POST payment/start` (C)."""
        return self._start("payment/start", {"terminalId": tid}, order, amount)

    def start_payment_at_point(self, ref: str, *, order: str, amount: Money) -> str:
        """`POST payment/start/byPosId` (C)."""
        return self._start("payment/start/byPosId", {"posId": ref}, order, amount)

    def _start(self, path: str, where: dict[str, str], order: str, amount: Money) -> str:
        asked = {**where, "orderId": order, **_amount(amount)}
        return self._post(path, asked, partial(payloads.text, names=("paymentId",)))

    def prepare_payment(self, tid: str, *, order: str) -> str:
        """`POST payment/prepare` (C): waits for a customer, without an amount yet."""
        asked = {"terminalId": tid, "orderId": order}
        return self._post("payment/prepare", asked, partial(payloads.text, names=("paymentId",)))

    def ready_payment(self, tid: str, *, payment: str, order: str, amount: Money) -> None:
        """`POST payment/ready` (C): the amount of a prepared payment."""
        asked = {"terminalId": tid, "paymentId": payment, "orderId": order, **_amount(amount)}
        self._post("payment/ready", asked, _nothing)

    def capture_payment(self, ref: str, *, amount: Money) -> None:
        """`GET payment/capture` (I): the same amount again does no harm (C)."""
        query = {"paymentId": ref, "amount": translate.amount_text(amount)}
        self._change("payment/capture", query, _nothing)

    def cancel_payment(self, ref: str) -> None:
        """`GET payment/cancel` (I)."""
        self._change("payment/cancel", {"paymentId": ref}, _nothing)

    def state_of_payment(self, ref: str) -> str:
        """`GET payment/status` (I)."""
        read = partial(payloads.text, names=STATES)
        return self._read("payment/status", {"paymentId": ref}, read)[0]

    def payments_of_order(self, tid: str, *, order: str) -> list[str]:
        """`GET payments` (C) of a terminal and an order, whatever became of them: both lists."""
        found: list[str] = []
        for state in ("", translate.CAPTURED):
            found += self._payments(tid, state, order)[0]
        return list(dict.fromkeys(found))

    def _payments(self, tid: str, state: str, order: str = "") -> tuple[list[str], datetime | None]:
        asked = {"terminalId": tid, "state": state, "orderId": order}
        query = {name: value for name, value in asked.items() if value}
        return self._read("payments", query, lambda members: payloads.ids(members, *PAYMENT_IDS))

    def recall_by_state(self, *, order: str, state: str) -> str:
        """`GET payment/id/retrieve/bystate` (C)."""
        return self._recall("bystate", {"orderId": order, "state": state})

    def recall_by_terminal(self, tid: str, *, state: str) -> str:
        """`GET payment/id/retrieve/byterminal` (C)."""
        return self._recall("byterminal", {"terminalId": tid, "paymentState": state})

    def recall_by_point(self, ref: str, *, state: str) -> str:
        """`GET payment/id/retrieve/byposId` (C)."""
        return self._recall("byposId", {"posId": ref, "paymentState": state})

    def _recall(self, how: str, query: dict[str, str]) -> str:
        read = partial(payloads.text, names=("paymentId",))
        return self._read(f"payment/id/retrieve/{how}", query, read)[0]

    def find_transaction(self, ref: str) -> TransactionRecord:
        """A payment or, where there is none of that reference, a refund."""
        try:
            raw = self._payment(ref)
        except Refused as problem:
            if not problem.absent:
                raise
            raw = self._refund(ref)
        return _meant(translate.followed, payloads.one(raw, payloads.Followed))

    def _payment(self, ref: str) -> bytes:
        """`GET payment/details` (I), as an item."""
        read = partial(payloads.raw_of, marks="paymentId")
        raw, _ = self._read("payment/details", {"paymentId": ref}, read)
        return _element(ref, raw, "payment")

    def _refund(self, ref: str) -> bytes:
        """`GET refund/details` (I), as an item."""
        read = partial(payloads.raw_of, marks="refundId")
        raw, _ = self._read("refund/details", {"refundId": ref}, read)
        return _element(ref, raw, "refund")

    # refunds

    def create_refund(self, payment: str, *, order: str, amount: Money) -> str:
        """`POST refund/create` (C): of a captured payment, within 90 days (C)."""
        asked = {"paymentId": payment, "refundOrderId": order, **_amount(amount)}
        return self._post("refund/create", asked, partial(payloads.text, names=("refundId",)))

    def refunds_of(self, payment: str) -> list[str]:
        """`GET refunds` (I)."""
        query = {"paymentId": payment}
        return self._read("refunds", query, lambda members: payloads.ids(members, *REFUND_IDS))[0]

    def capture_refund(self, ref: str) -> None:
        """`GET refund/capture` (I)."""
        self._change("refund/capture", {"refundId": ref}, _nothing)

    def cancel_refund(self, ref: str) -> None:
        """`GET refund/cancel` (I)."""
        self._change("refund/cancel", {"refundId": ref}, _nothing)

    # following

    def follow_transactions(self, watch: Watch) -> Generator[Batch]:
        """What goes on and what was captured at each terminal, and what became of what is known.

        What was given up between two looks is never heard of, unless it was known before.
        """
        looks: list[Callable[[], _Found]] = [
            *(partial(self._at_terminal, tid) for tid in watch.tids),
            *(partial(self._of_sale, ref) for ref in watch.sales),
        ]
        known = [
            *(partial(self._told, self._payment, ref) for ref in watch.payments),
            *(partial(self._told, self._refund, ref) for ref in watch.refunds),
        ]
        parts = _parts(looks)
        pages = len(parts) + len(_parts(known))
        begun: datetime | None = None
        with ThreadPoolExecutor(max(watch.fetchers, 1), thread_name_prefix="fetch") as pool:
            try:
                for number, part in enumerate(parts, 1):
                    found = list(_mapped(pool, watch.fetchers, part))
                    begun = begun or next((each.at for each in found if each.at), None)
                    fresh = set(watch.unknown([ref for each in found for ref in each.refs]))
                    asks = [
                        partial(self._told, each.tells, ref)
                        for each in found
                        for ref in each.refs
                        if ref in fresh
                    ]
                    told = [raw for raw in _mapped(pool, watch.fetchers, asks) if raw]
                    yield Batch(
                        _items(told),
                        number,
                        pages,
                        number,
                        looked=tuple(each.tid for each in found if each.tid),
                        missed=tuple(each.tid for each in found if each.tid and each.too_wide),
                    )
                for number, some in enumerate(_parts(known), len(parts) + 1):
                    told = [raw for raw in _mapped(pool, watch.fetchers, some) if raw]
                    yield Batch(_items(told), number, pages, number)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        yield Batch([], 0, pages, pages, begun)

    def read_transactions(self, items: Iterable[Item]) -> Reading[TransactionRecord]:
        return reading.read(items, payloads.Followed, translate.followed)

    def _at_terminal(self, tid: str) -> _Found:
        """What goes on at a terminal, and what was captured there."""
        found = _Found(tells=self._payment, tid=tid)
        try:
            found.refs, found.at = self._payments(tid, "")
            found.refs = list(
                dict.fromkeys(found.refs + self._payments(tid, translate.CAPTURED)[0])
            )
        except Refused as problem:
            # One that carries no point of sale has nothing going on.
            found.too_wide = problem.reason == TOO_WIDE
            if not (problem.absent or found.too_wide):
                raise
        return found

    def _of_sale(self, ref: str) -> _Found:
        try:
            return _Found(tells=self._refund, refs=self.refunds_of(ref))
        except Refused as problem:
            if not problem.absent:
                raise
            return _Found(tells=self._refund)

    def _told(self, tells: Callable[[str], bytes], ref: str) -> bytes | None:
        """The item of a reference; None where it is no longer told of, and what is known stays."""
        try:
            return tells(ref)
        except Refused as problem:
            if not problem.absent:
                raise
            return None

    # the calls

    def _read(
        self, path: str, query: dict[str, str], decode: Callable[[Members], R]
    ) -> tuple[R, datetime | None]:
        def whole(body: bytes) -> R:
            return decode(payloads.frame(body, changes=False))

        return self._door.read(f"/api/pos/{path}", query=query, decode=whole)

    def _change(
        self, path: str, query: dict[str, str], decode: Callable[[Members], R], method: str = "GET"
    ) -> R:
        def whole(body: bytes) -> R:
            return decode(payloads.frame(body, changes=True))

        return self._door.write(method, f"/api/pos/{path}", query=query, decode=whole)

    def _post(
        self, path: str, form: dict[str, str], decode: Callable[[Members], R], denies: bool = True
    ) -> R:
        def whole(body: bytes) -> R:
            return decode(payloads.frame(body, changes=True, denies=denies))

        return self._door.write("POST", f"/api/pos/{path}", form=form, decode=whole)


def _mapped(
    pool: ThreadPoolExecutor, fetchers: int, calls: Iterable[Callable[[], R]]
) -> Iterator[R]:
    """What some calls bring, in their order; one after another where nobody else may help."""
    return map(_called, calls) if fetchers < 2 else pool.map(_called, calls)


def _called(call: Callable[[], R]) -> R:
    return call()


def _items(told: Iterable[bytes]) -> list[Item]:
    """Items, each once: a payment may have been met at its terminal and by its reference."""
    return reading.cut(map(msgspec.Raw, dict.fromkeys(told)), translate.VERSION)


def _parts(whole: Sequence[R]) -> list[tuple[R, ...]]:
    """What is asked for in one batch."""
    return [tuple(whole[at : at + AT_ONCE]) for at in range(0, len(whole), AT_ONCE)]


def _amount(amount: Money) -> dict[str, str]:
    return {"amount": translate.amount_text(amount), "currencyCode": amount.currency}


def _meant(translated: Callable[[P], R], payload: P) -> R:
    """What an answer means. Raises Unreadable where it means nothing."""
    try:
        return translated(payload)
    except reading.UNREADABLE as problem:
        raise Unreadable(*reading.explain(problem)) from None


def _nothing(members: Members) -> None:
    """The answer says no more than that it was a success."""


def _element(ref: str, raw: bytes, name: str = "") -> bytes:
    """Something that was asked for as an item, under the reference by which it was."""
    ref_part = b'{"id":' + msgspec.json.encode(ref)
    if name:
        return ref_part + b"," + msgspec.json.encode(name) + b":" + raw + b"}"
    rest = raw.lstrip()[1:].lstrip()
    if not rest:
        raise Unreadable("The answer is not an object.")
    return ref_part + (b"" if rest.startswith(b"}") else b",") + rest
