"""Lists, the same way everywhere: filters, columns and sort in the address, pages by key, CSV.

What a list shows is said by its `List`; what of it one person sees is a queryset that is already
narrowed to what is theirs.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.db import models, transaction
from django.http import HttpRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_filters import FilterSet

from portal import htmx, keyset
from portal.api import scope
from portal.columns import Column, plain, zone_of
from portal.confirm import ask_again, is_confirmed
from portal.tables import disarmed
from portal.templatetags.show import NONE, count

SIZE = 50
# What another page shows of a list.
FEW = 8
# Rows are counted up to here; a list of a million is not counted for a page.
MOST_COUNTED = 1000
# Rows that a download takes from the database at a time.
CHUNK = 2000
# What of an address is not the list itself, but where in it one stands or how it is handed over.
PASSING = ("cursor", "download", "few", "page_size")


@dataclass(frozen=True)
class List:
    """What one list can show. The first of `sorts` is the usual one."""

    name: str
    title: Any
    columns: tuple[Column, ...]
    sorts: Mapping[str, tuple[Any, keyset.Keys]]
    # The names of its own address and of that of one row.
    address: str
    detail: str
    # The template of its filters' fields.
    form: str
    # What is said where no row fits, and what to do then.
    empty: tuple[Any, Any]
    # The filters that have a field of their own on the page.
    fields: tuple[str, ...] = ()
    # The template of what can be done there, and a sentence under the title.
    actions: str = ""
    lead: Any = ""
    # Whether a row's address answers `?peek` with what a look at the row shows.
    peek: bool = False
    # The class of a row.
    css: Callable[[Any], str] = lambda row: ""

    def named(self, names: list[str]) -> list[Column]:
        """The columns of these names in the list's own order; without any, the usual ones."""
        wanted = [each for each in self.columns if each.fixed or each.name in names]
        if any(not each.fixed for each in wanted):
            return wanted
        return [each for each in self.columns if each.usual or each.fixed]

    def table(self, columns: Sequence[Column], rows: Iterable[Any], foot: str = "") -> SafeString:
        """Rows as a table, made without the template engine: it would take most of a page's time.

        The first cell is the link to its row, where a row has a page. `foot` is for paper, at the
        end of each sheet.
        """
        shown = [each for each in columns if each.cell is not None]
        if not rows:
            return SafeString("")
        before, after = reverse(self.detail, args=[0]).split("0") if self.detail else ("", "")
        heads, opening = [], []
        for each in shown:
            label = escape(str(each.label))
            heads.append(
                f'<th class="num">{label}</th>' if "num" in each.css else f"<th>{label}</th>"
            )
            name = f' data-label="{label}"' if each.named else ""
            opening.append(f'<td class="{each.css}"{name}>' if each.css else f"<td{name}>")
        cells = [_shown(each) for each in shown]
        lines = []
        for row in rows:
            css = self.css(row)
            first, *rest = (
                f"{start}{conditional_escape(cell(row))}"
                for start, cell in zip(opening, cells, strict=True)
            )
            start = len(opening[0])
            link = first
            if self.detail:
                head = f'<a class="row" href="{before}{row.pk}{after}">'
                link = f"{first[:start]}{head}{first[start:]}</a>"
            body = "</td>".join([link, *rest])
            lines.append(f'<tr class="{css}">{body}</td></tr>' if css else f"<tr>{body}</td></tr>")
        heading, body = "".join(heads), "\n".join(lines)
        peek = " data-peek" if self.peek else ""
        last = f'<tr><td colspan="{len(shown)}">{conditional_escape(foot)}</td></tr>'
        end = f'<tfoot class="on-paper">{last}</tfoot>' if foot else ""
        return mark_safe(  # noqa: S308 (each part is escaped above)
            f'<div class="scroll"><table class="cards-phone"{peek}>'
            f"<thead><tr>{heading}</tr></thead>{end}\n<tbody>{body}</tbody></table></div>"
        )


def _shown(column: Column) -> Callable[[Any], Any]:
    if column.cell is not plain and column.cell is not None:
        return column.cell
    return lambda row: _said(column.value(row))


