"""Reconciliations: closes of terminals, POS against host."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from merchants.queries import branches_for, member_of
from portal import htmx, keyset
from portal.lists import listed
from settlements import queries
from settlements.filters import ReconciliationFilter
from settlements.models import Reconciliation

ORDER = keyset.Keys("occurred_at")


@login_required
@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """Closes, newest first."""
    member = member_of(request)
    chosen = ReconciliationFilter(request.GET, queries.reconciliations_for(member))
    context = {
        "page": listed(request, chosen, ORDER),
        "filter": chosen,
        "branches": branches_for(member).order_by("name", "pk"),
    }
    return htmx.page(request, "settlements/list.html", context, fragment="rows")


def own_reconciliation(request: HttpRequest, pk: int) -> Reconciliation:
    """The reconciliation, 404 for whoever may not see it."""
    return get_object_or_404(queries.reconciliations_for(member_of(request)), pk=pk)


@htmx.object_view(own_reconciliation, "GET", "HEAD")
def detail(request: HttpRequest, found: Reconciliation) -> HttpResponse:
    context = {
        "reconciliation": found,
        "schemes": queries.schemes_of(found),
        "zone": found.branch.zone if found.branch else None,
    }
    return htmx.page(request, "settlements/detail.html", context)
