"""Layouts, schedules, servers that files go to, and the links that mails carry."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import storages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from merchants.actions.trail import Scene, acting, record, scene
from merchants.models import Branch, Door, Membership, Right
from merchants.queries import branches_for, in_force, main_zone, member_of, member_with
from portal import htmx, isolation
from portal.conflicts import Conflict
from reports.actions import (
    add_destination,
    change_layout,
    make_layout,
    pause_schedule,
    plan_report,
    remove_destination,
    remove_layout,
    remove_schedule,
    resume_schedule,
    take_layout,
)
from reports.catalogue import REPORTS, Report
from reports.forms import DestinationForm, LayoutForm, ScheduleForm
from reports.links import opened
from reports.models import Destination, Layout, PlannedRun, ReportRun, Schedule
from reports.queries import open_to, schedules_of
from reports.views.filing import report_of

SHOWN = 20


def _layouts(member: Membership, report: str) -> Any:
    return Layout.objects.filter(merchant=member.merchant_id, report=report).order_by("name", "pk")


# layouts


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_layout(request: HttpRequest, name: str) -> HttpResponse:
    """Keep which columns a report has, in which order and under which headings."""
    member = member_with(request, Right.EXPORT)
    report = report_of(member, name)
    form = LayoutForm(request.POST or None, columns=report.columns, kept=[])
    if form.is_valid():
        given = {"report": name, "name": form.cleaned_data["name"], "columns": form.chosen}
        try:
            make_layout(by=member, at=now(), **given)
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("new-report", name)
    return _laid_out(request, report, form, None)


def own_layout(request: HttpRequest, pk: int) -> Layout:
    """The layout, 404 for another merchant's."""
    own = Layout.objects.filter(merchant=member_of(request).merchant_id)
    return get_object_or_404(own.select_related("changed_by"), pk=pk)


@htmx.object_view(own_layout, "GET", "HEAD", "POST")
def layout(request: HttpRequest, found: Layout) -> HttpResponse:
    """Change a layout into its next version, or see who changed it last."""
    member = member_with(request, Right.EXPORT)
    report = report_of(member, found.report)
    form = LayoutForm(
        request.POST or None, columns=report.columns, kept=found.columns,
        initial={"name": found.name},
    )  # fmt: skip
    form.fields["name"].disabled = True
    if form.is_valid():
        try:
            change_layout(layout=found, by=member, columns=form.chosen, at=now())
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("new-report", found.report)
    return _laid_out(request, report, form, found)


def _laid_out(
    request: HttpRequest, report: Report, form: LayoutForm, found: Layout | None
) -> HttpResponse:
    context = {"report": report, "form": form, "layout": found, "zone": main_zone(
        member_of(request))}  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/layout.html", context, status=status)


@htmx.object_view(own_layout, "POST")
def drop_layout(request: HttpRequest, found: Layout) -> HttpResponse:
    """Remove a layout; what has taken it goes on as it is."""
    remove_layout(layout=found, by=member_with(request, Right.EXPORT))
    return redirect("new-report", found.report)


# schedules


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_schedule(request: HttpRequest, name: str) -> HttpResponse:
    """Have a report come by itself."""
    member = member_with(request, Right.EXPORT)
    report = report_of(member, name)
    zone = main_zone(member)
    team = Membership.objects.filter(in_force(now()), merchant=member.merchant_id)
    team = team.filter(user__is_active=True, user__is_service=False).exclude(pk=member.pk)
    form = ScheduleForm(
        request.POST or None, report=report, today=Branch(zone=zone).business_day(now()),
        branches=branches_for(member), layouts=_layouts(member, name), zones=_zones(member, zone),
        team=team.select_related("user").order_by("user__name", "pk"),
        destinations=Destination.objects.filter(merchant=member.merchant_id).order_by("name", "pk"),
        initial={"name": report.title, "zone": zone},
    )  # fmt: skip
    if form.is_valid():
        wish = form.wish(get_language() or "en")
        try:
            made = plan_report(by=member, report=name, wish=wish, at=now(), **form.plan)
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("schedule", made.pk)
    context = {"report": report, "form": form}
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/new_schedule.html", context, status=status)


def _zones(member: Membership, first: str) -> list[str]:
    own = branches_for(member).order_by("zone").values_list("zone", flat=True).distinct()
    return list(dict.fromkeys([first, *own, "UTC"]))


def own_schedule(request: HttpRequest, pk: int) -> Schedule:
    """The schedule, 404 for everybody but whose it is."""
    found: Schedule = get_object_or_404(schedules_of(member_of(request)), pk=pk)
    return found


