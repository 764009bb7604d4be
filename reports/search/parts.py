"""What somebody typed into the one search box, understood part by part.

Nothing here looks into the database: a part says in which ways it can be meant, and the names that
are left over are looked up by who asks.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from portal.folding import fold
from portal.templatetags.show import day as day_text
from providers.base.money import NotMoney
from providers.base.reading import without_cards
from reports.search.dates import Days, find_clock, find_days, latest, span
from reports.search.meanings import (
    GONE,
    LABELS,
    NUMBER,
    SIGNS,
    UNIT,
    UUID,
    Meaning,
    Part,
    Read,
    amount,
    cardless,
    grouped,
    identifier,
    is_card,
    is_digits,
    labelled,
    last_four,
    masked,
    mobile,
    normal,
    own_address,
    ref,
)
from transactions.models import Kind, Scheme, Status

MOST_PARTS = 10

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
        for found in re.finditer(rf"[^\s{GONE}]+", self.rest):
            self._take_token(found)
        self.parts.sort(key=lambda part: part.begin)
        del self.parts[MOST_PARTS:]

    @cached_property
    def currencies(self) -> tuple[str, ...]:
        """In which currencies an amount without one is: asked for where there is an amount."""
        return self._currencies()

    def _shapes(self) -> Iterator[tuple[re.Pattern[str], Read]]:
        labels = "|".join(re.escape(each) for each in sorted(LABELS, key=len, reverse=True))
        yield re.compile(r"https?://\S*/transactions/(\d{1,18})/?\S*"), own_address
        yield re.compile(r"https?://\S+|" + UUID.pattern), ref
        yield re.compile(r"(?<![\w.,])\d{4}(?:[ -]\d{4}){2}[ -]\d{1,7}(?![\w.,])"), grouped
        yield (
            re.compile(
                r"(?<!\w)(?P<first>(?:\d[ -]?){4,8})?(?:[*xX][ -]?){2,16}(?P<last>\d{4})(?!\w)"
            ),
            masked,
        )
        yield (
            re.compile(
                r"(?i)(?<!\w)(?:ending|ends|ender|تنتهي|[آا]خر(?: [أا]ربعة)?|last(?: four| 4)?)"
                r"(?: in| with| på| ب)?[ :]*(?P<first>)(?P<last>\d{4})(?![\w.,/:-])"
            ),
            masked,
        )
        yield (
            re.compile(
                rf"(?i)(?<!\w)(?P<label>{labels})[ :#.]+"
                r"(?P<value>\d{1,64}|[\w-]{3,64})(?![\w.,:/]\d)"
            ),
            labelled,
        )
        yield re.compile(r"(?<![\w.,])(?:\+|00)\d(?:[ ()-]?\d){7,14}(?![\w.,])"), mobile
        yield re.compile(r"(?<![\w.,])05\d[ -]?\d{3}[ -]?\d{4}(?![\w.,])"), mobile

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
        self.rest = self.rest[:begin] + GONE * (end - begin) + self.rest[end:]

    def _take_amounts(self) -> None:
        edge = r"(?<![\w.,:/*-])"
        end = r"(?![\w:/*]|[.,]\d)"
        # A unit between two figures is of the one with a fraction.
        sides = [
            form
            for number in (rf"{NUMBER}(?<=[.,]\d\d)", NUMBER)
            for form in (
                rf"{edge}(?P<unit>{UNIT}) ?(?P<number>{number}){end}",
                rf"{edge}(?P<number>{number}) ?(?P<unit>{UNIT})(?!\w)",
            )
        ]
        alone = re.compile(rf"{edge}(?P<number>[-−]?\d[\d,.'’]*[.,]\d{{1,3}}|[-−]\d+){end}")
        for form in sides:
            self._take(re.compile(form, re.I), self._with_unit)
        self._take(alone, lambda found: amount(found["number"], None, self.currencies, 65))

    def _with_unit(self, found: re.Match[str]) -> tuple[Meaning, ...]:
        unit = found["unit"]
        code = SIGNS.get(unit.lower(), unit.upper())
        # Three letters are a word before they are a currency, unless they are written as one.
        if unit.lower() not in SIGNS and unit != code and code not in self.currencies:
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
            own.append(identifier("rrn", token, 95))
        elif size == 16 or is_card(token):
            own.append(identifier("tid", token, 95))
        elif size == 6:
            own += [identifier("approval", token, 80), identifier("stan", token, 80)]
        elif size == 4:
            own.append(last_four(("", token), 60))
        if size <= 9 and (size != 6 or not token.startswith("0")):
            own += amount(token, None, self.currencies, 30)
        if size < 6:
            own.append(identifier("stan", token.zfill(6), 10))
        return (*own, identifier("reference", token, 20 if size < 7 else 85), *_noted(token))


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
        own.append(identifier("approval", token, 80 if mixed else 30))
    if mixed or len(token) > 2:
        own.append(identifier("reference", token, 85 if mixed else 25))
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
