"""Reading item by item: one that cannot be read is set aside, and the rest of its page goes on.

A page is cut into items without decoding them. Each has a digest over its bytes and the
connector's translation version, so that what is stored already is not decoded again, and a
corrected translation reads old rows anew.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import xxhash

from providers.base.errors import Unreadable

R = TypeVar("R")
LONGEST_NAME, MOST_NAMES, LONGEST_TEXT = 40, 50, 60
# Payload models limit their texts to this, and the columns for them are as wide.
LONGEST_FIELD = 200
_CARD = re.compile(r"(?<![0-9])(?:[0-9][ -]?){12,18}[0-9](?![0-9])", re.ASCII)


class Item(msgspec.Struct, frozen=True):
    """One element of a list, not yet decoded. `ref` or `at` is None where even that is unclear."""

    ref: str | None
    at: datetime | None
    digest: bytes
    raw: bytes


@dataclass(frozen=True)
class Rejected:
    """An item that was set aside: why, where in it, and its shape with every value masked."""

    ref: str | None
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


class _Head(msgspec.Struct):
    id: str
    created_at: datetime | None = None


_head = msgspec.json.Decoder(_Head)
_anything = msgspec.json.Decoder()


def cut(elements: Iterable[msgspec.Raw], version: str) -> list[Item]:
    """Turn the raw elements of a page into items."""
    items = []
    seed = xxhash.xxh3_64_intdigest(version.encode())
    for element in elements:
        raw = bytes(element)
        digest = xxhash.xxh3_128_digest(raw, seed=seed)
        try:
            head = _head.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            items.append(Item(None, None, digest, raw))
        else:
            items.append(Item(head.id, head.created_at, digest, raw))
    return items


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
            except msgspec.ValidationError:
                # An undocumented field, or a wrong one: the lenient decoder tells which.
                reading.surprises.update(surprises(item.raw, known))
                payload = lenient.decode(item.raw)
            record = translate(payload)
            refuse_nul(item.raw, record)
        except (msgspec.MsgspecError, Unreadable, RecursionError) as problem:
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
    for each in msgspec.inspect.type_info(model).fields:  # type: ignore[attr-defined]
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
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, kw_only=True)


def _strict_type(info: Any) -> Any:
    inspect = msgspec.inspect
    if isinstance(info, inspect.StrType) and info.max_length:
        return Annotated[str, msgspec.Meta(max_length=info.max_length)]
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
    msgspec.inspect.AnyType: Any,
}


def set_aside(item: Item, problem: BaseException, known: frozenset[str]) -> Rejected:
    """Describe an unreadable item without any of its values."""
    reason, path = explain(problem)
    try:
        content = _anything.decode(item.raw)
    except (msgspec.MsgspecError, RecursionError):
        content = None
    return Rejected(item.ref, reason, path, mask(content, known))


def explain(problem: BaseException) -> tuple[str, str]:
    """A sentence and a path, from a decoder's complaint or a translator's."""
    if isinstance(problem, Unreadable):
        return str(problem), problem.path
    if isinstance(problem, RecursionError):
        return "The item is nested too deeply.", ""
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
    """Mask what looks like a whole card number in a free text (PCI DSS 4, 3.4.1).

    Only for free text: terminal identifiers have 16 digits too, and one in ten passes Luhn.
    """
    if not text or len(text) < 13:
        return text
    return _CARD.sub(lambda found: _masked(found[0]) if _luhn(found[0]) else found[0], text)


def _masked(number: str) -> str:
    digits = [c for c in number if c.isdigit()]
    return "*" * (len(digits) - 4) + "".join(digits[-4:])


def _luhn(number: str) -> bool:
    digits = [int(c) for c in number if c.isdigit()][::-1]
    total = sum(digits[0::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
    return total % 10 == 0
