"""As whom a person acts: one membership at a time, fixed for a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from merchants.models import Membership
from merchants.queries import CHOSEN, memberships_of

Answer = Callable[[HttpRequest], HttpResponse]


def membership(get_response: Answer) -> Answer:
    """Set `request.member`: the membership that was chosen, else the first, else None."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.member = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            own = list(memberships_of(request.user))
            chosen = request.session.get(CHOSEN)
            request.memberships = own  # type: ignore[attr-defined]
            request.member = _pick(own, chosen)  # type: ignore[attr-defined]
        return get_response(request)

    return answer


def _pick(own: list[Membership], chosen: int | None) -> Membership | None:
    return next((each for each in own if each.pk == chosen), own[0] if own else None)
