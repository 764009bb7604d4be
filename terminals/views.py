"""Terminals, and the people who hold them."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from merchants.actions.trail import exported, saw
from merchants.models import Right
from merchants.queries import (
    branch_names,
    freshness_of,
    in_branch,
    member_of,
    member_with,
    saved_views,
)
from portal import htmx
from portal.lists import Listing, show
from providers.base.registry import providers, said
from terminals import queries
from terminals.columns import PEOPLE, TERMINALS
from terminals.filters import PersonFilter, TerminalFilter
from terminals.models import Terminal, TerminalUser

MOST_DEVICES = 20


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """The fleet, narrowed, sorted and with the columns that stand in the address."""
    member = member_with(request, Right.LOOK_UP)
    rows = queries.terminals_for(member).filter(in_branch(request))
    chosen = TerminalFilter(request.GET, rows)
    listing = Listing(request, TERMINALS, chosen, {"branch": branch_names(request)})
    return show(
        listing,
        exported=exported,
        freshness=freshness_of(member),
        views=saved_views(member, TERMINALS.name),
    )


@login_required
@require_safe
def people(request: HttpRequest) -> HttpResponseBase:
    """The people who hold terminals. They do not sign in here."""
    member = member_with(request, Right.LOOK_UP)
    rows = queries.terminal_users_with_terminals(member)
    if member.here is not None:
        rows = rows.filter(pk__in=queries.holders_in(member, member.here))
    chosen = PersonFilter(request.GET, rows)
    if not member.sees_personal:
        # A name that may not be seen may not be guessed letter by letter either.
        del chosen.filters["name"]
    listing = Listing(request, PEOPLE, chosen)
    return show(
        listing,
        sees_personal=member.sees_personal,
        exported=exported,
        freshness=freshness_of(member),
        views=saved_views(member, PEOPLE.name),
    )


def own_person(request: HttpRequest, pk: int) -> TerminalUser:
    """The person, 404 for whoever may not see them."""
    return get_object_or_404(queries.terminal_users_with_terminals(member_of(request)), pk=pk)


@htmx.object_view(own_person, "GET", "HEAD")
def person(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    member = member_with(request, Right.LOOK_UP)
    if member.sees_personal:
        saw("person.seen", found)
    context = {
        "person": found,
        "sees_personal": member.sees_personal,
        "zone": providers()[found.account.provider].default_zone,
    }
    return htmx.page(request, "terminals/person.html", context)


def own_terminal(request: HttpRequest, pk: int) -> Terminal:
    """The terminal, 404 for whoever may not see it."""
    return get_object_or_404(queries.terminals_for(member_of(request)), pk=pk)


@htmx.object_view(own_terminal, "GET", "HEAD")
def detail(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    member = member_with(request, Right.LOOK_UP)
    devices = terminal.devices.order_by("-last_seen_at", "-pk")[:MOST_DEVICES]
    language = get_language() or "en"
    named = [(each, said(terminal.account.provider, language, each.kind)) for each in devices]
    context = {
        "terminal": terminal,
        "devices": named,
        "sees_figures": member.may(Right.FIGURES),
    }
    return htmx.page(request, "terminals/detail.html", context)
