"""As whom a person acts: one membership at a time, fixed for a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from merchants.actions.trail import Scene, acting
from merchants.models import Door, Membership
from merchants.queries import CHOSEN, CHOSEN_BRANCH, branches_for, memberships_of
from portal.client import client_address

# A choice of more than these is made by searching.
MOST_BRANCHES = 500
Answer = Callable[[HttpRequest], HttpResponse]


def membership(get_response: Answer) -> Answer:
    """Set `request.member`: the membership that was chosen, else the first, else None.

    Its `here` is the branch to which the person keeps lists and figures."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.member = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        request.branches = []  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            own = list(memberships_of(request.user))
            chosen = request.session.get(CHOSEN)
            request.memberships = own  # type: ignore[attr-defined]
            member = _pick(own, chosen)
            if member is not None and (branch := request.session.get(CHOSEN_BRANCH)):
                member.here = branches_for(member).filter(pk=branch).first()
            request.member = member  # type: ignore[attr-defined]
            if member is not None:
                # Looked up once, and only by a page that offers them.
                request.branches = SimpleLazyObject(  # type: ignore[attr-defined]
                    lambda: list(branches_for(member).order_by("name", "pk")[:MOST_BRANCHES])
                )
        user = request.user if request.user.is_authenticated else None
        here = Scene(Door.PAGE, user, request.member, client_address(request))  # type: ignore[attr-defined]
        with acting(here):
            return get_response(request)

    return answer


def _pick(own: list[Membership], chosen: int | None) -> Membership | None:
    return next((each for each in own if each.pk == chosen), own[0] if own else None)
