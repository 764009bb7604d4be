"""What the home page and the pages of reports read."""

from reports.queries.filing import open_to, runs_of, schedules_of
from reports.queries.home import (
    WEEK,
    Attention,
    Clock,
    Day,
    Declined,
    Hour,
    Part,
    Share,
    Sold,
    Totals,
    Trouble,
    added,
    attention,
    by_hour,
    clocks_of,
    declines,
    history,
    medians,
    parts,
    shares,
    strips,
    troubles,
)

__all__ = [
    "WEEK", "Attention", "Clock", "Day", "Declined", "Hour", "Part", "Share", "Sold", "Totals",
    "Trouble", "added", "attention", "by_hour", "clocks_of", "declines", "history", "medians",
    "open_to", "parts", "runs_of", "schedules_of", "shares", "strips", "troubles",
]  # fmt: skip
