"""The home page, the one search box, and what waits for somebody."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants.actions.trail import listed, saw
from merchants.models import Branch, Membership, Right
from merchants.queries import (
    MOST_BRANCHES,
    Freshness,
    freshness_of,
    main_zone,
    member_of,
    member_with,
)
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.templatetags.show import day, query_of, tenth_text
from providers.base.registry import providers, words
from reports import charts, queries
from reports.forms import AlertChoices
from reports.health import LIVE, choices_of, choose, wanted_by
from reports.personal import kept_of
from reports.timeline import timeline_of
from terminals.models import Terminal, TerminalUser
from terminals.queries import own_terminal, terminal_users_for
from transactions.models import Scheme

SHOWN_BRANCHES, SHOWN_DECLINES = 8, 6
# The list that shows the terminals of a reason, where it has such a filter.
FLEET_QUERIES = {"DISCONNECTED": "connected=false", "UNASSIGNED": "assigned=false"}
SCHEME_COLOURS = {
    Scheme.MADA: "mada", Scheme.VISA: "visa", Scheme.VISA_DEBIT: "visa",
    Scheme.MASTERCARD: "mastercard", Scheme.AMEX: "amex", Scheme.UNIONPAY: "unionpay",
}  # fmt: skip


def own_person(request: HttpRequest, pk: int) -> TerminalUser:
    """The person, 404 for whoever may not see them."""
    return get_object_or_404(
        terminal_users_for(member_of(request)).select_related("account"), pk=pk
    )


@htmx.object_view(own_person, "GET", "HEAD")
def person(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    """What is kept of a person, as a file to hand to them."""
    member = member_with(request, Right.PERSONAL)
    if not is_confirmed(request):
        return ask_again(request)
    saw("person.exported", found)
    answer = JsonResponse(
        kept_of(member, found), json_dumps_params={"ensure_ascii": False, "indent": 2}
    )
    answer["Content-Disposition"] = f'attachment; filename="person-{found.pk}.json"'
    return answer


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Today against the same weekday a week before, and the months that led there."""
    member = member_of(request)
    moment = now()
    freshness = freshness_of(member)
    clocks, branches = queries.clocks_of(member, moment)
    if member.here is None:
        # The page offers the same ones, which need not be asked for again.
        own = sorted(branches.values(), key=lambda each: (each.name, each.pk))
        request.branches = own[:MOST_BRANCHES]  # type: ignore[attr-defined]
    as_of = _known_to(freshness, moment, clocks)
    context: dict[str, Any] = {
        "now": moment,
        "as_of": as_of,
        "figures": member.may(Right.FIGURES),
        "zone": clocks[0].zone if clocks else "UTC",
        "freshness": freshness,
        "strips": list(zip(freshness, queries.strips(freshness, moment), strict=True)),
    }
    if clocks and not member.may(Right.FIGURES):
        context["attention"] = _attention(member, clocks, moment)
    elif clocks:
        clocks, branches = (
            queries.clocks_of(member, as_of) if as_of != moment else (clocks, branches)
        )
        context |= _figures(request, member, as_of, clocks, branches)
    _note_people(request, member, context.get("attention", ()))
    return htmx.page(request, "reports/home.html", context, fragment="figures")


@login_required
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """What is wrong in the accounts and the fleet; `?count` is the number beside the bell."""
    member = member_of(request)
    moment = now()
    clocks, _branches = queries.clocks_of(member, moment)
    accounts = queries.troubles(member)
    told = wanted_by(member).exclude(rule__in=LIVE) if member.may(Right.LOOK_UP) else []
    if "count" in request.GET and getattr(request, "htmx", False):
        count = len(accounts) + len(told)
        return htmx.page(request, "reports/notices.html", {"count": count}, fragment="dot")
    fleet = _attention(member, clocks, moment) if member.may(Right.LOOK_UP) else []
    _note_people(request, member, fleet)
    context = {"accounts": accounts, "fleet": fleet, "told": told, "zone": main_zone(member)}
    return htmx.page(request, "reports/notices.html", context)


def _note_people(request: HttpRequest, member: Membership, fleet: Iterable[Any]) -> None:
    """Who needs attention is named; what the page asks for by itself is the same look."""
    named = any(terminal.terminal_user for each in fleet for terminal in each["terminals"])
    if named and member.sees_personal and "X-Poll" not in request.headers:
        listed("attention")


def _known_to(
    freshness: list[Freshness], moment: datetime, clocks: list[queries.Clock]
) -> datetime:
    """Up to when today is known: last week is compared to there, and what follows is still open.

    A provider that is complete to no moment of today leaves nothing to compare but the moment.
    """
    known = [each.complete_to for each in freshness if each.complete_to]
    if not known or len(known) < len(freshness):
        return moment
    least = min(*known, moment)
    begun = all(clock.begins(clock.day) <= least for clock in clocks)
    return least if begun else moment


