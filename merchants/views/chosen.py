"""What a person has chosen: the merchant, the branch, and the views of lists."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from merchants import queries
from merchants.actions.saved import NotSaved
from merchants.actions.saved import remove_view as remove_view_
from merchants.actions.saved import save_view as save_view_
from merchants.actions.trail import record
from merchants.models import SavedView
from merchants.queries import CHOSEN, CHOSEN_BRANCH, member_of
from portal import htmx
from portal.pages import back


@login_required
@require_POST
def choose_member(request: HttpRequest) -> HttpResponse:
    """Work for another of one's merchants."""
    for membership in request.memberships:  # type: ignore[attr-defined]
        if str(membership.pk) == request.POST.get("membership"):
            request.session[CHOSEN] = membership.pk
            request.session.pop(CHOSEN_BRANCH, None)
            request.session.cycle_key()
            record("person.switched", subject=membership)
            return redirect("home")
    raise Http404


@login_required
@require_POST
def choose_branch(request: HttpRequest) -> HttpResponse:
    """Keep lists and figures to one branch; an empty choice is all of them."""
    member = member_of(request)
    chosen = request.POST.get("branch", "")
    if chosen:
        number = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else 0
        found = get_object_or_404(queries.branches_for(member), pk=number)
        request.session[CHOSEN_BRANCH] = found.pk
        record("person.looked_at_branch", subject=found)
    else:
        request.session.pop(CHOSEN_BRANCH, None)
        record("person.looked_at_branch", merchant=member.merchant_id)
    return redirect(back(request))


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep what a list shows under a name, and go back to it."""
    why = {
        "name": _("A view needs a name of at most 60 signs."),
        "list": _("There is no such list."),
        "long": _("The filters are too many to be kept."),
        "many": _("You have 30 views of this list; remove one first."),
    }
    given = request.POST
    try:
        made = save_view_(
            by=member_of(request), list_=given.get("list", ""), name=given.get("name", ""),
            query=given.get("query", ""), shared=given.get("shared") == "on",
        )  # fmt: skip
    except NotSaved as problem:
        messages.error(request, why[str(problem)])
    else:
        messages.success(request, _("The view “%(name)s” is saved.") % {"name": made.name})
    return redirect(back(request))


def own_view(request: HttpRequest, pk: int) -> SavedView:
    """The saved view, 404 for whoever may not take it away."""
    return get_object_or_404(queries.removable_views(member_of(request)), pk=pk)


@htmx.object_view(own_view, "POST")
def remove_view(request: HttpRequest, found: SavedView) -> HttpResponse:
    remove_view_(view=found)
    messages.success(request, _("The view “%(name)s” is removed.") % {"name": found.name})
    return redirect(back(request))
