"""When a business day begins: the first moment at which the clock on the wall shows its cut-off.

Days are half-open, [begin, next begin), follow each other without a gap, and are as long as the
clocks make them: 23 or 25 hours where they change.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@lru_cache(maxsize=8192)
def begins(zone: str, cut_off: time, day: date) -> datetime:
    """The first moment of a business day, in UTC.

    Where the cut-off comes twice that night it is the first of them, and where it does not come it
    is the moment at which the clocks leap over it.
    """
    there = ZoneInfo(zone)
    wall = datetime.combine(day, cut_off)
    # Before a leap the one reading of such a time is too late by it, and the other too early.
    late = wall.replace(tzinfo=there, fold=0).astimezone(UTC)
    if _wall(late, there) == wall:
        return late
    early = wall.replace(tzinfo=there, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        early, late = (middle, late) if _wall(middle, there) < wall else (early, middle)
    return late


def _wall(moment: datetime, there: ZoneInfo) -> datetime:
    return moment.astimezone(there).replace(tzinfo=None)


def business_day(zone: str, cut_off: time, at: datetime) -> date:
    """The business day that a moment belongs to."""
    local = at.astimezone(ZoneInfo(zone)).date()
    # Clocks that go back at midnight show an evening once more that is of the next day already.
    if at >= begins(zone, cut_off, local + DAY):
        return local + DAY
    return local if at >= begins(zone, cut_off, local) else local - DAY
