"""The trail, for those who may read it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from merchants.actions.trail import exported, listed, values_of
from merchants.columns import TRAIL
from merchants.filters import TrailFilter
from merchants.models import ACTIONS, AuditEntry, Door, Right
from merchants.queries import main_zone, member_with, saved_views, team_of, trail_for
from portal.lists import Listing, show


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """Who did and who saw what, newest first."""
    member = member_with(request, Right.TRAIL)
    zone = main_zone(member)
    chosen = TrailFilter(request.GET, trail_for(member), zone=zone)
    people = {str(each.user_id): str(each.user) for each in team_of(member)}

    def completed(rows: list[AuditEntry]) -> None:
        values = values_of(rows) if member.sees_personal else {}
        for row in rows:
            row.zone = zone  # type: ignore[attr-defined]
            row.values = values.get(row.pk, {})  # type: ignore[attr-defined]

    return show(
        Listing(request, TRAIL, chosen, {"actor": people}, completed=completed),
        exported=exported,
        seen=listed,
        freshness=[],
        views=saved_views(member, TRAIL.name),
        people=people.items(),
        actions=ACTIONS.items(),
        doors=Door.choices,
        zone=zone,
    )
