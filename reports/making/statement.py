"""A report on paper: A4 in both languages, with what it adds up to."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils.translation import gettext, override

from portal.paper import pdf_of
from providers.base.money import major_text
from reports.catalogue import Asked, Column, Kind, Report

TEMPLATE = Path(__file__).parent / "papers" / "statement.typ"
# On paper; whoever wants more takes a file of another form.
MOST_ROWS, MOST_COLUMNS = 3_000, 10
NUMBERS = (Kind.MAJOR, Kind.COUNT, Kind.MINOR)


def on_paper(report: Report, chosen: list[Column], named: bool) -> list[Column]:
    """The columns that paper is wide enough for: those that were named, or the report's own."""
    if not named and report.paper:
        chosen = [report.by_name[name] for name in report.paper]
    return [each for each in chosen if each.kind != Kind.MINOR][:MOST_COLUMNS]


def statement_pdf(
    report: Report, asked: Asked, columns: Sequence[Column], rows: Sequence[Sequence[Any]],
    manifest: dict[str, Any], language: str,
) -> bytes:  # fmt: skip
    """The PDF; `rows` are the texts of the columns."""
    merchant = asked.member.merchant
    content = {
        "language": language,
        "title": _both(report.title),
        "merchant": {"en": merchant.name, "ar": merchant.name_ar or merchant.name},
        "lines": _lines(manifest),
        "columns": [
            {"title": _both(each.title), "number": each.kind in NUMBERS} for each in columns
        ],
        "rows": [
            [
                {"text": _cell(cell, each), "ltr": each.kind != Kind.TEXT}
                for cell, each in zip(row, columns, strict=True)
            ]
            for row in rows
        ],
        "totals": _totals(report, manifest, language),
        "adds_up": _both("What it adds up to"),
        "foot": f"{manifest['made_by']} · {manifest['made_at'][:19]} · {merchant.slug}",
    }
    return pdf_of(TEMPLATE, content)


def _cell(value: Any, column: Column) -> str:
    """As people read it: with thousands apart."""
    if value is None:
        return ""
    return f"{Decimal(value):,}" if column.kind in NUMBERS else str(value)


def _both(words: Any) -> dict[str, str]:
    """A heading in both languages."""
    found = {}
    for language in ("en", "ar"):
        with override(language):
            found[language] = gettext(words) if isinstance(words, str) else str(words)
    return found


def _lines(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    if manifest["days"]:
        value = f"{manifest['days'][0]} → {manifest['days'][1]}"
        found.append({"name": _both("Business days (the last is not in it)"), "value": value})
    for clock in manifest["clocks"]:
        value = f"{clock['day_begins']} {clock['zone']}"
        found.append({"name": _both("Day begins"), "value": value})
    for each in manifest["providers"]:
        value = f"{each['account']} {(each['complete_to'] or '–')[:16]}"
        if each["gaps"]:
            value += f" ({len(each['gaps'])})"
        found.append({"name": _both("Complete to"), "value": value})
    return found


def _totals(report: Report, manifest: dict[str, Any], language: str) -> list[list[str]]:
    """What it adds up to, a line each, with a column for each group of rows."""
    groups = manifest["totals"]
    if not groups:
        return []
    with override(language):
        own = report.by_name
        found = [
            [str(own[name].title), *(str(each[name] or "–") for each in groups)]
            for name in report.totals
        ]
        found.append([gettext("Rows"), *(f"{each['rows']:,}" for each in groups)])
        for name in report.summed:
            if name.endswith("_minor"):
                title = own[name.removesuffix("_minor")].title
                values = [
                    f"{Decimal(major_text(each[name], each['currency'])):,}" for each in groups
                ]
            else:
                title, values = own[name].title, [f"{each[name]:,}" for each in groups]
            found.append([str(title), *values])
    return found
