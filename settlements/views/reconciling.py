"""Reconciliations: closes of terminals, POS against host."""

from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.trail import exported, listed
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
from portal.conflicts import Conflict
from portal.lists import Listing, show
from settlements import queries
from settlements.actions import reconcile_terminal
from settlements.columns import RECONCILIATIONS
from settlements.filters import ReconciliationFilter
from settlements.models import Reconciliation, SchemeTotal
from terminals.models import Terminal
from terminals.queries import own_terminal


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """Closes, narrowed, sorted and with the columns that stand in the address."""
    member = member_with(request, Right.FIGURES)
    rows = queries.reconciliations_for(member).filter(in_branch(request))
    chosen = ReconciliationFilter(request.GET, rows)
    listing = Listing(request, RECONCILIATIONS, chosen, {"branch": branch_names(request)})
    return show(
        listing,
        exported=exported,
        seen=listed,
        freshness=freshness_of(member),
        views=saved_views(member, RECONCILIATIONS.name),
    )


def own_reconciliation(request: HttpRequest, pk: int) -> Reconciliation:
    """The reconciliation, 404 for whoever may not see it."""
    return get_object_or_404(queries.reconciliations_for(member_of(request)), pk=pk)


@htmx.object_view(own_reconciliation, "GET", "HEAD")
def detail(request: HttpRequest, found: Reconciliation) -> HttpResponse:
    member_with(request, Right.FIGURES)
    schemes = queries.schemes_of(found)
    period = {"terminal": found.terminal_id, "currency": found.currency}
    for key, at in (("occurred_from", found.started_at), ("occurred_to", found.ended_at)):
        if at is not None:
            period[key] = at.isoformat()
    context = {
        "reconciliation": found,
        "schemes": schemes,
        "broken": [each for each in schemes if not each.balanced],
        "unused": [each for each in schemes if not each.used],
        "sums": _sums(schemes),
        "parts": [
            (_("Purchases"), found.purchase_minor, found.purchase_count),
            (_("Reversals"), found.purchase_reversal_minor, found.purchase_reversal_count),
            (_("Refunds"), found.refund_minor, found.refund_count),
        ],
        "counted": urlencode(period),
        "zone": found.branch.zone if found.branch else None,
    }
    return htmx.page(request, "settlements/detail.html", context)


def _sums(schemes: list[SchemeTotal]) -> dict[str, int]:
    """What the terminal and the host counted over all schemes, in minor units."""
    return {
        "pos": sum(each.pos_total_minor for each in schemes),
        "host": sum(each.host_total_minor for each in schemes),
        "difference": sum(each.difference_minor for each in schemes),
        "pos_count": sum(each.pos_total_count for each in schemes),
        "host_count": sum(each.host_total_count for each in schemes),
    }


@htmx.object_view(own_terminal, "POST")
def reconcile(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Ask the provider to close the terminal's day now."""
    member = member_with(request, Right.FLEET)
    key = request.POST.get("key", "")[:100] or uuid4().hex
    try:
        reconcile_terminal(terminal=terminal, by=member, key=key, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
    return redirect("terminals:detail", terminal.pk)