def _said(value: Any) -> Any:
    return NONE if value in (None, "") else value


@dataclass(frozen=True)
class Chip:
    """A filter that is set: its name, its value in words, and the address without it."""

    label: str
    value: str
    without: str


@dataclass
class Listing:
    """One person's look at a list, as the address asks for it."""

    request: HttpRequest
    of: List
    chosen: FilterSet
    # What the numbers in some filters stand for: filter -> value -> name.
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Given the rows of a page or of a part of a download, what each needs besides.
    completed: Callable[[list[Any]], None] = lambda rows: None
    # How complete the rows are, in words.
    complete: str = ""

    @cached_property
    def columns(self) -> list[Column]:
        return self.of.named(self.request.GET.getlist("columns"))

    @cached_property
    def sort(self) -> str:
        asked = self.request.GET.get("sort", "")
        return asked if asked in self.of.sorts else next(iter(self.of.sorts))

    @cached_property
    def keys(self) -> keyset.Keys:
        return self.of.sorts[self.sort][1]

    @property
    def sorts(self) -> Iterator[tuple[str, Any]]:
        return ((name, label) for name, (label, _keys) in self.of.sorts.items())

    @cached_property
    def query(self) -> str:
        """The address's query without where in the list one stands: what a saved view keeps."""
        return self._query()

    @property
    def others(self) -> list[tuple[str, str]]:
        """The filters alone, for the form that changes columns and order."""
        query = QueryDict(self._query("columns", "sort"))
        return [(key, value) for key, values in query.lists() for value in values]

    @property
    def unseen(self) -> list[tuple[str, str]]:
        """What stands in the address and has no field on the page; its form must not lose it."""
        query = QueryDict(self._query(*self.of.fields))
        return [(key, value) for key, values in query.lists() for value in values]

    def _query(self, *without: str) -> str:
        pairs = [
            (key, value)
            for key, values in self.request.GET.lists()
            for value in values
            if value and key not in PASSING and key not in without and key in self.known
        ]
        return urlencode(sorted(pairs))

    @cached_property
    def known(self) -> set[str]:
        return {*self.chosen.filters, "columns", "sort"}

    @cached_property
    def rows(self) -> models.QuerySet[Any]:
        """A filter that cannot be read shows no rows: all of them would pass for its answer."""
        found: models.QuerySet[Any] = (
            self.chosen.qs if self.chosen.is_valid() else self.chosen.qs.none()
        )
        return found

    @cached_property
    def page(self) -> keyset.Slice[Any]:
        """The rows at the cursor. Raises BadRequest for a cursor of another list."""
        return self.cut(FEW if "few" in self.request.GET else SIZE)

    def cut(self, size: int) -> keyset.Slice[Any]:
        cursor = self.request.GET.get("cursor")
        try:
            found = keyset.cut(
                self.rows, self.keys, size=size, cursor=cursor, scope=scope(self.request)
            )
        except keyset.InvalidCursor as problem:
            raise BadRequest(str(problem)) from None
        self.completed(found.rows)
        return found

    @property
    def shows_people(self) -> bool:
        return bool(self.page.rows) and any(each.personal for each in self.columns)

    @property
    def table(self) -> SafeString:
        """The page's rows."""
        return self.of.table(self.columns, self.page.rows, self.foot)

    @cached_property
    def count(self) -> int:
        """How many rows there are; one more than `MOST_COUNTED` where there are more."""
        page = self.page
        if page.next is None:
            return page.first - 1 + len(page.rows)
        return self.rows.order_by()[: MOST_COUNTED + 1].count()

    @property
    def range(self) -> str:
        """Which rows of how many the page shows."""
        if self.page.next is None and self.page.previous is None:
            rows = len(self.page.rows)
            return ngettext("%(rows)s row", "%(rows)s rows", rows) % {"rows": count(rows)}
        first, last = self.page.first, self.page.first - 1 + len(self.page.rows)
        words = {"first": count(first), "last": count(last), "all": count(self.count)}
        if self.count > MOST_COUNTED or last > self.count:
            return _("%(first)s–%(last)s of more than %(most)s") % {
                **words, "most": count(max(MOST_COUNTED, last)),
            }  # fmt: skip
        return _("%(first)s–%(last)s of %(all)s") % words

    @property
    def foot(self) -> str:
        """What each printed sheet says: which rows these are, on whose clock, how complete."""
        chosen = "; ".join(f"{chip.label}: {chip.value}" for chip in self.chips)
        zones = sorted({zone for row in self.page.rows if (zone := zone_of(row))})
        said = [str(self.of.title), chosen or _("every row"), ", ".join(zones), self.complete]
        return " · ".join(each for each in said if each)

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters that are set, in words."""
        if not self.chosen.is_valid():
            return []
        found = []
        for name, each in self.chosen.filters.items():
            values = [value for value in self.request.GET.getlist(name) if value]
            if values:
                words = _words(self.chosen.form.fields[name], self.names.get(name, {}))
                value = ", ".join(words.get(value, value) for value in values)
                found.append(Chip(str(each.label), value, self._query(name)))
        return found

    @property
    def wants_download(self) -> bool:
        return self.request.GET.get("download") == "csv"

    def download(self) -> StreamingHttpResponse:
        """Every row that the filters let through, in the order and with the columns shown.

        Raises BadRequest where a filter cannot be read: an empty file would pass for its answer.
        """
        if not self.chosen.is_valid():
            raise BadRequest("A filter of the download cannot be read.")
        day = timezone.localdate().isoformat()
        language = translation.get_language() or "en"
        return StreamingHttpResponse(
            within(copy_context(), self._lines(language)),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{self.of.name}-{day}.csv"',
                "X-Accel-Buffering": "no",
            },
        )

    def _lines(self, language: str) -> Iterator[str]:
        writer = csv.writer(_Echo())
        # One transaction is one moment: rows that arrive meanwhile belong to the next download.
        with translation.override(language), transaction.atomic():
            # Spreadsheets take a file without this mark for one of another alphabet.
            yield "\ufeff" + writer.writerow([str(each.label) for each in self.columns])
            rows = self.rows.order_by(*self.keys.order)
            for some in batched(rows.iterator(chunk_size=CHUNK), CHUNK):
                self.completed(some)
                for row in some:
                    yield writer.writerow([_cell(each.value(row)) for each in self.columns])


def within(context: Context, lines: Iterator[str]) -> Iterator[str]:
    """What is made after the request has ended is still made for whoever asked."""
    while True:
        try:
            yield context.run(next, lines)
        except StopIteration:
            return


def batched(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while some := list(islice(rows, size)):
        yield some


class _Echo:
    """Hands a written line back, instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _words(of: Any, names: Mapping[str, str]) -> dict[str, str]:
    """What a field's values are called."""
    choices = getattr(of, "choices", ())
    plain = {str(value): str(label) for value, label in choices if value not in ("", None)}
    return {"true": _("yes"), "false": _("no")} | plain | dict(names)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return disarmed(value) if isinstance(value, str) else value


def show(
    listing: Listing,
    *,
    exported: Callable[[str, str], None],
    seen: Callable[[str], None],
    **context: Any,
) -> HttpResponseBase:
    """The page, its rows alone for htmx, or the download, as the address asks for it.

    `exported` is told the list and the query of a download, `seen` the list that has shown people
    in full. `context` holds `views`, which the
    person has saved, and `freshness`.
    """
    member = listing.request.member  # type: ignore[attr-defined]
    if listing.wants_download:
        member.need("EXPORT")
        # Whoever sees people in full hands them over only after showing who they are.
        if member.may("PERSONAL") and not is_confirmed(listing.request):
            return ask_again(listing.request)
        handed = listing.download()
        exported(listing.of.name, listing.query)
        return handed
    listing.complete = "; ".join(str(each) for each in context["freshness"])
    context["may_export"] = member.may("EXPORT")
    context["may_share"] = member.may("TEAM")
    if listing.shows_people and member.may("PERSONAL"):
        seen(listing.of.name)
    context |= {"listing": listing, "page": listing.page, "filter": listing.chosen}
    return htmx.page(listing.request, "list.html", context, fragment="rows")
