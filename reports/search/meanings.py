"""The ways in which one part of a search can be meant, by its shape alone."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from providers.base.money import exponent
from providers.base.reading import without_cards
from terminals.numbers import e164

LONGEST = 200
MOST_WAYS, MOST_KEPT = 12, 120
# A place that is taken already: no pattern and no word has it.
GONE = "\x1f"
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫٬،", "01234567890123456789.,,")
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\u0640\u064b-\u0652\ufeff]")


@dataclass(frozen=True)
class Meaning:
    """One way in which a part can be meant: what it is of, its value, and how sure that is."""

    kind: str
    value: Any
    words: str
    weight: int


@dataclass(frozen=True)
class Part:
    """What was typed, where it began, and how it can be meant, the likeliest first."""

    text: str
    meanings: tuple[Meaning, ...] = ()
    begin: int = field(default=0, compare=False)

    @property
    def words(self) -> str:
        """How it was understood, in the reader's language."""
        return " / ".join(dict.fromkeys(each.words for each in self.meanings)) or _(
            "not understood"
        )


Way = tuple[Meaning, ...]


def ways(parts: Iterable[Part]) -> list[Way]:
    """The ways in which all parts can be meant together, the likeliest first.

    A thing has one of a kind: what names two of them cannot be meant so. Of the ways so far only
    the likeliest go on, so that many parts cost no more than few.
    """
    found: list[Way] = [()]
    for part in parts:
        if part.meanings:
            longer = [
                (*way, each) for way in found for each in part.meanings if _fits_in(each, way)
            ]
            longer.sort(key=lambda way: -sum(each.weight for each in way))
            found = longer[:MOST_KEPT]
    return [way for way in found if way][:MOST_WAYS]


def _fits_in(meaning: Meaning, way: Way) -> bool:
    return meaning.kind not in ONE_OF or all(each.kind != meaning.kind for each in way)


ONE_OF = {
    "rrn", "stan", "approval", "last4", "amount", "ref", "reference", "tid", "mobile", "note",
}  # fmt: skip


def normal(text: str) -> str:
    """What was typed without what nobody sees, with the digits and signs that are stored."""
    plain = _HIDDEN.sub("", unicodedata.normalize("NFKC", text[:LONGEST])).translate(_DIGITS)
    plain = re.sub(r"(?<=\d)T(?=\d\d:)", " ", plain.replace("\x00", " ").replace(GONE, " "))
    return re.sub("[•∙●·×∗]", "*", re.sub(r"\s+", " ", plain)).strip()


# --- What has a shape of its own -------------------------------------------------------------

Read = Callable[[re.Match[str]], tuple[Meaning, ...]]


def ref(found: re.Match[str]) -> tuple[Meaning, ...]:
    own = UUID.findall(found.group())
    if not own:
        return ()
    return (Meaning("ref", own[-1].lower(), _("provider’s id"), 100),)


def own_address(found: re.Match[str]) -> tuple[Meaning, ...]:
    return (Meaning("pk", int(found[1]), _("this portal’s transaction"), 100),)


def masked(found: re.Match[str]) -> tuple[Meaning, ...]:
    first = re.sub(r"\D", "", found["first"] or "")[:6]
    last = found["last"]
    value = (first, last) if len(first) >= 4 else ("", last)
    return (last_four(value, 90),)


def grouped(found: re.Match[str]) -> tuple[Meaning, ...]:
    """Digits in fours are a whole card number: only what may be known of it is looked for."""
    digits = re.sub(r"\D", "", found.group())
    if is_card(digits):
        return (whole_card(digits),)
    return (identifier("tid", digits, 95),)


def whole_card(digits: str) -> Meaning:
    """A card number as far as a receipt has it: its first six digits and its last four."""
    return last_four((digits[:6], digits[-4:]), 90)


def last_four(value: tuple[str, str], weight: int) -> Meaning:
    first, last = value
    words = _("card %(first)s… ending %(last)s") if first else _("card ending %(last)s")
    return Meaning("last4", value, words % {"first": first, "last": last}, weight)


LABELS = {
    "rrn": "rrn", "stan": "stan", "trace": "stan", "tid": "tid", "terminal id": "tid",
    "approval code": "approval", "approval": "approval", "auth code": "approval",
    "auth": "approval",
    "godkendelseskode": "approval", "رمز الموافقة": "approval", "رقم الموافقة": "approval",
    "reference": "reference", "ref": "reference", "order": "reference", "مرجع": "reference",
    "الطلب": "reference",
}  # fmt: skip


