"""What somebody typed into the one search box, understood part by part.

Nothing here looks into the database: a part says in which ways it can be meant, and the names that
are left over are looked up by who asks.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from portal.folding import fold
from portal.templatetags.show import day as day_text
from providers.base.money import NotMoney, exponent
from providers.base.reading import without_cards
from reports.search.dates import Days, find_clock, find_days, latest, span
from terminals.numbers import e164
from transactions.models import Kind, Scheme, Status

LONGEST = 200
MOST_PARTS, MOST_WAYS, MOST_KEPT = 10, 12, 120
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫٬،", "01234567890123456789.,,")
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\u0640\u064b-\u0652\ufeff]")
# A place that is taken already: no pattern and no word has it.
_GONE = "\x1f"


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
    plain = re.sub(r"(?<=\d)T(?=\d\d:)", " ", plain.replace("\x00", " ").replace(_GONE, " "))
    return re.sub("[•∙●·×∗]", "*", re.sub(r"\s+", " ", plain)).strip()


# --- What has a shape of its own -------------------------------------------------------------

Read = Callable[[re.Match[str]], tuple[Meaning, ...]]


def _ref(found: re.Match[str]) -> tuple[Meaning, ...]:
    own = UUID.findall(found.group())
    if not own:
        return ()
    return (Meaning("ref", own[-1].lower(), _("provider’s id"), 100),)


def _own_address(found: re.Match[str]) -> tuple[Meaning, ...]:
    return (Meaning("pk", int(found[1]), _("this portal’s transaction"), 100),)


def _masked(found: re.Match[str]) -> tuple[Meaning, ...]:
    first = re.sub(r"\D", "", found["first"] or "")[:6]
    last = found["last"]
    value = (first, last) if len(first) >= 4 else ("", last)
    return (last_four(value, 90),)


def _grouped(found: re.Match[str]) -> tuple[Meaning, ...]:
    """Digits in fours are a whole card number: only what may be known of it is looked for."""
    digits = re.sub(r"\D", "", found.group())
    if is_card(digits):
        return (whole_card(digits),)
    return (_identifier("tid", digits, 95),)


def whole_card(digits: str) -> Meaning:
    """A card number as far as a receipt has it: its first six digits and its last four."""
    return last_four((digits[:6], digits[-4:]), 90)


def last_four(value: tuple[str, str], weight: int) -> Meaning:
    first, last = value
    words = _("card %(first)s… ending %(last)s") if first else _("card ending %(last)s")
    return Meaning("last4", value, words % {"first": first, "last": last}, weight)


_LABELS = {
    "rrn": "rrn", "stan": "stan", "trace": "stan", "tid": "tid", "terminal id": "tid",
    "approval code": "approval", "approval": "approval", "auth code": "approval",
    "auth": "approval",
    "godkendelseskode": "approval", "رمز الموافقة": "approval", "رقم الموافقة": "approval",
    "reference": "reference", "ref": "reference", "order": "reference", "مرجع": "reference",
    "الطلب": "reference",
}  # fmt: skip


def _labelled(found: re.Match[str]) -> tuple[Meaning, ...]:
    kind, value = _LABELS.get(found["label"].lower(), ""), found["value"]
    if not kind:
        return ()
    if kind == "reference" and UUID.fullmatch(value):
        return (Meaning("ref", value.lower(), _("provider’s id"), 100),)
    if kind in ("rrn", "stan", "tid") and not is_digits(value):
        return ()
    return (_identifier(kind, value.zfill(6) if kind == "stan" else value, 95),)


def _identifier(kind: str, value: str, weight: int) -> Meaning:
    words = {
        "rrn": _("RRN %(value)s"), "stan": _("STAN %(value)s"), "tid": _("terminal id %(value)s"),
        "approval": _("approval code %(value)s"), "reference": _("customer reference %(value)s"),
    }  # fmt: skip
    shown = value if kind == "tid" else without_cards(value)
    return Meaning(kind, value, words[kind] % {"value": shown}, weight)


def _mobile(found: re.Match[str]) -> tuple[Meaning, ...]:
    text = re.sub(r"[^\d+]", "", found.group())
    text = "+" + text[2:] if text.startswith("00") else text
    # One of the right length is looked for, whether or not its prefix has been given out.
    number = e164(text) or (text if text.startswith("+") else None)
    if number is None:
        return ()
    return (Meaning("mobile", number, _("mobile number"), 90),)


_SIGNS = {"sr": "SAR", "ر.س": "SAR", "ر.س.": "SAR", "ر س": "SAR", "ريال": "SAR", "﷼": "SAR",
          "kr": "DKK", "kr.": "DKK", "€": "EUR", "$": "USD", "£": "GBP", "د.ك": "KWD"}  # fmt: skip
_NUMBER = r"[-−]?(?:\d{1,3}(?:[,. '’]\d{3})+(?:[.,]\d{1,3})?|\d+(?:[.,]\d{1,3})?)"
_UNIT = "|".join(re.escape(each) for each in sorted(_SIGNS, key=len, reverse=True)) + "|[a-zA-Z]{3}"


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


# What is said of a card, a kind and an outcome, folded.
_SAID = {
    ("scheme", "MADA"): "mada|مدي",
    ("scheme", "VISA"): "visa|فيزا",
    ("scheme", "MASTERCARD"): "mastercard|master card|mc|ماستركارد|ماستر كارد|ماستر",
    ("scheme", "MAESTRO"): "maestro|مايسترو",
    ("scheme", "AMEX"): "amex|american express|امريكان اكسبريس|امكس",
    ("scheme", "UNIONPAY"): "unionpay|union pay|يونيون باي",
    ("scheme", "JCB"): "jcb",
    ("scheme", "DISCOVER"): "discover",
    ("scheme", "GCCNET"): "gccnet",
    ("kind", "REFUND"): "refund|refunds|refunded|استرداد|مرتجع|refundering",
    ("kind", "PURCHASE"): "purchase|purchases|sale|sales|شراء|مبيعات|køb|salg",
    ("status", "APPROVED"): "approved|مقبوله|موافق عليها|godkendt",
    ("status", "DECLINED"): "declined|rejected|failed|مرفوضه|مرفوض|afvist",
    ("status", "REVERSED"): "reversed|reversal|معكوسه|عكس|tilbageført",
    ("status", "CANCELLED"): "cancelled|canceled|ملغاه|annulleret",
    ("status", "PENDING"): "pending|معلقه",
}
_WORDS = {word: meant for meant, words in _SAID.items() for word in words.split("|")}
_CHOICES: dict[str, Any] = {"scheme": Scheme, "kind": Kind, "status": Status}
# What belongs to a sentence and says nothing.
_EMPTY = {
    *("in", "at", "on", "the", "for", "from", "of", "a", "held", "by"),
    *("card", "branch", "terminal", "transaction", "receipt"),
    *("في", "من", "علي", "فرع", "بطاقه", "عمليه", "ايصال", "i", "fra", "kvittering"),
}


class Understood:
    """Reads a text from what is surest to what is left over."""

    def __init__(
        self, text: str, moment: datetime, zone: str, currencies: Callable[[], tuple[str, ...]]
    ) -> None:
        self.text = self.rest = cardless(normal(text))
        self.moment, self.zone = moment, zone
        self._currencies = currencies
        self.parts: list[Part] = []
        for pattern, read in self._shapes():
            self._take(pattern, read)
        self._take_time()
        self._take_amounts()
        self._take(_spoken_words(), _keyword, folded=True)
        for found in re.finditer(rf"[^\s{_GONE}]+", self.rest):
            self._take_token(found)
        self.parts.sort(key=lambda part: part.begin)
        del self.parts[MOST_PARTS:]

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """In which currencies an amount without one is: asked for where there is an amount."""
        return self._currencies()

    def _shapes(self) -> Iterator[tuple[re.Pattern[str], Read]]:
        labels = "|".join(re.escape(each) for each in sorted(_LABELS, key=len, reverse=True))
        yield re.compile(r"https?://\S*/transactions/(\d{1,18})/?\S*"), _own_address
        yield re.compile(r"https?://\S+|" + UUID.pattern), _ref
        yield re.compile(r"(?<![\w.,])\d{4}(?:[ -]\d{4}){2}[ -]\d{1,7}(?![\w.,])"), _grouped
        yield (
            re.compile(
                r"(?<!\w)(?P<first>(?:\d[ -]?){4,8})?(?:[*xX][ -]?){2,16}(?P<last>\d{4})(?!\w)"
            ),
            _masked,
        )
        yield (
            re.compile(
                r"(?i)(?<!\w)(?:ending|ends|ender|تنتهي|[آا]خر(?: [أا]ربعة)?|last(?: four| 4)?)"
                r"(?: in| with| på| ب)?[ :]*(?P<first>)(?P<last>\d{4})(?![\w.,/:-])"
            ),
            _masked,
        )
        yield (
            re.compile(
                rf"(?i)(?<!\w)(?P<label>{labels})[ :#.]+"
                r"(?P<value>\d{1,64}|[\w-]{3,64})(?![\w.,:/]\d)"
            ),
            _labelled,
        )
        yield re.compile(r"(?<![\w.,])(?:\+|00)\d(?:[ ()-]?\d){7,14}(?![\w.,])"), _mobile
        yield re.compile(r"(?<![\w.,])05\d[ -]?\d{3}[ -]?\d{4}(?![\w.,])"), _mobile

    def _take(self, pattern: re.Pattern[str], read: Read, *, folded: bool = False) -> None:
        there = "".join(_one(sign) for sign in self.rest) if folded else self.rest
        for found in pattern.finditer(there):
            if meanings := read(found):
                self._note(found.start(), found.end(), meanings)

    def _note(self, begin: int, end: int, meanings: tuple[Meaning, ...]) -> None:
        text = self.rest[begin:end]
        self.parts.append(Part(text.strip(), meanings, begin))
        self._blank(begin, end)

    def _take_time(self) -> None:
        """Days and a time of the day belong together: they are one stretch of time."""
        here = self.moment.astimezone(ZoneInfo(self.zone))
        days = find_days(self.rest, here.date(), self.zone)
        typed, begin = [], 0
        if days is not None:
            typed, begin = [self.rest[days[0] : days[1]]], days[0]
            self._blank(*days[:2])
        clock = find_clock(self.rest)
        if clock is not None:
            typed, begin = (
                [*typed, self.rest[clock[0] : clock[1]]],
                min(begin or clock[0], clock[0]),
            )
            self._blank(*clock[:2])
        if not typed:
            return
        on = days[2] if days else latest(clock[2], self.moment, self.zone) if clock else None
        assert on is not None
        if clock is None or on.first != on.last:
            meaning = Meaning("days", on, _days_in_words(on), 50)
        else:
            stretch = span(on, clock[2], self.zone)
            begin_here, end_here = (each.astimezone(ZoneInfo(self.zone)) for each in stretch)
            words = (
                f"{_days_in_words(Days(begin_here.date(), begin_here.date()))} {begin_here:%H:%M}"
            )
            if clock[2].length.seconds == 3600:
                words += f"–{end_here:%H:%M}"
            meaning = Meaning("span", stretch, words, 60)
        self.parts.append(Part(" ".join(each.strip() for each in typed), (meaning,), begin))

    def _blank(self, begin: int, end: int) -> None:
        self.rest = self.rest[:begin] + _GONE * (end - begin) + self.rest[end:]

    def _take_amounts(self) -> None:
        edge = r"(?<![\w.,:/*-])"
        end = r"(?![\w:/*]|[.,]\d)"
        # A unit between two figures is of the one with a fraction.
        sides = [
            form
            for number in (rf"{_NUMBER}(?<=[.,]\d\d)", _NUMBER)
            for form in (
                rf"{edge}(?P<unit>{_UNIT}) ?(?P<number>{number}){end}",
                rf"{edge}(?P<number>{number}) ?(?P<unit>{_UNIT})(?!\w)",
            )
        ]
        alone = re.compile(rf"{edge}(?P<number>[-−]?\d[\d,.'’]*[.,]\d{{1,3}}|[-−]\d+){end}")
        for form in sides:
            self._take(re.compile(form, re.I), self._with_unit)
        self._take(alone, lambda found: amount(found["number"], None, self.currencies, 65))

    def _with_unit(self, found: re.Match[str]) -> tuple[Meaning, ...]:
        unit = found["unit"]
        code = _SIGNS.get(unit.lower(), unit.upper())
        # Three letters are a word before they are a currency, unless they are written as one.
        if unit.lower() not in _SIGNS and unit != code and code not in self.currencies:
            return ()
        try:
            return amount(found["number"], code, self.currencies, 70)
        except NotMoney:
            return ()

    def _take_token(self, found: re.Match[str]) -> None:
        token = found.group().strip(",;:!?\"'«»()[]#")
        if not token or fold(token) in _EMPTY:
            return
        meanings = self._of_digits(token) if is_digits(token) else _of_letters(token)
        self.parts.append(Part(token, meanings, found.start()))

    def _of_digits(self, token: str) -> tuple[Meaning, ...]:
        size = len(token)
        own: list[Meaning] = []
        if size == 12:
            own.append(_identifier("rrn", token, 95))
        elif size == 16 or is_card(token):
            own.append(_identifier("tid", token, 95))
        elif size == 6:
            own += [_identifier("approval", token, 80), _identifier("stan", token, 80)]
        elif size == 4:
            own.append(last_four(("", token), 60))
        if size <= 9 and (size != 6 or not token.startswith("0")):
            own += amount(token, None, self.currencies, 30)
        if size < 6:
            own.append(_identifier("stan", token.zfill(6), 10))
        return (*own, _identifier("reference", token, 20 if size < 7 else 85), *_noted(token))


def _one(sign: str) -> str:
    """A sign folded, in one place."""
    low = fold(sign)
    return low if len(low) == 1 and (low != " " or sign == " ") else sign


def _spoken_words() -> re.Pattern[str]:
    words = "|".join(re.escape(each) for each in sorted(_WORDS, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


def _keyword(found: re.Match[str]) -> tuple[Meaning, ...]:
    kind, value = _WORDS[found.group()]
    # A card of one scheme may be the debit card of it.
    values = tuple(each for each in _CHOICES[kind].values if each.startswith(value))
    return (Meaning(kind, values, str(_CHOICES[kind](value).label), 40),)


def _of_letters(token: str) -> tuple[Meaning, ...]:
    mixed = any(sign.isdigit() for sign in token)
    own: list[Meaning] = []
    if re.fullmatch(r"[0-9A-Za-z]{6}", token):
        own.append(_identifier("approval", token, 80 if mixed else 30))
    if mixed or len(token) > 2:
        own.append(_identifier("reference", token, 85 if mixed else 25))
    return (*own, *_noted(token))


def _noted(token: str) -> tuple[Meaning, ...]:
    """The number of a case, or a tag, under which somebody noted something."""
    if len(token) < 3:
        return ()
    return (Meaning("note", token, _("noted as %(word)s") % {"word": without_cards(token)}, 15),)


def _days_in_words(days: Days) -> str:
    if days.first == days.last:
        return str(day_text(days.first, "EEE d MMM y"))
    return f"{day_text(days.first, 'd MMM')} – {day_text(days.last, 'd MMM y')}"
