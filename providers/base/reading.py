"""Reading item by item: one that cannot be read is set aside, and the rest of its page goes on.

A page is cut into items without decoding them. Each has a digest over its bytes and the
connector's translation version, so that what is stored already is not decoded again, and a
corrected translation reads old rows anew.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Generic, TypeVar
from unicodedata import digit

import msgspec
import xxhash

from providers.base.errors import Unreadable

R = TypeVar("R")
LONGEST_NAME, MOST_NAMES, LONGEST_TEXT = 40, 50, 60
# Payload models limit their texts to this, and the columns for them are as wide.
LONGEST_FIELD = 200
# ISO/IEC 7812 card numbers; their groups, and what may stand between two of them.
FEWEST_DIGITS, MOST_DIGITS = 13, 19
_GROUP = re.compile(r"\d+")
_BETWEEN = re.compile(r"[\W_]{1,3}")
# A group that begins as an issuer's number does, or in another script, and enough digits.
_MAYBE = re.compile(r"(?<!\d)(?:[2-6]|(?![0-9])\d)(?:[\W_]{0,3}\d){12}")


class Item(msgspec.Struct, frozen=True):
    """One element of a list, not yet decoded. `ref` or `at` is None where even that is unclear."""

    ref: str | None
    at: datetime | None
    digest: bytes
    # A view into its page: nine of ten items are known by their digest and never looked at again.
    raw: msgspec.Raw | bytes


def found_item(ref: str, record: object) -> Item:
    """An item of something that was asked for alone.

    It is shaped otherwise than a listed one, so its digest is its own: the next list rewrites it.
    """
    digest = xxhash.xxh3_128_digest(f"found:{record!r}".encode("utf-8", "replace"))
    return Item(ref, None, digest, b"")


@dataclass(frozen=True)
class Rejected:
    """An item that was set aside: why, where in it, and its shape with every value masked."""

    # What it is kept under: its reference, or its digest where even that cannot be read.
    key: str
    reason: str
    path: str
    masked: Any


@dataclass
class Reading(Generic[R]):
    """What came of some items."""

    records: list[tuple[Item, R]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    # Names of fields that the documentation does not know; their values are kept nowhere.
    surprises: Counter[str] = field(default_factory=Counter)


# What decoding and translating a hostile item may raise: broken UTF-8 is a ValueError, a time
# beside the calendar an OverflowError, and times with and without a zone do not compare.
UNREADABLE = (
    msgspec.MsgspecError,
    Unreadable,
    RecursionError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)


class _Head(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_FIELD)]
    created_at: datetime | None = None


_head = msgspec.json.Decoder(_Head)
_anything = msgspec.json.Decoder()


# A text, or one of the signs by which JSON is nested.
_SIGNS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_CLOSES = {b"{": b"}", b"[": b"]"}


def members(text: bytes) -> dict[str, bytes]:
    """An object's members, cut by its brackets alone, without looking into its texts."""
    pairs = [part.partition(b":") for part in children(text)]
    return {
        key.strip().strip(b'"').decode("ascii", "replace"): each.strip() for key, _, each in pairs
    }


def children(text: bytes) -> list[bytes]:
    """What stands between the commas of an object or an array.

    Raises ValueError where its brackets do not match, as in an answer that was cut short.
    """
    parts: list[bytes] = []
    closes: list[bytes] = []
    begins = 0
    for found in _SIGNS.finditer(text):
        sign = found[0]
        if sign in _CLOSES:
            closes.append(_CLOSES[sign])
            begins = begins or found.end()
        elif sign in (b"}", b"]") and (not closes or closes.pop() != sign):
            break
        elif sign == b"," and len(closes) == 1:
            parts.append(text[begins : found.start()].strip())
            begins = found.end()
        if begins and not closes:
            last = text[begins : found.start()].strip()
            if text[found.end() :].strip():
                break
            return [*parts, last] if last else parts
    raise ValueError("The answer is not whole.")


def cut(elements: Iterable[msgspec.Raw], version: str) -> list[Item]:
    """Turn the raw elements of a page into items."""
    items = []
    seed = xxhash.xxh3_64_intdigest(version.encode())
    for element in elements:
        digest = xxhash.xxh3_128_digest(element, seed=seed)
        head: _Head | None
        try:
            head = _head.decode(element)
        except UNREADABLE:
            head = _what_can_be_read(bytes(element))
        ref = None if head is None or "\x00" in head.id else head.id or None
        items.append(Item(ref, _moment(head.created_at) if head else None, digest, element))
    return items


