"""The calendar of closed days, a branch's month with its documents, and their files."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from merchants.actions.trail import record
from merchants.models import Branch, Membership, Right
from merchants.queries import branches_for, freshness_of, main_zone, member_of, member_with
from portal import htmx
from portal.celery import wake
from portal.conflicts import Conflict
from settlements.actions import Made, close_days, close_month, file_of, reopen
from settlements.forms import CloseForm, month_of
from settlements.models import Document
from settlements.queries import calendar, documents_for


def _month(request: HttpRequest, clock: Branch) -> tuple[date, date, date]:
    """The month that is looked at, the first day after it, and the month of today."""
    today = clock.business_day(now()).replace(day=1)
    first = month_of(request.GET.get("month", "")) or today
    return first, _after(first), today


def _after(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _around(first: date, today: date) -> dict[str, Any]:
    before = (first - timedelta(days=1)).replace(day=1)
    return {"first": first, "before": before, "after": _after(first) if first < today else None}


@login_required
@require_safe
def closing(request: HttpRequest) -> HttpResponse:
    """Which days of which branches are closed, open, or not complete yet."""
    member = member_with(request, Right.FIGURES)
    first, until, today = _month(request, Branch(zone=main_zone(member)))
    rows = calendar(member, first, until, now())
    context = {
        "rows": rows, "days": [each.day for each in rows[0].cells] if rows else [],
        "freshness": freshness_of(member), "may": member.may(Right.CLOSE),
        "over": bool(rows) and all(each.over for each in rows),
        "left": sum(not each.closed or bool(each.left) for each in rows),
        **_around(first, today),
    }  # fmt: skip
    return htmx.page(request, "settlements/closing.html", context, fragment="calendar")


def own_branch(request: HttpRequest, pk: int) -> Branch:
    """The branch, 404 for whoever may not see it."""
    return get_object_or_404(branches_for(member_of(request)), pk=pk)


@htmx.object_view(own_branch, "GET", "HEAD")
def month(request: HttpRequest, branch: Branch) -> HttpResponse:
    """One branch's month: each day's figures and how it stands, and every document."""
    member = member_with(request, Right.FIGURES)
    first, until, today = _month(request, branch)
    (row,) = calendar(member, first, until, now(), branches=[branch])
    days = [each for each in row.cells if each.state != "FUTURE"]
    context = {
        "branch": branch, "row": row, "days": days,
        "documents": row.papers,
        "may": member.may(Right.CLOSE), "may_open": member.may(Right.REOPEN),
        "incomplete": [each for each in days if each.state == "INCOMPLETE"],
        **_around(first, today),
    }  # fmt: skip
    return htmx.page(request, "settlements/month.html", context)


@htmx.object_view(own_branch, "POST")
def close(request: HttpRequest, branch: Branch) -> HttpResponse:
    """Close a day or a month, or write down what has changed since."""
    member = member_with(request, Right.CLOSE)
    return _acted(request, branch, lambda form: _close(member, branch, form, now()))


def _close(member: Membership, branch: Branch, form: CloseForm, at: datetime) -> str:
    given = form.cleaned_data
    wish: dict[str, Any] = {
        "branch": branch, "by": member, "at": at,
        "anyway": given["anyway"], "reason": given["reason"],
    }  # fmt: skip
    if given["span"] == Document.Span.MONTH:
        return _told(close_month(month=given["since"], **wish))
    return _told(close_days(days=[given["since"]], **wish))


def _told(made: Made) -> str:
    if not made.documents:
        return _("Nothing has changed since it was closed.")
    words = ngettext(
        "%(number)s document was written.", "%(number)s documents were written.", made.documents
    )
    return words % {"number": made.documents}


@htmx.object_view(own_branch, "POST")
def open_again(request: HttpRequest, branch: Branch) -> HttpResponse:
    """Open a closed day or month again, with a reason."""
    member = member_with(request, Right.REOPEN)

    def act(form: CloseForm) -> str:
        given = form.cleaned_data
        reopen(
            branch=branch, span=given["span"], since=given["since"], by=member,
            reason=given["reason"], at=now(),
        )  # fmt: skip
        return _("It is open again. What was frozen stays.")

    return _acted(request, branch, act)


def _acted(request: HttpRequest, branch: Branch, act: Callable[[CloseForm], str]) -> HttpResponse:
    form = CloseForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This is no day and no month."))
        return redirect("settlements:month", branch.pk)
    since = form.cleaned_data["since"]
    try:
        messages.success(request, act(form))
    except Conflict as problem:
        messages.error(request, str(problem))
    answer = redirect("settlements:month", branch.pk)
    answer["Location"] += f"?month={since:%Y-%m}"
    return answer


@login_required
@require_POST
def close_all(request: HttpRequest) -> HttpResponse:
    """Have the month of every branch closed by a job."""
    member = member_with(request, Right.CLOSE)
    first = month_of(request.POST.get("month", ""))
    if first is None:
        messages.error(request, _("This is no day and no month."))
        return redirect("settlements:closing")
    facts = {"month": f"{first:%Y-%m}"}
    record("day.close_asked", subject=member, facts=facts)
    wake("settlements.close_month", member.pk, first.isoformat())
    messages.success(request, _("The branches are closed one after the other; look in a moment."))
    answer = redirect("settlements:closing")
    answer["Location"] += f"?month={first:%Y-%m}"
    return answer


def own_document(request: HttpRequest, pk: int) -> Document:
    """The document, 404 for whoever may not see its branch."""
    return get_object_or_404(documents_for(member_of(request)), pk=pk)


@htmx.object_view(own_document, "GET", "HEAD")
def file(request: HttpRequest, document: Document) -> Any:
    """A document's file, or with `?proof` what proves it."""
    member_with(request, Right.EXPORT).need(Right.FIGURES)
    if "proof" in request.GET:
        answer: Any = JsonResponse(
            document.manifest, json_dumps_params={"ensure_ascii": False, "indent": 2}
        )
        answer["Content-Disposition"] = f'attachment; filename="{document.name}.proof.json"'
        return answer
    record("day.file_fetched", subject=document.branch, facts={"document": document.number})
    content = b"".join(file_of(document))
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{document.name}"'
    return answer
