"""Terminals, and the people who hold them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.trail import exported, listed, saw
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
from portal.confirm import ask_again, is_confirmed
from portal.lists import Listing, show
from providers.base.registry import providers, said
from terminals import actions, queries
from terminals.columns import MASKED_PEOPLE, PEOPLE, TERMINALS
from terminals.filters import PersonFilter, TerminalFilter
from terminals.forms import ReasonForm
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
        seen=listed,
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
    listing = Listing(request, PEOPLE if member.sees_personal else MASKED_PEOPLE, chosen)
    return show(
        listing,
        sees_personal=member.sees_personal,
        exported=exported,
        seen=listed,
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
    return _person(request, found, ReasonForm(), in_full=member.sees_personal)


def _person(
    request: HttpRequest, found: TerminalUser, form: ReasonForm, *, in_full: bool
) -> HttpResponse:
    member = member_of(request)
    context = {
        "person": found,
        "name": found.name if in_full and not found.erased_at else found.shown,
        "sees_personal": in_full,
        "form": form if member.may(Right.REVEAL) and not in_full else None,
        "may_hand_over": member.sees_personal,
        "may_erase": member.may(Right.FLEET),
        "zone": providers()[found.account.provider].default_zone,
    }
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/person.html", context, status=status)


@htmx.object_view(own_person, "POST")
def reveal(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    """The person in full, this once, for a reason that stands in the trail."""
    member = member_with(request, Right.REVEAL)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            reason = form.cleaned_data["reason"]
            actions.reveal_person(person=found, by=member, reason=reason, at=now())
        except actions.TooMany as problem:
            form.add_error("reason", str(problem))
    return _person(request, found, form, in_full=form.is_valid())


@htmx.object_view(own_person, "GET", "HEAD", "POST")
def erase(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    """Asks once more, and forgets who the person is."""
    member = member_with(request, Right.FLEET)
    if not is_confirmed(request):
        return ask_again(request)
    if request.method == "POST":
        actions.erase_person(person=found, by=member, at=now())
        messages.success(request, _("It is forgotten who this was."))
        return redirect("terminals:person", found.pk)
    return htmx.page(request, "terminals/erase.html", {"person": found})


def own_terminal(request: HttpRequest, pk: int) -> Terminal:
    """The terminal, 404 for whoever may not see it."""
    return get_object_or_404(queries.terminals_for(member_of(request)), pk=pk)


@htmx.object_view(own_terminal, "GET", "HEAD")
def detail(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    member = member_with(request, Right.LOOK_UP)
    if terminal.terminal_user is not None and member.sees_personal:
        saw("person.seen", terminal.terminal_user)
    devices = terminal.devices.order_by("-last_seen_at", "-pk")[:MOST_DEVICES]
    language = get_language() or "en"
    named = [(each, said(terminal.account.provider, language, each.kind)) for each in devices]
    context = {
        "terminal": terminal,
        "devices": named,
        "sees_figures": member.may(Right.FIGURES),
    }
    return htmx.page(request, "terminals/detail.html", context)