def _what_can_be_read(raw: bytes) -> _Head | None:
    """The reference or the time of an item, where only something else in it is wrong."""
    try:
        parts = members(raw)
    except UNREADABLE:
        return None
    head = _Head("", None)
    for name in ("id", "created_at"):
        alone = {"id": b'"-"', "created_at": b"null", name: parts.get(name, b"null")}
        part = b'{"id":%s,"created_at":%s}' % (alone["id"], alone["created_at"])
        try:
            setattr(head, name, getattr(_head.decode(part), name))
        except UNREADABLE:
            continue
    return head


def _moment(at: datetime | None) -> datetime | None:
    """A time that can be compared with any other, or None."""
    if at is None or at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC) if at.tzinfo else None
    except OverflowError:
        return None


def read(
    items: Iterable[Item], model: type[msgspec.Struct], translate: Callable[[Any], R]
) -> Reading[R]:
    """Decode and translate items, each alone."""
    reading: Reading[R] = Reading()
    strict, lenient = _decoders(model)
    known = names_of(model)
    for item in items:
        try:
            try:
                payload = strict.decode(item.raw)
            except UNREADABLE:
                # An undocumented field, or a wrong one: the lenient decoder tells which.
                reading.surprises.update(surprises(bytes(item.raw), known))
                payload = lenient.decode(item.raw)
            if item.ref is None:
                raise Unreadable("The item has no usable reference.", "$.id")
            record = translate(payload)
            refuse_nul(bytes(item.raw), record)
        except UNREADABLE as problem:
            reading.rejected.append(set_aside(item, problem, known))
        else:
            reading.records.append((item, record))
    return reading


@cache
def _decoders(model: type[msgspec.Struct]) -> tuple[Any, Any]:
    """A decoder that refuses undocumented fields, and one that passes over them.

    Nearly every item has none, and refusing costs nothing, while looking for them does.
    """
    return msgspec.json.Decoder(_strict(model)), msgspec.json.Decoder(model)


