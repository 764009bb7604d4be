"""What a chart is drawn from, as plain JSON beside the table that says the same."""

from typing import Any

from iso4217 import Currency

from portal.templatetags.show import day
from reports.queries import Hour, Sold, medians


def _major(minor: int | None, currency: str) -> float | None:
    """For the length of a bar only: no figure that is read comes from here."""
    return None if minor is None else minor / 10 ** (Currency(currency).exponent or 0)


def hours(found: list[Hour], currency: str, now: str, before: str) -> dict[str, Any]:
    return {
        "kind": "hours",
        "labels": [f"{each.hour:02}" for each in found],
        "now": [_major(each.now_minor, currency) for each in found],
        "before": [_major(each.before_minor, currency) for each in found],
        "open": sum(each.now_minor is not None for each in found) - 1,
        "names": [now, before],
    }


def days(found: list[Sold], currency: str, sales: str, median: str) -> dict[str, Any]:
    return {
        "kind": "days",
        "labels": [day(each.day, "d MMM") for each in found],
        "now": [_major(each.minor, currency) for each in found],
        "median": [_major(each, currency) for each in medians([e.minor for e in found[:-1]])],
        "open": len(found) - 1,
        "names": [sales, median],
    }


def months(found: list[Sold], currency: str, sales: str) -> dict[str, Any]:
    """Months before the first sale are nothing that is known to be nought."""
    begins = next((at for at, each in enumerate(found) if each.minor), 0)
    return {
        "kind": "months",
        "labels": [day(each.day, "MMM") for each in found],
        "now": [
            _major(each.minor if at >= begins else None, currency) for at, each in enumerate(found)
        ],
        "open": len(found) - 1,
        "names": [sales],
    }


def in_a_row(widths: list[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Where parts of a whole begin, how wide they are and their colour, in thousandths."""
    begins, placed = 0, []
    for width, colour in widths:
        # A gap between neighbours tells them apart without their colours.
        placed.append((begins, max(width - 4, 1), colour))
        begins += width
    return placed
