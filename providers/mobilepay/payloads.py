"""The gateway's answers as typed models, and the credentials it needs.

Every answer is an object with `success`, `errors` and what was asked for. It is asked for JSON, and
what comes as XML, as the gateway can, is read as the same (C).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar
from xml.parsers import expat

import msgspec
from msgspec import Meta, Raw, Struct

from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Refused,
    Unknown,
    Unreachable,
    Unreadable,
)
from providers.base.reading import LONGEST_FIELD, UNREADABLE, without_cards
from providers.base.registry import languages, words

PRODUCTION = "https://mobilepay-pos.poweredbyintegra.dk"
HOSTS = frozenset({"mobilepay-pos.poweredbyintegra.dk"})
NAME = "mobilepay"

T = TypeVar("T")
Text = Annotated[str, Meta(max_length=LONGEST_FIELD)]
# A text where the answer was XML.
Number = Annotated[int, Meta(ge=0, le=86_400_000)] | Text
# «There is no such thing» in the words of the API behind the gateway (C): 409s, not 404s.
ABSENT = frozenset({"1000", "1001", "1002", "1004"})
# (C) the gateway's own faults and those of the API behind it: nothing of ours was wrong.
_FAULTS = re.compile(r"2[0-9]{3}", re.ASCII)
# (I) the gateway passes the code on at the head of its text, or as JSON.
_CODE = re.compile(
    r'(?:^\W{0,3}(?:error|code)?\W{0,3}|"code"\s*:\s*"?)([12][0-9]{3})\b', re.ASCII | re.IGNORECASE
)
# (I) how it says that the token or the code it goes with is none.
_DENIED = re.compile(
    r"\b(access\s?token|bio\s?code)\b.*\b(invalid|wrong|unknown|missing|not)\b"
    r"|\b(invalid|wrong|unknown|missing)\b.*\b(access\s?token|bio\s?code)\b"
)


class Credentials(Struct, frozen=True):
    """What the gateway knows a merchant by: a code, and the token that goes with it.

    Both travel as parameters. A merchant who has no token yet leaves it empty.
    """

    bio_code: Annotated[
        str,
        Meta(min_length=2, max_length=100, pattern="^[!-~]+$", extra_json_schema={"secret": True}),
    ]
    access_token: Annotated[
        str, Meta(max_length=2000, pattern="^[!-~]*$", extra_json_schema={"secret": True})
    ] = ""
    base_url: str = PRODUCTION


class Store(Struct, rename="camel"):
    """A branch of ours (C, by the API behind the gateway)."""

    IGNORED: ClassVar[frozenset[str]] = frozenset({"id"})
    store_id: Text
    store_name: Text | None = None
    store_street: Text | None = None
    store_zip_code: Text | None = None
    store_city: Text | None = None
    brand_name: Text | None = None
    merchant_brand_id: Text | None = None
    merchant_location_id: Text | None = None


class Point(Struct, rename="camel"):
    """What the gateway says of the point of sale that a terminal carries (C): texts, all of it."""

    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {"requirePaymentBeforeCheckin", "supportedBeaconTypes", "callbackAlias", "merchantPosId"}
    )
    pos_id: Text | None = None
    name: Text | None = None
    store_id: Text | None = None
    beacon_id: Text | None = None


class Payment(Struct, rename="camel"):
    """A payment's details (I: the shape of the API behind the gateway)."""

    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {
            "customerToken", "customerReceiptToken", "loyaltyIds", "restrictions",
            "merchantPaymentLabel", "plannedCaptureDelay", "partialCapturePossible",
            "paymentExpiresAt",
        }
    )  # fmt: skip
    payment_id: Text
    status: Text
    pos_id: Text | None = None
    order_id: Text | None = None
    # A number or a text of major units; read as it is written, so nothing is rounded.
    amount: Decimal | None = None
    currency_code: Text | None = None
    poll_delay_in_ms: Number | None = None


class Refund(Struct, rename="camel"):
    """A refund's details (I: the shape of the API behind the gateway)."""

    refund_id: Text
    payment_id: Text
    status: Text
    refund_order_id: Text | None = None
    amount: Decimal | None = None
    currency_code: Text | None = None
    poll_delay_in_ms: Number | None = None


class CheckIn(Struct, rename="camel"):
    """Whether a customer stands at a point of sale; who that is is not read."""

    # A text where the answer was XML.
    is_user_checked_in: bool | Text | None = None


class Followed(Struct):
    """A payment or a refund as one item."""

    id: Text
    payment: Payment | None = None
    refund: Refund | None = None


class Carried(Struct):
    """A terminal with the point of sale that it carries, if any; `id` is the terminal's number."""

    id: Text
    point: Point | None = None


def frame(body: bytes, *, changes: bool, denies: bool = True) -> dict[str, Raw]:
    """The members of an answer beside `success` and `errors`.

    Raises Refused with the gateway's words where it says that there was no success, and for codes
    of faults behind it Unreachable, or Unknown where something may have changed. `denies` says
    whether a complaint about the token is one about our own.
    """
    members = _members(body)
    success, errors = members.pop("success", None), members.pop("errors", Raw(b"null"))
    said = _plain(success) if success is not None else None
    if said in (True, "true", "True"):
        return members
    if said not in (False, "false", "False"):
        raise Unreadable("The answer does not say whether it was a success.", "$.success")
    raise failure(_texts(errors), status=200, changes=changes, denies=denies)