@cache
def _strict(model: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same model, with its documented but unread fields, that refuses any other."""
    fields: list[Any] = []
    renamed: dict[str, str] = {}
    for each in msgspec.inspect.type_info(model).fields:  # type: ignore[attr-defined]
        renamed[each.name] = each.encode_name
        kind = _strict_type(each.type)
        if each.required:
            fields.append((each.name, kind))
        elif each.default_factory is not msgspec.NODEFAULT:
            fields.append((each.name, kind, msgspec.field(default_factory=each.default_factory)))
        else:
            fields.append((each.name, kind, each.default))
    ignored: frozenset[str] = getattr(model, "IGNORED", frozenset())
    unread = ignored - set(model.__struct_fields__)
    fields += [(name, Any, None) for name in sorted(unread)]
    return msgspec.defstruct(
        model.__name__, fields, forbid_unknown_fields=True, kw_only=True, rename=renamed
    )


def _strict_type(info: Any) -> Any:
    inspect = msgspec.inspect
    if isinstance(info, inspect.StrType) and info.max_length:
        return Annotated[str, msgspec.Meta(max_length=info.max_length)]
    if isinstance(info, inspect.IntType) and info.le is not None:
        return Annotated[int, msgspec.Meta(ge=info.ge, le=info.le)]
    if isinstance(info, inspect.StructType):
        return _strict(info.cls)
    if isinstance(info, inspect.UnionType):
        return reduce(or_, (_strict_type(each) for each in info.types))
    if isinstance(info, inspect.ListType):
        return list[_strict_type(info.item_type)]  # type: ignore[misc]
    return _PLAIN[type(info)]


_PLAIN: dict[type, Any] = {
    msgspec.inspect.StrType: str,
    msgspec.inspect.IntType: int,
    msgspec.inspect.BoolType: bool,
    msgspec.inspect.NoneType: type(None),
    msgspec.inspect.DateTimeType: datetime,
    msgspec.inspect.DecimalType: Decimal,
    msgspec.inspect.AnyType: Any,
}


def set_aside(item: Item, problem: BaseException, known: frozenset[str]) -> Rejected:
    """Describe an unreadable item without any of its values."""
    reason, path = explain(problem)
    try:
        content = _anything.decode(item.raw)
    except UNREADABLE:
        content = None
    return Rejected(item.ref or item.digest.hex(), reason, path, mask(content, known))


def explain(problem: BaseException) -> tuple[str, str]:
    """A sentence and a path, from a decoder's complaint or a translator's."""
    if isinstance(problem, Unreadable):
        return str(problem), problem.path
    if isinstance(problem, RecursionError):
        return "The item is nested too deeply.", ""
    if not isinstance(problem, msgspec.MsgspecError):
        # Its own words could quote a value.
        return f"A value is not of a form that can be read ({type(problem).__name__}).", ""
    text = str(problem)
    path = text.rsplit(" - at `", 1)[1].rstrip("`") if " - at `" in text else ""
    sentence = text.rsplit(" - at `", 1)[0]
    # The decoder quotes an unexpected value; what it expected says enough.
    sentence = re.sub(
        r"Invalid (enum )?value .*", "The value is not one of those documented", sentence
    )
    sentence = re.sub(r"'[^']*'", "…", sentence) if "utf-8" in sentence else sentence
    return sentence.rstrip(".")[:200] + ".", path


def refuse_nul(raw: bytes, record: object) -> None:
    """PostgreSQL stores no NUL; a text that has one is set aside rather than changed."""
    if b"\\u0000" in raw and _has_nul(msgspec.to_builtins(record)):
        raise Unreadable("A text holds a NUL character, which no text may.")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(each) for each in value.values())
    if isinstance(value, list):
        return any(_has_nul(each) for each in value)
    return False


def names_of(model: Any, seen: set[Any] | None = None) -> frozenset[str]:
    """Every field name that a payload model and the models inside it document."""
    seen = set() if seen is None else seen
    names: set[str] = set()
    todo = [msgspec.inspect.type_info(model)]
    while todo:
        info = todo.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            for each in info.fields:
                names.add(each.encode_name)
                todo.append(each.type)
            names |= getattr(info.cls, "IGNORED", frozenset())
        elif isinstance(info, msgspec.inspect.UnionType):
            todo.extend(info.types)
        elif isinstance(info, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)):
            todo.append(info.item_type)
        elif isinstance(info, msgspec.inspect.DictType):
            todo.append(info.value_type)
    return frozenset(names)


_KEY = re.compile(rb'"([^"\\]{1,80})"\s*:')


def surprises(raw: bytes, known: frozenset[str]) -> set[str]:
    """The field names in an item that no model documents, shortened and cleaned."""
    unknown = set(_KEY.findall(raw)) - _bytes_of(known)
    if not unknown:
        return set()
    names = sorted(key.decode("utf-8", "replace") for key in unknown)[:MOST_NAMES]
    return {re.sub(r"[^A-Za-z_]", "?", name)[:LONGEST_NAME] for name in names}


@cache
def _bytes_of(names: frozenset[str]) -> frozenset[bytes]:
    return frozenset(name.encode() for name in names)


def mask(value: Any, known: frozenset[str], depth: int = 0) -> Any:
    """The shape of a payload: documented names only, each letter as `a`, each digit as `9`.

    The shape says why "0.015" was refused without saying what it was.
    """
    if depth > 8:
        return "…"
    if isinstance(value, dict):
        return {k: mask(v, known, depth + 1) for k, v in value.items() if k in known}
    if isinstance(value, list):
        return [mask(each, known, depth + 1) for each in value[:5]]
    if isinstance(value, str):
        shape = "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value)
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shape)[
            :LONGEST_TEXT
        ]
    if isinstance(value, bool) or value is None:
        return value
    return re.sub(r"[0-9]", "9", repr(value)[:LONGEST_TEXT])


def without_cards(text: str | None) -> str | None:
    """Mask what looks like a whole card number in a text (PCI DSS 4, 3.4.1).

    A number may be written in groups, with any signs between them, in any script's digits. Not
    for terminal identifiers: they have 16 digits too, and one in ten passes Luhn.
    """
    if not text or len(text) < FEWEST_DIGITS or not _MAYBE.search(text):
        return text
    groups = [(found.start(), found.end()) for found in _GROUP.finditer(text)]
    hidden: set[int] = set()
    for first in range(len(groups)):
        places: list[int] = []
        for number in range(first, len(groups)):
            start, end = groups[number]
            if number > first and not _BETWEEN.fullmatch(text[groups[number - 1][1] : start]):
                break
            places += range(start, end)
            if len(places) > MOST_DIGITS:
                break
            if len(places) >= FEWEST_DIGITS and _is_card([digit(text[at]) for at in places]):
                hidden.update(places[:-4])
    if not hidden:
        return text
    return "".join("*" if at in hidden else sign for at, sign in enumerate(text))


def _is_card(digits: list[int]) -> bool:
    """Whether digits begin as an issuer's do (ISO/IEC 7812) and pass Luhn."""
    issuer = int("".join(map(str, digits[:4])))
    return (3000 <= issuer < 7000 or 2221 <= issuer <= 2720) and _luhn(digits)


def _luhn(digits: list[int]) -> bool:
    back = digits[::-1]
    total = sum(back[0::2]) + sum(sum(divmod(2 * each, 10)) for each in back[1::2])
    return total % 10 == 0
