"""Reports: what there is, asking for one, how far it is, and its file."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants.actions.trail import record
from merchants.models import Branch, Membership, Right
from merchants.queries import branches_for, freshness_of, main_zone, member_of, member_with
from portal import htmx
from portal.conflicts import Conflict
from reports.actions import ask_again, ask_report, cancel_report
from reports.catalogue import REPORTS, Report
from reports.forms import ReportForm
from reports.models import Layout, ReportRun
from reports.queries import open_to, runs_of, schedules_of

SHOWN = 20


@login_required
@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """Every report that one may have, and the latest that one has asked for."""
    member = member_with(request, Right.EXPORT)
    own = [each for each in REPORTS.values() if member.may(each.right)]
    context: dict[str, Any] = {
        "reports": own, "runs": _titled(runs_of(member)[:SHOWN]), "zone": main_zone(member),
        "freshness": freshness_of(member),
        "schedules": _titled(schedules_of(member)),
        "may_send": member.may(Right.ACCOUNTS),
    }  # fmt: skip
    return htmx.page(request, "reports/catalogue.html", context, fragment="runs")


def _titled(runs: Any) -> list[Any]:
    found = list(runs)
    for each in found:
        each.title = REPORTS[each.report].title
    return found


def report_of(member: Membership, name: str) -> Report:
    report = REPORTS.get(name)
    if report is None:
        raise Http404
    member.need(report.right)
    return report


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for a report: of which days and branches, in which form, with which columns."""
    member = member_with(request, Right.EXPORT)
    report = report_of(member, name)
    today = Branch(zone=main_zone(member)).business_day(now())
    form = ReportForm(
        request.POST or None, report=report, today=today, branches=branches_for(member),
        layouts=Layout.objects.filter(merchant=member.merchant_id, report=name).order_by(
            "name", "pk"
        ),
    )  # fmt: skip
    if form.is_valid():
        wish = form.wish(language=get_language() or "en")
        try:
            made = ask_report(
                by=member, report=name, form=form.cleaned_data["form"], wish=wish, at=now()
            )
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("report", made.pk)
    context = {
        "report": report, "form": form, "zone": main_zone(member),
        "layouts": form.fields["layout"].queryset if "layout" in form.fields else [],  # type: ignore[attr-defined]
    }  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/new.html", context, status=status)


def own_run(request: HttpRequest, pk: int) -> ReportRun:
    """The report, 404 for everybody but who asked for it."""
    found: ReportRun = get_object_or_404(runs_of(member_of(request)), pk=pk)
    return found


def _reader(request: HttpRequest, found: ReportRun) -> Membership:
    """Who looks at a report, where they may still see all that is in it."""
    member = member_with(request, Right.EXPORT)
    member.need(REPORTS[found.report].right)
    if not open_to(found, member):
        raise PermissionDenied(_("You may see less than when this was made. Ask for it once more."))
    return member


@htmx.object_view(own_run, "GET", "HEAD")
def report(request: HttpRequest, found: ReportRun) -> HttpResponse:
    """One report: how far it is, what it adds up to, and its file."""
    member = _reader(request, found)
    kept = found.finished_at + ReportRun.KEPT if found.finished_at else None
    context = {
        "run": _titled([found])[0], "zone": main_zone(member), "kept": kept,
        "last": _last(found), "totals": totals_of(found),
    }  # fmt: skip
    return htmx.page(request, "reports/report.html", context, fragment="state")


@dataclass(frozen=True)
class Measure:
    """What a report adds up to in one point: its name, and the value of each group of rows.

    An amount is in minor units, with its currency; None: a count or a word.
    """

    title: str
    values: list[tuple[Any, str | None]]
    is_word: bool


def totals_of(run: ReportRun) -> list[Measure]:
    """The control totals as a table whose columns are the groups, in the reader's language."""
    report = REPORTS[run.report]
    groups: list[dict[str, Any]] = run.manifest.get("totals", [])
    own = report.by_name
    found = [
        Measure(str(own[name].title), [(each.get(name), None) for each in groups], True)
        for name in report.totals
    ]
    found.append(Measure(_("Rows"), [(each.get("rows"), None) for each in groups], False))
    for name in report.summed:
        money = name.endswith("_minor")
        # The column in major units has the amount's own name.
        title = own[name.removesuffix("_minor")].title if money else own[name].title
        values = [(each.get(name), each.get("currency") if money else None) for each in groups]
        found.append(Measure(str(title), values, False))
    return found if groups else []


def _last(run: ReportRun) -> date:
    return date.fromisoformat(run.wish["until"]) - timedelta(days=1)


@htmx.object_view(own_run, "POST")
def cancel(request: HttpRequest, found: ReportRun) -> HttpResponse:
    """Not to be made any more."""
    if not cancel_report(run=found, by=member_with(request, Right.EXPORT), at=now()):
        messages.error(request, _("It was over already."))
    return redirect("report", found.pk)


@htmx.object_view(own_run, "POST")
def again(request: HttpRequest, found: ReportRun) -> HttpResponse:
    """The same once more, of the rows as they are now."""
    member = member_with(request, Right.EXPORT)
    try:
        made = ask_again(run=found, by=member, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
        return redirect("report", found.pk)
    return redirect("report", made.pk)


@htmx.object_view(own_run, "GET", "HEAD")
def file(request: HttpRequest, found: ReportRun) -> HttpResponse:
    """The file, or with `?proof` what proves it."""
    member = _reader(request, found)
    if found.state != ReportRun.State.DONE or not found.file:
        raise Http404
    name = found.file.rpartition("/")[2]
    if "proof" in request.GET:
        answer = JsonResponse(
            found.manifest, json_dumps_params={"ensure_ascii": False, "indent": 2}
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}.proof.json"'
        return answer
    try:
        content = storages["reports"].open(found.file)
    except FileNotFoundError:
        raise Http404 from None
    record("report.fetched", subject=member, facts={"report": found.report, "run": found.pk})
    return cast(HttpResponse, FileResponse(content, as_attachment=True, filename=name))
