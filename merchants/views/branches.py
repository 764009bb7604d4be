"""Branches."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from merchants import queries
from merchants.actions.trail import exported, listed
from merchants.columns import BRANCHES
from merchants.filters import BranchFilter
from merchants.models import Branch, Right
from merchants.queries import member_of, member_with
from portal import htmx
from portal.lists import Listing, show


@login_required
@require_safe
def branches(request: HttpRequest) -> HttpResponseBase:
    """Branches, by name."""
    member = member_with(request, Right.LOOK_UP)
    chosen = BranchFilter(request.GET, queries.branches_with_identities(member))
    listing = Listing(request, BRANCHES, chosen)
    return show(
        listing,
        exported=exported,
        seen=listed,
        freshness=queries.freshness_of(member),
        views=queries.saved_views(member, BRANCHES.name),
        may_open=member.may(Right.FLEET) and member.sees_every_branch,
    )


def own_branch(request: HttpRequest, pk: int) -> Branch:
    """The branch, 404 for whoever may not see it."""
    return get_object_or_404(queries.branches_with_identities(member_of(request)), pk=pk)


@htmx.object_view(own_branch, "GET", "HEAD")
def branch(request: HttpRequest, found: Branch) -> HttpResponse:
    member_with(request, Right.LOOK_UP)
    return htmx.page(request, "merchants/branch.html", {"branch": found})
