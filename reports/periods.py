"""Times that reports cover: half-open and by the calendar of business days."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext_lazy as _

DAY = timedelta(days=1)
# Of a report; what is longer is asked for in parts.
LONGEST = timedelta(days=366 * 3)
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)

NAMED = {
    "yesterday": _("Yesterday"),
    "today": _("Today"),
    "last-week": _("Last week"),
    "this-month": _("This month"),
    "last-month": _("Last month"),
    "last-quarter": _("Last quarter"),
    "last-year": _("Last year"),
    "days": _("From day to day"),
}


@dataclass(frozen=True)
class Period:
    """Business days from `since` up to, and without, `until`."""

    since: date
    until: date

    @property
    def last(self) -> date:
        """The last day that it has."""
        return self.until - DAY

    @property
    def name(self) -> str:
        """For a file's name: 2026-08, 2026-08-01 or 2026-08-01_2026-08-14."""
        if self.since.day == 1 and self.until == _month(self.since, 1):
            return f"{self.since:%Y-%m}"
        if self.last == self.since:
            return self.since.isoformat()
        return f"{self.since}_{self.last}"

    def before(self) -> "Period":
        """The one of the same length by the calendar before it: a month's is the month before."""
        if self.since.day == 1 and self.until.day == 1:
            months = (self.until.year - self.since.year) * 12 + self.until.month - self.since.month
            return Period(_month(self.since, -months), self.since)
        return Period(self.since - (self.until - self.since), self.since)


def named(name: str, today: date) -> Period:
    """A period by its name, as seen on a business day. Weeks begin on Monday (ISO 8601)."""
    if name == "yesterday":
        return Period(today - DAY, today)
    if name == "today":
        return Period(today, today + DAY)
    if name == "last-week":
        monday = today - timedelta(days=today.weekday())
        return Period(monday - timedelta(days=7), monday)
    first = today.replace(day=1)
    if name == "this-month":
        return Period(first, _month(first, 1))
    if name == "last-month":
        return Period(_month(first, -1), first)
    if name == "last-quarter":
        quarter = first.replace(month=(first.month - 1) // 3 * 3 + 1)
        return Period(_month(quarter, -3), quarter)
    if name == "last-year":
        return Period(date(today.year - 1, 1, 1), date(today.year, 1, 1))
    raise ValueError(f"No period is called {name}.")


def _month(first: date, by: int) -> date:
    """The first of the month so many months away."""
    months = first.year * 12 + first.month - 1 + by
    return date(months // 12, months % 12 + 1, 1)