def failure(texts: list[str], *, status: int, changes: bool, denies: bool) -> ProviderFailure:
    """What the gateway's complaints mean, in our own words by language where the code is known."""
    text = without_cards("; ".join(texts))[:500] or ""  # type: ignore[index]
    code = next((found[1] for found in map(_CODE.search, texts) if found), "")
    if _FAULTS.fullmatch(code):
        sentence = f"MobilePay failed behind the gateway (code {code})."
        return Unknown(sentence) if changes else Unreachable(sentence)
    if code == "1182" or (denies and not code and _DENIED.search(text.casefold())):
        return NotAuthorised("The gateway refused the token or the code that goes with it.")
    known = {language: words(NAME, language)["refusals"].get(code) for language in languages()}
    absent = code in ABSENT or (not code and "not found" in text.casefold())
    suffix = f", code {code}" if code else ""
    return Refused(
        f"MobilePay refused the call (HTTP {status}{suffix}).",
        status=404 if absent else status,
        reason=code,
        words={language: said for language, said in known.items() if said} or {"en": text},
    )


def refusal(status: int, body: bytes) -> Refused:
    """A refusal by status: the gateway's own frame, or ASP.NET's `{"Message"}` (G)."""
    try:
        members = _members(body)
    except Unreadable:
        members = {}
    texts = _texts(members.get("errors", Raw(b"null")))
    if not texts and "Message" in members:
        texts = [str(_plain(members["Message"]))]
    said = failure(texts, status=status, changes=False, denies=False)
    if isinstance(said, Refused):
        return said
    return Refused(f"MobilePay refused the call (HTTP {status}).", status=status)


def model(members: dict[str, Raw], kind: type[T], marks: str) -> T:
    """One object of an answer, which holds it at its top or as a member: the help pages do not say.

    `marks` is the field without which it is none.
    """
    whole = members if marks in members else None
    for each in [] if whole else list(members.values()):
        inner = _object(each)
        if inner is not None and marks in inner:
            whole = inner
    if whole is None:
        raise Unreadable("The answer does not hold what was asked for.", f"$.{marks}")
    return one(msgspec.json.encode(whole), kind)


def raw_of(members: dict[str, Raw], marks: str) -> bytes:
    """The same, not yet read."""
    return msgspec.json.encode(model(members, dict[str, Raw], marks))


def one(body: bytes, kind: type[T]) -> T:
    """Some JSON as a model. Raises Unreadable."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE:
        raise Unreadable("The answer is not of the documented shape.") from None


def text(members: dict[str, Raw], names: Sequence[str]) -> str:
    """A text among an answer's members, under one of some names."""
    for name in names:
        found = _plain(members[name]) if name in members else None
        if isinstance(found, str) and 0 < len(found) <= 4000:
            return found
    raise Unreadable("The answer does not hold what was asked for.", f"$.{names[0]}")


def ids(members: dict[str, Raw], *names: str) -> list[str]:
    """The identifiers of an answer; an empty list may come as nothing at all."""
    for name in names:
        if name in members:
            found = _plain(members[name])
            if found in (None, ""):
                return []
            if isinstance(found, list) and all(map(_is_ref, found)):
                return list(dict.fromkeys(found))
    raise Unreadable("The answer does not hold the list that was asked for.", f"$.{names[0]}")


def _is_ref(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_FIELD


def _members(body: bytes) -> dict[str, Raw]:
    if body.lstrip()[:1] == b"<":
        body = msgspec.json.encode(_from_xml(body))
    return one(body, dict[str, Raw])


def _object(raw: Raw) -> dict[str, Raw] | None:
    return one(bytes(raw), dict[str, Raw]) if bytes(raw).lstrip()[:1] == b"{" else None


def _plain(raw: Raw) -> Any:
    return one(bytes(raw), Any)


def _texts(raw: Raw) -> list[str]:
    found = _plain(raw)
    found = found if isinstance(found, list) else [found]
    return [each for each in found if isinstance(each, str) and each.strip()]


class _Node:
    def __init__(self, nil: bool) -> None:
        self.nil, self.text = nil, ""
        self.inner: list[tuple[str, Any]] = []

    def value(self) -> Any:
        if self.nil:
            return None
        if not self.inner:
            return self.text.strip() or None
        names = [name for name, _ in self.inner]
        if set(names) == {"string"}:
            return [value or "" for _, value in self.inner]
        return dict(self.inner)


def _from_xml(body: bytes) -> Any:
    """An answer in XML as the objects, lists and texts that its JSON would hold.

    Raises Unreadable, also for a document type, in which entities could be declared.
    """
    parser = expat.ParserCreate()
    stack = [_Node(False)]

    def begin(name: str, marks: dict[str, str]) -> None:
        if len(stack) > 50:
            raise Unreadable("The answer is nested too deeply.")
        stack.append(_Node(any(k.endswith(":nil") and v == "true" for k, v in marks.items())))

    def end(name: str) -> None:
        value = stack.pop().value()
        stack[-1].inner.append((name.rpartition(":")[2], value))

    def add(text: str) -> None:
        stack[-1].text += text

    def refuse(*_: Any) -> None:
        raise Unreadable("The answer declares a document type.")

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = add
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise Unreadable("The answer is neither JSON nor XML.") from None
    whole = stack[0].value()
    return next(iter(whole.values())) if isinstance(whole, dict) else {}
