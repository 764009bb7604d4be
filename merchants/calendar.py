"""Whether anything is missing: each resource of an account, day by day, and what a gap costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from merchants.models import Bookmark, Gap, SyncStep

DAYS = 30
# A reading of more pages than these is said to be a long one.
MANY_PAGES = 200


@dataclass(frozen=True)
class Cell:
    """A day: `complete`, `gap`, `part` (complete to somewhere in it) or `later`.

    `filled` says how far a day is complete in part: `little`, `half` or `most`.
    """

    day: date
    state: str
    filled: str = ""


@dataclass(frozen=True)
class Row:
    """One resource's days, the oldest first."""

    label: str
    cells: list[Cell]


def calendar(
    bookmarks: Sequence[Bookmark], gaps: Sequence[Gap], zone: str, now: datetime
) -> list[Row]:
    """The last 30 days of the resources that are complete up to a time."""
    there = ZoneInfo(zone)
    today = now.astimezone(there).date()
    days = [today - timedelta(days=each) for each in reversed(range(DAYS))]
    rows = []
    for mark in bookmarks:
        own = [gap for gap in gaps if gap.resource == mark.resource]
        cells = []
        for day in days:
            begin = datetime.combine(day, time(), there)
            end = datetime.combine(day + timedelta(days=1), time(), there)
            done = (mark.complete_to - begin) / (end - begin)
            filled = "little" if done < 1 / 3 else "half" if done < 2 / 3 else "most"
            cells.append(Cell(day, _state(begin, end, mark.complete_to, own), filled))
        rows.append(Row(mark.label, cells))
    return rows


def _state(begin: datetime, end: datetime, complete_to: datetime, gaps: list[Gap]) -> str:
    if any((gap.since is None or gap.since < end) and gap.until > begin for gap in gaps):
        return "gap"
    if complete_to >= end:
        return "complete"
    return "part" if complete_to > begin else "later"


@dataclass(frozen=True)
class Cost:
    """What closing a gap reads, as far as the last readings tell."""

    pages: int
    seconds: float
    whole: bool

    @property
    def long(self) -> bool:
        return self.whole or self.pages > MANY_PAGES


def cost_of(gap: Gap, steps: Sequence[SyncStep], now: datetime) -> Cost | None:
    """From the last finished reading of the gap's resource; None where there was none.

    A list that is read wholly costs all of its pages, any other those since the gap's beginning
    at the density of pages that the last reading of a window had; before the first of those, no
    more is known than that it is at most all of them.
    """
    own = [step for step in steps if step.resource == gap.resource and step.read]
    if not own:
        return None
    last = next((step for step in own if step.since is not None), own[0])
    each = last.seconds / last.read
    everything = max(last.pages or 0, last.read)
    if gap.since is None or last.order == "unsorted":
        return Cost(everything, everything * each, whole=True)
    if last.since is None:
        return Cost(everything, everything * each, whole=False)
    window = ((last.started_at or now) - last.since).total_seconds()
    density = last.read / max(window, 1)
    pages = min(round(density * (now - gap.since).total_seconds()) + 1, everything)
    return Cost(pages, pages * each, whole=False)