def labelled(found: re.Match[str]) -> tuple[Meaning, ...]:
    kind, value = LABELS.get(found["label"].lower(), ""), found["value"]
    if not kind:
        return ()
    if kind == "reference" and UUID.fullmatch(value):
        return (Meaning("ref", value.lower(), _("provider’s id"), 100),)
    if kind in ("rrn", "stan", "tid") and not is_digits(value):
        return ()
    return (identifier(kind, value.zfill(6) if kind == "stan" else value, 95),)


def identifier(kind: str, value: str, weight: int) -> Meaning:
    words = {
        "rrn": _("RRN %(value)s"), "stan": _("STAN %(value)s"), "tid": _("terminal id %(value)s"),
        "approval": _("approval code %(value)s"), "reference": _("customer reference %(value)s"),
    }  # fmt: skip
    shown = value if kind == "tid" else without_cards(value)
    return Meaning(kind, value, words[kind] % {"value": shown}, weight)


def mobile(found: re.Match[str]) -> tuple[Meaning, ...]:
    text = re.sub(r"[^\d+]", "", found.group())
    text = "+" + text[2:] if text.startswith("00") else text
    # One of the right length is looked for, whether or not its prefix has been given out.
    number = e164(text) or (text if text.startswith("+") else None)
    if number is None:
        return ()
    return (Meaning("mobile", number, _("mobile number"), 90),)


SIGNS = {"sr": "SAR", "ر.س": "SAR", "ر.س.": "SAR", "ر س": "SAR", "ريال": "SAR", "﷼": "SAR",
          "kr": "DKK", "kr.": "DKK", "€": "EUR", "$": "USD", "£": "GBP", "د.ك": "KWD"}  # fmt: skip
NUMBER = r"[-−]?(?:\d{1,3}(?:[,. '’]\d{3})+(?:[.,]\d{1,3})?|\d+(?:[.,]\d{1,3})?)"
UNIT = "|".join(re.escape(each) for each in sorted(SIGNS, key=len, reverse=True)) + "|[a-zA-Z]{3}"


def minors(text: str, places: int) -> list[int]:
    """The whole minor units that a written amount can mean, without its sign.

    >>> minors("14,55", 2), minors("1.234,50", 2), minors("1,234", 2), minors("1.234", 3)
    ([1455], [123450], [123400], [1234000, 1234])
    """
    plain = re.sub(r"[-− '’]", "", text)
    *whole, last = re.split(r"[.,]", plain)
    read: list[tuple[str, str]] = []
    one_sign = len(set(re.findall(r"[.,]", plain))) == 1
    if not whole:
        read = [(last, "")]
    else:
        if one_sign and len(last) == 3:
            read.append(("".join(whole) + last, ""))
        if len(whole) == 1 or not one_sign:
            read.append(("".join(whole), last))
    return [int(units + rest.ljust(places, "0")) for units, rest in read if len(rest) <= places]


def amount(text: str, currency: str | None, own: Iterable[str], weight: int) -> tuple[Meaning, ...]:
    """An amount of a currency, or of any that the merchant takes: pairs of minor units and code."""
    pairs = []
    for code in [currency] if currency else own:
        pairs += [(minor, code) for minor in minors(text, exponent(code)) if minor < 10**15]
    if not pairs:
        return ()
    back = text[0] in "-−"
    words = _("refund of %(amount)s") if back else _("amount %(amount)s")
    said = f"{text.lstrip('-−')} {currency or ''}".strip()
    return (Meaning("amount", (tuple(pairs), back), words % {"amount": said}, weight),)


def cardless(text: str) -> str:
    """A text without whole card numbers, but for sixteen digits in a row: a terminal's id has them
    too, and which it is only the database knows."""
    return text if re.search(r"(?<!\d)\d{16}(?!\d)", text) else without_cards(text) or ""


def is_digits(text: str) -> bool:
    """Whether a text is of western digits only: others of Unicode are no numbers here."""
    return text.isascii() and text.isdigit()


def is_card(digits: str) -> bool:
    """Whether digits have the check digit of a whole card number, by Luhn."""
    if not 13 <= len(digits) <= 19 or not is_digits(digits):
        return False
    doubled = [int(each) * (2 if at % 2 else 1) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
