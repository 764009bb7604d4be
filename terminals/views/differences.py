"""Where providers say otherwise than was agreed, and what is decided about it."""

from datetime import timedelta
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.drift import ignore_drift
from merchants.actions.trail import exported, listed
from merchants.models import Drift, Right
from merchants.queries import freshness_of, member_of, member_with, saved_views
from portal import htmx
from portal.conflicts import Conflict
from portal.lists import Listing, show
from providers.base.registry import providers
from terminals import actions, queries
from terminals.columns import DIFFERENCES, side_text, subject_text
from terminals.filters import DriftFilter

# For how many days one can be left alone.
DAYS = (1, 7, 30, 365)


def _complete(rows: list[Drift]) -> None:
    queries.attach_subjects(rows)
    queries.attach_values(rows)


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """What differs now, the latest first."""
    member = member_with(request, Right.LOOK_UP)
    chosen = DriftFilter(request.GET, queries.drifts_seen_by(member))
    listing = Listing(request, DIFFERENCES, chosen, completed=_complete)
    return show(
        listing, exported=exported, seen=listed, freshness=freshness_of(member),
        views=saved_views(member, DIFFERENCES.name), differing=Drift.Field.choices,
    )  # fmt: skip


def own_difference(request: HttpRequest, pk: int) -> Drift:
    """The difference, 404 for whoever may not see it or where it is over."""
    return get_object_or_404(queries.drifts_seen_by(member_of(request)), pk=pk)


@htmx.object_view(own_difference, "GET", "HEAD")
def difference(request: HttpRequest, found: Drift) -> HttpResponse:
    """One difference: ours, what was agreed, and theirs, side by side."""
    member = member_with(request, Right.LOOK_UP)
    _complete([found])
    if member.sees_personal:
        listed(DIFFERENCES.name)
    context = {
        "drift": found, "about": subject_text(found), "days": DAYS, "key": uuid4().hex,
        "ours": side_text(found, found.ours),  # type: ignore[attr-defined]
        "theirs": side_text(found, found.theirs_said),  # type: ignore[attr-defined]
        "may_move": member.may(Right.FLEET), "can_push": actions.can_push(found),
        "zone": providers()[found.account.provider].default_zone,
    }  # fmt: skip
    return htmx.page(request, "terminals/difference.html", context)


@htmx.object_view(own_difference, "POST")
def take(request: HttpRequest, found: Drift) -> HttpResponse:
    """Have what the provider says, here too."""
    member = member_with(request, Right.FLEET)
    try:
        actions.take_theirs(drift=found, by=member, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("What the provider says is agreed on now."))
    return redirect("terminals:differences")


@htmx.object_view(own_difference, "POST")
def push(request: HttpRequest, found: Drift) -> HttpResponse:
    """Ask the provider to change it back."""
    member = member_with(request, Right.FLEET)
    key = request.POST.get("key", "")[:100] or uuid4().hex
    try:
        made = actions.push_ours(drift=found, by=member, key=key, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
        return redirect("terminals:difference", found.pk)
    return redirect("terminals:detail", made.subject_id)


@htmx.object_view(own_difference, "POST")
def leave(request: HttpRequest, found: Drift) -> HttpResponse:
    """Leave it alone for some days."""
    member = member_with(request, Right.FLEET)
    asked = request.POST.get("days", "")
    days = int(asked) if asked.isascii() and asked.isdigit() and int(asked[:4]) in DAYS else DAYS[1]
    ignore_drift(drift=found, until=now() + timedelta(days=days), by=member)
    return redirect("terminals:differences")