def _figures(
    request: HttpRequest,
    member: Membership,
    moment: Any,
    clocks: list[queries.Clock],
    branches: dict[int, Branch],
) -> dict[str, Any]:
    parts = queries.parts(member, clocks)
    currencies = sorted(
        {part.currency for part in parts},
        key=lambda each: -queries.added(p for p in parts if p.currency == each).sales_minor,
    )
    asked = request.GET.get("currency", "")
    currency = asked if asked in currencies else next(iter(currencies), "")
    last = clocks[0].day
    here = _rows_of(clocks, moment, currency)
    if not currency:
        return {"currencies": [], "attention": _attention(member, clocks, moment)}
    own = [part for part in parts if part.currency == currency]
    today = queries.added(part for part in own if part.today)
    a_day = queries.by_hour(member, clocks, moment, currency)
    days, months = queries.history(member, last, currency)
    before_day = last - queries.WEEK
    schemes = [
        (share, Scheme(share.key).label, SCHEME_COLOURS.get(share.key, "other"))
        for share in queries.shares(own, lambda part: part.scheme)
        if share.totals.sales
    ]
    by_branch = queries.shares(own, lambda part: part.branch)
    declined = queries.declines(member, clocks, currency)
    return {
        "currencies": currencies,
        "currency": currency,
        "here": here,
        "before_here": _rows_of(clocks, moment, currency, queries.WEEK),
        "today": today,
        "before": a_day.before,
        "before_day": before_day,
        "change": _change(today.sales_minor, a_day.before.sales_minor),
        "purchases_change": _change(today.sales, a_day.before.sales),
        "hours": a_day.hours,
        "days": days,
        "months": months,
        "hour_chart": charts.hours(a_day.hours, currency, _("Today"), day(before_day, "EEE d MMM")),
        "day_chart": charts.days(days, currency, _("Sales"), _("7-day median")),
        "month_chart": charts.months(months, currency, _("Sales")),
        "schemes": schemes,
        "scheme_bars": charts.in_a_row(
            [(share.of_all, colour) for share, _label, colour in schemes]
        ),
        "providers": [
            (share, providers()[share.key].title)
            for share in queries.shares(own, lambda part: part.provider)
        ],
        "by_branch": [
            # The tick is drawn within the bar's end.
            (share, branches.get(share.key), min(share.before_of_most, 994))
            for share in by_branch[:SHOWN_BRANCHES]
        ],
        "more_branches": len(by_branch) - SHOWN_BRANCHES,
        "declines": [(each, _reason(each)) for each in declined[:SHOWN_DECLINES]],
        "all_declines": sum(each.declined for each in declined),
        "attention": _attention(member, clocks, moment),
    }


def _rows_of(
    clocks: list[queries.Clock], moment: datetime, currency: str, ago: timedelta = timedelta()
) -> str:
    """The part of an address that leads to the rows of the present business day, or of one ago.

    Where branches do not have the same one, it is named by the moment.
    """
    days = {clock.day - ago for clock in clocks}
    if len(days) == 1:
        return query_of(business_day=days.pop(), currency=currency)
    return query_of(present=(moment - ago).isoformat(timespec="seconds"), currency=currency)


def _change(now_: int, before: int) -> dict[str, Any] | None:
    """How much more or less, in tenths of a per cent; None where there was nothing before."""
    if not before:
        return None
    tenths = round(1000 * (now_ - before) / before)
    return {
        "up": tenths > 0,
        "down": tenths < 0,
        "percent": tenth_text(abs(tenths)),
    }


def _reason(each: queries.Declined) -> str:
    known = words(each.provider, get_language() or "en")["declines"]
    reason: str = (known.get(each.code) or known["other"])["reason"]
    return reason


def _attention(
    member: Membership, clocks: list[queries.Clock], moment: Any
) -> list[dict[str, Any]]:
    titles = {
        "SILENT": (_("Silent in their usual hours"), "clock", "bad"),
        "DISCONNECTED": (_("Disconnected"), "plug", "bad"),
        "UNASSIGNED": (_("Held by nobody"), "person", "warn"),
        "OPEN": (_("Sold yesterday and not reconciled"), "scale", "warn"),
    }
    found = queries.attention(member, clocks, moment)
    return [
        {
            "title": titles[each.reason][0],
            "icon": titles[each.reason][1],
            "colour": titles[each.reason][2],
            "count": len(each.terminals),
            "terminals": each.terminals[:3],
            "more": max(len(each.terminals) - 3, 0),
            "all": each.terminals,
            "query": FLEET_QUERIES.get(each.reason),
        }
        for each in found
    ]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def alert_choices(request: HttpRequest) -> HttpResponse:
    """How one wants to hear of what waits: not at all, in the portal, or by mail too."""
    member = member_with(request, Right.LOOK_UP)
    form = AlertChoices(request.POST or None, initial=choices_of(member))
    if form.is_valid():
        choose(by=member, ways=form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("notices")
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/choices.html", {"form": form}, status=status)


@htmx.object_view(own_terminal, "GET", "HEAD")
def terminal_timeline(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """What was done with a terminal and what it did, on one line; a week at a time."""
    member = member_with(request, Right.LOOK_UP)
    zone = terminal.branch.zone if terminal.branch else "UTC"
    weeks = request.GET.get("weeks", "0")
    back = int(weeks) if weeks.isascii() and weeks.isdigit() and len(weeks) < 4 else 0
    until = now() - back * queries.WEEK
    since = until - queries.WEEK
    if member.sees_personal:
        listed("timeline")
    context = {
        "terminal": terminal, "moments": timeline_of(member, terminal, since, until),
        "since": since, "until": until, "zone": zone, "back": back,
    }  # fmt: skip
    return htmx.page(request, "reports/timeline.html", context)
