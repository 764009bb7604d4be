"""Terminals, and who holds them."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from merchants.queries import branches_for, member_of
from portal import htmx, keyset
from portal.lists import listed
from terminals import queries
from terminals.filters import TerminalFilter
from terminals.models import Terminal

ORDER = keyset.Keys("tid", descending=False)


@login_required
@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """The fleet, by terminal id."""
    member = member_of(request)
    chosen = TerminalFilter(request.GET, queries.terminals_for(member))
    context = {
        "page": listed(request, chosen, ORDER),
        "filter": chosen,
        "branches": branches_for(member).order_by("name", "pk"),
    }
    return htmx.page(request, "terminals/list.html", context, fragment="rows")


def own_terminal(request: HttpRequest, pk: int) -> Terminal:
    """The terminal, 404 for whoever may not see it."""
    return get_object_or_404(queries.terminals_for(member_of(request)), pk=pk)


@htmx.object_view(own_terminal, "GET", "HEAD")
def detail(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    devices = terminal.devices.order_by("-last_seen_at", "-pk")[:1]
    return htmx.page(request, "terminals/detail.html", {"terminal": terminal, "devices": devices})
