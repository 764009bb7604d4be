"""Reconciliations: closes of terminals, POS against host."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from merchants.queries import branches_for
from portal import htmx, keyset
from portal.api import scope
from settlements import queries
from settlements.api import ReconciliationFilter

PAGE = 50
ORDER = keyset.Keys("occurred_at")


@login_required
@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """Closes, newest first."""
    member = request.member  # type: ignore[attr-defined]
    chosen = ReconciliationFilter(request.GET, queries.reconciliations_for(member))
    try:
        page = keyset.cut(
            chosen.qs, ORDER, size=PAGE, cursor=request.GET.get("cursor"), scope=scope(request)
        )
    except keyset.InvalidCursor as problem:
        return HttpResponseBadRequest(str(problem))
    context = {"page": page, "filter": chosen, "branches": branches_for(member).order_by("name", "pk")}
    return htmx.page(request, "settlements/list.html", context, fragment="rows")


@login_required
@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    member = request.member  # type: ignore[attr-defined]
    found = get_object_or_404(queries.reconciliations_for(member), pk=pk)
    context = {
        "reconciliation": found,
        "schemes": queries.schemes_of(found),
        "zone": found.branch.zone if found.branch else None,
    }
    return htmx.page(request, "settlements/detail.html", context)
