"""Terminals, and the people who hold them."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.operations import (
    decide_operation,
    is_offered,
    open_of,
    withdraw_operation,
)
from merchants.actions.trail import exported, listed, saw
from merchants.models import Membership, Operation, Right
from merchants.queries import (
    branch_names,
    freshness_of,
    in_branch,
    member_of,
    member_with,
    operations_of,
    saved_views,
)
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from portal.lists import Listing, show
from providers.base.provider import (
    AssignsTerminals,
    CarriesPoints,
    CreatesReconciliations,
    DisconnectsTerminals,
    OpensSessions,
    SeesCustomers,
    TakesPayments,
)
from providers.base.registry import providers, said
from terminals import actions, queries
from terminals.columns import MASKED_PEOPLE, PEOPLE, TERMINALS
from terminals.filters import PersonFilter, TerminalFilter
from terminals.forms import AssignTerminal, AtForm, ReasonForm
from terminals.models import Terminal, TerminalUser
from terminals.queries import own_terminal
from terminals.views.operations import said_back

MOST_DEVICES = 20
SHOWN_OPERATIONS = 10
# What a terminal's page offers, where its provider can do it.
CAN = {
    "assign": AssignsTerminals, "disconnect": DisconnectsTerminals,
    "reconcile": CreatesReconciliations, "session": OpensSessions, "pay": TakesPayments,
    "point": CarriesPoints, "see": SeesCustomers,
}  # fmt: skip
SHOWN_HOLDINGS = 5
MOST_HOLDINGS = 200


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
        may_move=member.may(Right.FLEET),
        may_add=member.sees_every_branch and queries.has_numbered(member),
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
        "holdings": _held_by(member, found),
        "key": uuid4().hex,
    }
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/person.html", context, status=status)


def _held_by(member: Membership, found: TerminalUser) -> QuerySet[Any]:
    """What they held of what one may see, the latest first."""
    own = queries.with_ends(queries.holdings_for(member).filter(terminal_user=found))
    return own.select_related("terminal").order_by("-since_at", "-pk")[:MOST_HOLDINGS]


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
        "aliases": terminal.aliases.order_by("-until_at", "-pk")[:MOST_DEVICES],
        "sees_figures": member.may(Right.FIGURES),
        "differences": list(
            queries.drifts_seen_by(member).filter(subject_kind="terminal", subject_id=terminal.pk)
        ),
        **_ledger(request, terminal),
    }
    return htmx.page(request, "terminals/detail.html", context)


@htmx.object_view(own_terminal, "GET", "HEAD", "POST")
def assign(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Hand the terminal to somebody: says first, in words, what will happen."""
    member = member_with(request, Right.FLEET)
    initial = {"key": uuid4().hex}
    form = AssignTerminal(request.POST or None, terminal=terminal, by=member, initial=initial)
    ready = form.is_valid()
    if ready and form.cleaned_data["sure"]:
        asked = partial(
            actions.assign_terminal, to=form.to, typed=form.typed, replaces=_waiting(terminal)
        )
        return _asked(request, terminal, asked, form.cleaned_data["key"])
    waiting = _waiting(terminal)
    context = {"terminal": terminal, "form": form, "ready": ready, "waiting": waiting}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/assign.html", context, status=status)


def _waiting(terminal: Terminal) -> Operation | None:
    """What was asked and is not sent yet: asking for something else takes its place."""
    found = open_of(terminal)
    return found if found is not None and found.state == Operation.State.REQUESTED else None