@htmx.object_view(own_schedule, "GET", "HEAD")
def schedule(request: HttpRequest, found: Schedule) -> HttpResponse:
    """When it comes next, and what became of each time."""
    member_with(request, Right.EXPORT)
    taken = found.wish.get("layout") or {}
    kept = Layout.objects.filter(merchant=found.merchant_id, pk=taken.get("id", 0)).first()
    context = {
        "schedule": found, "title": REPORTS[found.report].title,
        "runs": found.runs.select_related("run").order_by("-due_at", "-pk")[:SHOWN],
        "to": found.recipients.select_related("user").order_by("pk"),
        "newer": kept if kept and kept.version != taken.get("version") else None, "taken": taken,
    }  # fmt: skip
    return htmx.page(request, "reports/schedule.html", context, fragment="times")


@htmx.object_view(own_schedule, "POST")
def pause(request: HttpRequest, found: Schedule) -> HttpResponse:
    pause_schedule(schedule=found, by=member_with(request, Right.EXPORT), at=now())
    return redirect("schedule", found.pk)


@htmx.object_view(own_schedule, "POST")
def resume(request: HttpRequest, found: Schedule) -> HttpResponse:
    resume_schedule(schedule=found, by=member_with(request, Right.EXPORT), at=now())
    return redirect("schedule", found.pk)


@htmx.object_view(own_schedule, "POST")
def newer(request: HttpRequest, found: Schedule) -> HttpResponse:
    """Let it have its layout as it is now."""
    if not take_layout(schedule=found, by=member_with(request, Right.EXPORT)):
        messages.error(request, _("There is no newer version of its layout."))
    return redirect("schedule", found.pk)


@htmx.object_view(own_schedule, "POST")
def drop_schedule(request: HttpRequest, found: Schedule) -> HttpResponse:
    remove_schedule(schedule=found, by=member_with(request, Right.EXPORT))
    return redirect("reports")


# servers


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def destinations(request: HttpRequest) -> HttpResponse:
    """The servers that files go to, and another one."""
    member = member_with(request, Right.ACCOUNTS)
    form = DestinationForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        names = ("name", "host", "port", "username", "host_key", "folder")
        given = {name: form.cleaned_data[name] for name in names}
        try:
            add_destination(by=member, secret=form.secret, at=now(), **given)
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("destinations")
    own = Destination.objects.filter(merchant=member.merchant_id).order_by("name", "pk")
    context = {"form": form, "destinations": own}
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/destinations.html", context, status=status)


def own_destination(request: HttpRequest, pk: int) -> Destination:
    """The server, 404 for another merchant's."""
    own = Destination.objects.filter(merchant=member_of(request).merchant_id)
    return get_object_or_404(own, pk=pk)


@htmx.object_view(own_destination, "POST")
def drop_destination(request: HttpRequest, found: Destination) -> HttpResponse:
    try:
        remove_destination(destination=found, by=member_with(request, Right.ACCOUNTS))
    except Conflict as problem:
        messages.error(request, str(problem))
    return redirect("destinations")


# links


def _private(answer: HttpResponse) -> HttpResponse:
    # Under «no-referrer» a browser would send the button's form as of nobody, which is refused.
    return htmx.unlisted(answer, referrer="same-origin")


@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """What a mail's link opens: a page with a button, so that nothing that only looks fetches it.

    It is over after its days, with its schedule, and once its reader may see less.
    """
    found = _linked(secret)
    if found is None:
        return _private(htmx.page(request, "reports/over.html", {}, status=404))
    run, reader = found
    with isolation.of(run.merchant_id):
        name = run.file.rpartition("/")[2]
        if request.method != "POST":
            context = {"run": run, "title": REPORTS[run.report].title, "name": name,
                       "merchant": reader.merchant}  # fmt: skip
            return _private(htmx.page(request, "reports/link.html", context))
        content = storages["reports"].open(run.file)
        with acting(Scene(Door.PAGE, None, None, scene().address)):
            facts = {"run": run.pk, "to": reader.pk}
            about = ("membership", reader.pk)
            record("report.link_opened", about=about, merchant=run.merchant_id, facts=facts)
        answer = FileResponse(content, as_attachment=True, filename=name)
        return _private(cast(HttpResponse, answer))


def _linked(secret: str) -> tuple[ReportRun, Membership] | None:
    """The whole file of a link and its reader, where both are still as they were."""
    what = opened(secret, now())
    if what is None:
        return None
    with isolation.everywhere():
        planned = PlannedRun.objects.filter(pk=what.planned, run=what.run).first()
        own = Membership.objects.filter(in_force(now()), pk=what.member, user__is_active=True)
        reader = own.select_related("user", "merchant", "custom_role").first()
        run = ReportRun.objects.filter(pk=what.run).exclude(file="").first()
        if planned is None or reader is None or run is None:
            return None
        may = reader.may(Right.EXPORT) and reader.may(REPORTS[run.report].right)
        there = storages["reports"].exists(run.file)
        return (run, reader) if may and there and open_to(run, reader) else None
