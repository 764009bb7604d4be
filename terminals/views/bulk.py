"""Changing many terminals at once: from a file, by choice, or all that somebody holds."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants.actions.trail import exported, listed
from merchants.models import Right
from merchants.queries import in_branch, main_zone, member_of, member_with
from portal import htmx
from portal.conflicts import Conflict
from portal.tables import answer_of
from terminals import actions, queries
from terminals.filters import TerminalFilter
from terminals.forms import ChooseForm, ColumnsForm, UploadForm
from terminals.models import BulkChange, BulkRow, TerminalUser
from terminals.views.fleet import own_person

SHOWN = 100
MOST_CHOSEN = 500
MOST_LISTED = 50
TEMPLATE = ("terminal_id", "name", "mobile", "email")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def many(request: HttpRequest) -> HttpResponse:
    """What was changed in bulk, and handing in another file."""
    member = member_with(request, Right.FLEET)
    form = UploadForm(request.POST or None, request.FILES or None, initial={"key": uuid4().hex})
    if form.is_valid():
        table = form.cleaned_data["file"]
        made = actions.draft_upload(
            title=table.name, header=table.header, rows=table.rows, by=member,
            key=form.cleaned_data["key"], at=now(),
        )  # fmt: skip
        return redirect("terminals:change", made.pk)
    own = queries.changes_for(member).order_by("-pk")[:MOST_LISTED]
    context = {"form": form, "changes": own, "zone": main_zone(member)}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/many.html", context, status=status)


@login_required
@require_safe
def template(request: HttpRequest) -> HttpResponse:
    """An empty file to fill in, with one row that shows how."""
    member_with(request, Right.FLEET)
    shown = ("0211111112222222", "Huda Al-Amri", "+966551112233", "huda@example.com")
    return answer_of(request.GET.get("format", ""), "terminals", TEMPLATE, [shown])


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Terminals to tick, of those that fit the list's filters, and what is done with them."""
    member = member_with(request, Right.FLEET)
    rows = queries.terminals_for(member).filter(in_branch(request))
    chosen = TerminalFilter(request.GET, rows)
    fits = chosen.qs if chosen.is_valid() else rows.none()
    form = ChooseForm(request.POST or None, by=member, initial={"key": uuid4().hex})
    ticked = [int(each) for each in request.POST.getlist("terminal") if each.isdecimal()]
    if form.is_valid():
        terminals = list(rows.filter(pk__in=ticked[:MOST_CHOSEN]))
        if terminals:
            made = actions.draft_chosen(
                kind=form.cleaned_data["kind"], terminals=terminals, to=form.to, by=member,
                title=_("Chosen from the list"), key=form.cleaned_data["key"], at=now(),
            )  # fmt: skip
            return redirect("terminals:change", made.pk)
        form.add_error(None, _("Tick at least one terminal."))
    shown = list(fits.order_by("tid", "pk")[:MOST_CHOSEN])
    if member.sees_personal and shown:
        listed("terminals")
    context = {"form": form, "terminals": shown, "ticked": set(ticked), "most": MOST_CHOSEN}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/choose.html", context, status=status)


def own_change(request: HttpRequest, pk: int) -> BulkChange:
    """The change, 404 for whoever may not see it."""
    return get_object_or_404(queries.changes_for(member_of(request)), pk=pk)


