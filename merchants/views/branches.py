"""Branches."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants import queries
from merchants.actions.days import change_day
from merchants.actions.joining import join_branch, part_branch
from merchants.actions.trail import exported, listed
from merchants.columns import BRANCHES
from merchants.filters import BranchFilter
from merchants.forms import DayForm, JoinBranch
from merchants.models import Branch, Right
from merchants.queries import member_of, member_with
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
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
    member = member_with(request, Right.LOOK_UP)
    may = member.may(Right.FLEET)
    context = {"branch": found, "may_move": may, "may_join": may and member.sees_every_branch}
    return htmx.page(request, "merchants/branch.html", context)


@htmx.object_view(own_branch, "GET", "HEAD", "POST")
def day(request: HttpRequest, found: Branch) -> HttpResponse:
    """When the branch's business day begins; what the changes of it have moved."""
    member = member_with(request, Right.FLEET)
    if not is_confirmed(request):
        return ask_again(request)
    known = {"zone": found.zone, "cut_off": f"{found.cut_off:%H:%M}"}
    form = DayForm(request.POST or None, initial=known)
    if form.is_valid():
        wish = form.cleaned_data
        try:
            change_day(
                branch=found, zone=wish["zone"], cut_off=wish["cut_off"], by=member, at=now()
            )
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("In force. What was before is being moved."))
            return redirect("merchants:branch-day", found.pk)
    context = {"branch": found, "form": form, "changes": queries.day_changes_of(found)}
    status = 422 if form.errors else 200
    return htmx.page(request, "merchants/day.html", context, fragment="changes", status=status)


@htmx.object_view(own_branch, "GET", "HEAD", "POST")
def join(request: HttpRequest, found: Branch) -> HttpResponse:
    """What providers know of the branch: joined with another, or parted from it."""
    member = member_with(request, Right.FLEET)
    if not member.sees_every_branch:
        raise PermissionDenied(_("Whoever is kept to some branches cannot join or part them."))
    if not is_confirmed(request):
        return ask_again(request)
    form = JoinBranch(request.POST or None, branch=found, by=member)
    if form.is_valid():
        identity, into = form.cleaned_data["identity"], form.cleaned_data["into"]
        try:
            if into is None:
                into = part_branch(identity=identity, by=member, at=now())
            else:
                join_branch(identity=identity, into=into, by=member, at=now())
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Done. Figures of those days are moved within a moment."))
            return redirect("merchants:branch", into.pk)
    status = 422 if form.errors else 200
    context = {"branch": found, "form": form}
    return htmx.page(request, "merchants/branch_join.html", context, status=status)
