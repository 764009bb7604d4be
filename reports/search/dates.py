"""Days and times as people write them, in the portal's languages, whichever they read."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError, get_global

from portal.folding import fold

LANGUAGES = ("en", "ar", "da")
DAY = timedelta(days=1)
_AGO = {
    0: ("today", "اليوم", "i dag", "idag"),
    1: ("yesterday", "امس", "البارحه", "امبارح", "i går", "igår"),
    2: ("day before yesterday", "اول امس", "قبل يومين", "i forgårs"),
}
_AGO = {days: tuple(fold(word) for word in words) for days, words in _AGO.items()}
_LAST = r"(?:last|past|sidste|الماضي|الماضيه|السابق)"
_PERIODS = {
    "this week": ("WEEK", 0), "last week": ("WEEK", 1), "this month": ("MONTH", 0),
    "last month": ("MONTH", 1), "هذا الاسبوع": ("WEEK", 0), "الاسبوع الماضي": ("WEEK", 1),
    "هذا الشهر": ("MONTH", 0), "الشهر الماضي": ("MONTH", 1), "denne uge": ("WEEK", 0),
    "sidste uge": ("WEEK", 1), "denne måned": ("MONTH", 0), "sidste måned": ("MONTH", 1),
}  # fmt: skip
_PERIODS = {fold(words): period for words, period in _PERIODS.items()}
_MORNING, _EVENING = (
    ("am", "a.m.", "a.m", "ص", "صباحا"),
    ("pm", "p.m.", "p.m", "م", "مساء", "ظهرا", "عصرا", "ليلا"),
)


@dataclass(frozen=True)
class Days:
    """Whole calendar days, both ends in it."""

    first: date
    last: date


@dataclass(frozen=True)
class Clock:
    """A part of a day: from `begin` on, for as long as what was typed leaves open."""

    begin: time
    length: timedelta
    # Where it says so itself; else it is the clock of whoever asks.
    zone: tzinfo | None = None


@cache
def _named(kind: str) -> dict[str, int]:
    """Folded names of months (1–12) or weekdays (Monday is 0)."""
    found: dict[str, int] = {}
    for language in LANGUAGES:
        locale = Locale.parse(language)
        table = locale.months if kind == "month" else locale.days
        for width in ("wide", "abbreviated"):
            for number, name in table["format"][width].items():
                for spelt in {fold(name).strip(), fold(name).strip().removeprefix("ال")}:
                    if len(spelt) > 2:
                        found.setdefault(spelt, number)
    if kind == "month":
        # What is said in the Gulf beside the calendar's own names.
        found |= {"sept": 9, "كانون الثاني": 1, "شباط": 2, "اذار": 3, "نيسان": 4, "ايار": 5,
                  "حزيران": 6, "تموز": 7, "اب": 8, "ايلول": 9, "تشرين الاول": 10}  # fmt: skip
    return found


def _choice(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PERIOD = re.compile(rf"(?<!\w)(?:{_choice(_PERIODS)})(?!\w)")
Reader = Callable[[re.Match[str], date], Days | None]


def _day(year: int, month: int, day: int) -> Days | None:
    try:
        found = date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
    return Days(found, found)


def _either(year: int, first: int, second: int) -> Days | None:
    """Day before month, as on the receipts; the other way where only that is a day."""
    return _day(year, second, first) or _day(year, first, second)


def _past(today: date, month: int, day: int) -> Days | None:
    """The latest such day that is not to come."""
    found = _day(today.year, month, day)
    if found is not None and found.first <= today:
        return found
    return _day(today.year - 1, month, day)


def _iso(found: re.Match[str], today: date) -> Days | None:
    return _day(*(int(each) for each in found.group(1, 2, 3)))


def _figures(found: re.Match[str], today: date) -> Days | None:
    first, second, year = (int(each) for each in found.group(1, 2, 3))
    return _either(year, first, second)


def _short(found: re.Match[str], today: date) -> Days | None:
    first, second = (int(each) for each in found.group(1, 2))
    return _past(today, second, first) or _past(today, first, second)


def _spelt(found: re.Match[str], today: date) -> Days | None:
    month = _named("month")[found["month"].strip()]
    day, year = int(found["day"]), found["year"]
    return _day(int(year), month, day) if year else _past(today, month, day)


def _ago(found: re.Match[str], today: date) -> Days | None:
    for days, words in _AGO.items():
        if found.group() in words:
            return Days(today - days * DAY, today - days * DAY)
    return None


def _some_days_ago(found: re.Match[str], today: date) -> Days | None:
    days = int(next(each for each in found.groups() if each))
    return Days(today - days * DAY, today - days * DAY) if days < 4000 else None


def _weekday(found: re.Match[str], today: date) -> Days | None:
    back = (today.weekday() - _named("day")[found["name"]]) % 7
    if back == 0 and (found["before"] or found["after"]):
        back = 7
    return Days(today - back * DAY, today - back * DAY)


def _find_period(light: str, today: date, zone: str) -> tuple[int, int, Days] | None:
    found = _PERIOD.search(light)
    if found is None:
        return None
    kind, back = _PERIODS[found.group()]
    if kind == "WEEK":
        begin = today - ((today.weekday() - _first_weekday(zone)) % 7 + 7 * back) * DAY
        return found.start(), found.end(), Days(begin, begin + 6 * DAY)
    month = today.year * 12 + today.month - 1 - back
    begin = date(month // 12, month % 12 + 1, 1)
    after = date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    return found.start(), found.end(), Days(begin, after - DAY)


@cache
def _readers() -> list[tuple[re.Pattern[str], Reader]]:
    """Every way to say a day, the longest first. The text is folded but for its signs."""
    months, days = _choice(_named("month")), _choice(_named("day"))
    spoken = [word for words in _AGO.values() for word in words]
    year = r"(?:,? +(?P<year>20\d\d))?"
    table: list[tuple[str, Reader]] = [
        (r"(20\d\d)[-/.](\d{1,2})[-/.](\d{1,2})", _iso),
        (r"(\d{1,2})[-/.](\d{1,2})[-/.](20\d\d|\d\d)", _figures),
        (rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)? *(?:of +)?(?P<month>{months})\.?{year}", _spelt),
        (rf"(?P<month>{months})\.? +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?{year}", _spelt),
        (r"(\d{1,2})/(\d{1,2})", _short),
        (
            r"(?:(\d{1,3}) days? ago|قبل (\d{1,3}) (?:ايام|يوما?)|for (\d{1,3}) dage siden)",
            _some_days_ago,
        ),
        (_choice(spoken), _ago),
        (rf"(?P<before>{_LAST} +)?(?:يوم +)?(?P<name>{days})(?P<after> +{_LAST})?", _weekday),
    ]  # fmt: skip
    return [
        (re.compile(rf"(?<![\w.,/:-])(?:{form})(?![\w/:-]|[.,]\d)"), read) for form, read in table
    ]


_HALVES = _choice((*_MORNING, *_EVENING))
_START, _HALF = r"(?<![\w.,/:-])(?P<h>\d{1,2})", rf"(?P<half>{_HALVES})(?!\w)"
_TIMES = [
    re.compile(
        rf"{_START}:(?P<m>\d{{2}})(?::(?P<s>\d{{2}})(?:\.\d+)?)?(?: *{_HALF})?"
        r"(?P<zone>z|[+-]\d\d:?\d\d)?(?![\w:/])"
    ),
    re.compile(rf"{_START}(?:\.(?P<m>\d{{2}}))?(?P<s>)? *{_HALF}"),
    re.compile(
        r"(?<!\w)(?:at|kl\.?|الساعه) *(?P<h>\d{1,2})(?:[.:](?P<m>\d{2}))?(?P<s>)(?P<half>)"
        r"(?![\w.,:/]\d|\w)"
    ),
]
_SPOKEN = {"noon": time(12), "midday": time(12), "midnight": time(0), "منتصف الليل": time(0)}


def _light(text: str) -> str:
    """Folded letter by letter: as long as before, its signs kept."""
    return "".join(low if len(low := fold(sign)) == 1 and low != " " else sign for sign in text)


@cache
def _first_weekday(zone: str) -> int:
    """On which day a week begins where a clock hangs: Sunday in Riyadh, Monday in Copenhagen."""
    territory = get_global("zone_territories").get(zone, "")
    try:
        return Locale.parse(f"und_{territory}").first_week_day
    except (ValueError, UnknownLocaleError):
        return 0


def find_days(text: str, today: date, zone: str) -> tuple[int, int, Days] | None:
    """Where the text names days, and which."""
    light = _light(text)
    if (period := _find_period(light, today, zone)) is not None:
        return period
    for pattern, read in _readers():
        for found in pattern.finditer(light):
            days = read(found, today)
            if days is not None:
                return found.start(), found.end(), days
    return None


def find_clock(text: str) -> tuple[int, int, Clock] | None:
    """Where the text names a time of the day, and which."""
    light = _light(text)
    for pattern in _TIMES:
        for found in pattern.finditer(light):
            clock = _clock(found)
            if clock is not None:
                return found.start(), found.end(), clock
    for word, begin in _SPOKEN.items():
        spoken = re.search(rf"(?<!\w){word}(?!\w)", light)
        if spoken is not None:
            return spoken.start(), spoken.end(), Clock(begin, timedelta(hours=1))
    return None


def _clock(found: re.Match[str]) -> Clock | None:
    hour, half = int(found["h"]), found["half"]
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in _EVENING else 0)
    try:
        begin = time(hour, int(found["m"] or 0), int(found["s"] or 0))
    except ValueError:
        return None
    open_ = timedelta(seconds=1) if found["s"] else timedelta(minutes=1)
    zone = _offset(found.groupdict().get("zone"))
    return Clock(begin, open_ if found["m"] else timedelta(hours=1), zone)


def _offset(text: str | None) -> tzinfo | None:
    if not text or text == "z":
        return UTC if text else None
    hours, minutes = int(text[1:3]), int(text[-2:])
    away = timedelta(hours=min(hours, 23), minutes=min(minutes, 59))
    return timezone(away if text[0] == "+" else -away)


def span(days: Days, clock: Clock, zone: str) -> tuple[datetime, datetime]:
    """When such a part of such a day was, half-open."""
    begin = datetime.combine(days.first, clock.begin, clock.zone or ZoneInfo(zone))
    return begin, begin + clock.length


def latest(clock: Clock, moment: datetime, zone: str) -> Days:
    """Today, or yesterday where the time is still to come."""
    here = moment.astimezone(ZoneInfo(zone))
    day = here.date() if clock.begin <= here.time() else here.date() - DAY
    return Days(day, day)
