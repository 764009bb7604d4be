"""As whom a person acts: one membership at a time, fixed for a request."""

from collections.abc import Callable
from time import time

from allauth.account.adapter import get_adapter
from allauth.account.authentication import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    get_authentication_records,
)
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve
from django.utils.functional import SimpleLazyObject

from merchants.actions.signing import FACTORED
from merchants.actions.trail import Scene, acting
from merchants.models import Door, Membership
from merchants.queries import CHOSEN, CHOSEN_BRANCH, MOST_BRANCHES, branches_for, memberships_of
from portal.client import client_address
from portal.isolation import Scope, within

# A session's use is written at most this often, in seconds.
USE_IS_NOTED_AFTER = 30
Answer = Callable[[HttpRequest], HttpResponse]


def sessions(get_response: Answer) -> Answer:
    """End a session that nobody has used for a while, or that has lasted a day's work.

    What a page asks for by itself, as it does every minute, is nobody's use of it.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            moment = int(time())
            began = request.session.setdefault("began", moment)
            used = request.session.setdefault("used", moment)
            idle = moment - used > settings.SESSION_IDLE
            if idle or moment - began > settings.SESSION_LONGEST:
                own = Scene(Door.PAGE, request.user, None, client_address(request))
                with acting(own):
                    logout(request)
            elif "X-Poll" not in request.headers and moment - used >= USE_IS_NOTED_AFTER:
                request.session["used"] = moment
        before = _confirmations(request)
        response = get_response(request)
        if _confirmations(request) > before and request.user.is_authenticated:
            # Whoever was asked again and answered may do more: under another session id.
            request.session.cycle_key()
        return response

    return answer


def _confirmations(request: HttpRequest) -> int:
    return len(request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, ()))


def membership(get_response: Answer) -> Answer:
    """Set `request.member`: the membership that was chosen, else the first, else None.

    Its `here` is the branch to which the person keeps lists and figures."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.member = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        request.branches = []  # type: ignore[attr-defined]
        user = request.user if request.user.is_authenticated else None
        member = None
        if user is not None:
            own = memberships_of(user)
            member = _pick(own, request.session.get(CHOSEN))
            request.memberships, request.member = own, member  # type: ignore[attr-defined]
        here = Scene(Door.PAGE, user, member, client_address(request))
        scope = Scope(member.merchant_id if member else None, user.pk if user else None)
        with acting(here), within(scope):
            if member is not None:
                _look_from(request, member)
            return get_response(request)

    return answer


def _look_from(request: HttpRequest, member: Membership) -> None:
    """The branches that the person may choose from, and the one that they have chosen."""
    if branch := request.session.get(CHOSEN_BRANCH):
        member.here = branches_for(member).filter(pk=branch).first()
    # Looked up once, and only by a page that offers them.
    request.branches = SimpleLazyObject(  # type: ignore[attr-defined]
        lambda: list(branches_for(member).order_by("name", "pk")[:MOST_BRANCHES])
    )


# What somebody without their second factor may still do: add it, or leave.
WITHOUT_FACTOR = ("mfa_", "account_", "sign-out", "language", "theme", "alive", "set-password")


def second_factor(get_response: Answer) -> Answer:
    """Ask those who see money or people for a second factor before anything else."""

    def answer(request: HttpRequest) -> HttpResponse:
        lacking = settings.SECOND_FACTOR_FORCED and lacks_factor(request)
        # The page where one is added says why one is kept there.
        request.must_add = lacking  # type: ignore[attr-defined]
        if lacking:
            name = resolve(request.path_info).view_name or ""
            if not name.startswith(WITHOUT_FACTOR):
                page = redirect(_where_to_show_it(request))
                if "HX-Request" in request.headers:
                    return HttpResponse(status=204, headers={"HX-Redirect": page["Location"]})
                return page
        return get_response(request)

    return answer


def lacks_factor(request: HttpRequest) -> bool:
    """Whether the person must have a second factor and has not shown one in this session."""
    if not request.user.is_authenticated:
        return False
    if not any(member.needs_factor for member in request.memberships):  # type: ignore[attr-defined]
        return False
    records = get_authentication_records(request, request.user)
    shown = any(record["method"] == "mfa" for record in records)
    return not shown and not request.session.get(FACTORED)


def _where_to_show_it(request: HttpRequest) -> str:
    """Where one that the person has is asked for, or else where one is added."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    own = [each["url"] for each in methods if each["id"].startswith("mfa")]
    return f"{own[0]}?next=/" if own else "mfa_index"


def _pick(own: list[Membership], chosen: int | None) -> Membership | None:
    return next((each for each in own if each.pk == chosen), own[0] if own else None)