@htmx.object_view(own_change, "GET", "HEAD")
def change(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """Each row and its effect before it is begun; afterwards, what became of each."""
    member = member_with(request, Right.FLEET)
    numbers = queries.progress_of(found)
    rows = found.rows.select_related("terminal__terminal_user", "operation").order_by("position")
    only = request.GET.get("only", "")
    if only in BulkRow.State.values:
        rows = rows.filter(state=only)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 9:
        rows = rows.filter(position__gt=int(after))
    shown = list(rows[: SHOWN + 1])
    more = shown[SHOWN - 1].position if len(shown) > SHOWN else None
    actions.effects_of(found, shown[:SHOWN])
    if member.sees_personal and "X-Poll" not in request.headers:
        listed("bulk")
    total = sum(numbers[each] for each in BulkRow.State.values)
    over = numbers["DONE"] + numbers["FAILED"] + numbers["BAD"]
    context = {
        "change": found, "rows": shown[:SHOWN], "more": more, "numbers": numbers, "total": total,
        "over": over, "only": only, "zone": main_zone(member),
        "columns": _columns(found) if found.state == "DRAFT" else None,
        "can_start": found.state in ("DRAFT", "STOPPED") and numbers["WAITING"] > 0,
        "states": BulkRow.State.choices,
    }  # fmt: skip
    return htmx.page(request, "terminals/change.html", context, fragment="rows")


def _columns(found: BulkChange) -> ColumnsForm | None:
    if len(found.header) < 2:
        return None
    return ColumnsForm(header=found.header, initial=found.columns)


@htmx.object_view(own_change, "POST")
def columns(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """Read the file again, with other columns."""
    member = member_with(request, Right.FLEET)
    form = ColumnsForm(request.POST, header=found.header)
    if form.is_valid():
        return _done(request, found, lambda: actions.check_rows(found, form.chosen, by=member))
    messages.error(request, _("Say which columns hold the terminal id, the name and the mobile."))
    return redirect("terminals:change", found.pk)


def _done(request: HttpRequest, found: BulkChange, act: Callable[[], Any]) -> HttpResponse:
    try:
        act()
    except Conflict as problem:
        messages.error(request, str(problem))
    return redirect("terminals:change", found.pk)


@htmx.object_view(own_change, "POST")
def start(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """Begin, or go on."""
    by = member_with(request, Right.FLEET)
    return _done(request, found, lambda: actions.start_change(change=found, by=by, at=now()))


@htmx.object_view(own_change, "POST")
def stop(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """Ask for nothing more."""
    by = member_with(request, Right.FLEET)
    return _done(request, found, lambda: actions.stop_change(change=found, by=by, at=now()))


@htmx.object_view(own_change, "POST")
def again(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """Have what failed wait once more."""
    by = member_with(request, Right.FLEET)
    return _done(request, found, lambda: actions.retry_failed_rows(change=found, by=by))


@htmx.object_view(own_change, "GET", "HEAD")
def failed(request: HttpRequest, found: BulkChange) -> HttpResponse:
    """The rows that are wrong or have failed, with the reason, to be mended and handed in again."""
    member = member_with(request, Right.FLEET)
    if found.by.pk != member.pk:
        # Somebody else's file names people.
        member_with(request, Right.PERSONAL)
    own = found.rows.filter(state__in=("BAD", "FAILED")).order_by("position")
    rows = [(*_cells(found, row), row.told) for row in own.select_related("terminal", "operation")]
    exported("bulk", f"change={found.pk}")
    header = (*found.header, _("Reason"))
    return answer_of(request.GET.get("format", ""), "failed", header, rows)


def _cells(found: BulkChange, row: BulkRow) -> list[str]:
    cells = [*row.cells, *[""] * len(found.header)][: len(found.header)]
    if not row.cells and row.terminal is not None:
        cells[0] = row.terminal.tid
    return cells


@htmx.object_view(own_person, "POST")
def off_board(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    """Take back everything that somebody holds, in one step."""
    member = member_with(request, Right.FLEET)
    terminals = list(queries.terminals_for(member).filter(terminal_user=found))
    if not terminals:
        messages.error(request, _("They hold no terminal."))
        return redirect("terminals:person", found.pk)
    made = actions.draft_chosen(
        kind="UNASSIGN", terminals=terminals, title=_("Everything that one person holds"),
        by=member, key=request.POST.get("key", "")[:100] or uuid4().hex, at=now(), leaver=found,
    )  # fmt: skip
    return redirect("terminals:change", made.pk)