@htmx.object_view(own_terminal, "POST")
def unassign(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Take the terminal back from whoever holds it."""
    member_with(request, Right.FLEET)
    return _asked(request, terminal, actions.unassign_terminal, request.POST.get("key", ""))


@htmx.object_view(own_terminal, "POST")
def disconnect(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Sign the terminal's device out."""
    member_with(request, Right.FLEET)
    return _asked(request, terminal, actions.disconnect_terminal, request.POST.get("key", ""))


@htmx.object_view(own_terminal, "POST")
def point(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Give the terminal a point of sale, remove it, or make it anew."""
    member_with(request, Right.FLEET)
    action = partial(actions.change_point, kind=request.POST.get("kind", ""))
    return _asked(request, terminal, action, request.POST.get("key", ""))


def _asked(
    request: HttpRequest, terminal: Terminal, action: Callable[..., Operation], key: str
) -> HttpResponse:
    try:
        action(terminal=terminal, by=member_of(request), key=key[:100] or uuid4().hex, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
    return redirect("terminals:detail", terminal.pk)


@htmx.object_view(own_terminal, "GET", "HEAD")
def operations(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """What was asked of the provider about this terminal, live."""
    member_with(request, Right.LOOK_UP)
    return render(request, "terminals/detail.html#ledger", _ledger(request, terminal))


@htmx.object_view(own_terminal, "GET", "HEAD")
def holders(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Who held the terminal from when to when, and who at a moment that is asked for.

    `?few` is what the terminal's own page shows of it.
    """
    member = member_with(request, Right.LOOK_UP)
    form = AtForm(request.GET if "at" in request.GET else None, zone=_zone(terminal))
    asked = form.cleaned_data["at"] if form.is_valid() else None
    most = SHOWN_HOLDINGS if "few" in request.GET else MOST_HOLDINGS
    rows = list(_holdings(terminal)[:most])
    if member.sees_personal and rows:
        saw("people.listed", people=len(rows))
    context = {
        "terminal": terminal,
        "holdings": rows,
        "most": most,
        "form": form,
        "asked": asked,
        "found": queries.holder_at(terminal, asked) if asked else None,
        "zone": _zone(terminal),
    }
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/holders.html", context, status=status)


def _holdings(terminal: Terminal) -> QuerySet[Any]:
    own = queries.with_ends(terminal.holdings.select_related("terminal_user", "terminal"))
    return own.order_by("-since_at", "-pk")


def _zone(terminal: Terminal) -> str:
    return terminal.branch.zone if terminal.branch else "UTC"


def _ledger(request: HttpRequest, terminal: Terminal) -> dict[str, Any]:
    rows = list(operations_of(terminal)[:SHOWN_OPERATIONS])
    open_ = next((each for each in rows if each.is_open), None)
    return {
        "terminal": terminal,
        "operations": rows,
        "open": open_,
        "evidence": said_back(open_) if open_ else [],
        "may_move": member_of(request).may(Right.FLEET)
        and (terminal.ref is not None or is_offered(terminal.account, CarriesPoints)),
        "may_pay": member_of(request).may(Right.PAYMENTS) and terminal.ref is not None,
        "can": {name: is_offered(terminal.account, each) for name, each in CAN.items()},
        "zone": _zone(terminal),
        "key": uuid4().hex,
        "decide": ReasonForm(),
    }


@htmx.object_view(own_terminal, "POST")
def withdraw(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Take back what was asked, where it was not sent yet."""
    member = member_with(request, Right.FLEET)
    found = open_of(terminal)
    if found is None or not withdraw_operation(operation=found, by=member, at=now()):
        messages.error(request, _("It has been sent already."))
    return redirect("terminals:detail", terminal.pk)


@htmx.object_view(own_terminal, "POST")
def decide(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Say what became of something that nobody could find out."""
    member = member_with(request, Right.FLEET)
    found, form = open_of(terminal), ReasonForm(request.POST)
    if found is None or not form.is_valid():
        messages.error(request, _("Say why, in some words."))
        return redirect("terminals:detail", terminal.pk)
    done = request.POST.get("done") == "yes"
    reason = form.cleaned_data["reason"]
    if decide_operation(operation=found, done=done, reason=reason, by=member, at=now()) and done:
        actions.agree_anew(found)
    return redirect("terminals:detail", terminal.pk)
