"""What every request passes: the person's language, and no copies of what they see."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import translation
from django.utils.translation import gettext

from portal import isolation
from portal.away import away

Answer = Callable[[HttpRequest], HttpResponse]
LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"


def language(get_response: Answer) -> Answer:
    """Answer in the language the person chose, else the browser's, else English."""
    offered = dict(settings.LANGUAGES)

    def answer(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(LANGUAGE_COOKIE, "")
        if chosen not in offered:
            chosen = translation.get_language_from_request(request)
        with translation.override(chosen):
            request.LANGUAGE_CODE = chosen
            response = get_response(request)
        response.headers.setdefault("Content-Language", chosen)
        return response

    return answer


def only_here(get_response: Answer) -> Answer:
    """The demo's passwords are published, so it answers this machine alone."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.DEMO and request.META.get("REMOTE_ADDR") not in ("127.0.0.1", "::1"):
            return HttpResponse("The demo answers its own machine only.", status=403)
        return get_response(request)

    return answer


def maintained(get_response: Answer) -> Answer:
    """While MAINTENANCE is set, say so instead of anything else; a supervisor is still answered."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.MAINTENANCE and request.path != "/alive/":
            return away(request, gettext("The portal is being maintained."))
        return get_response(request)

    return answer


def lost(get_response: Answer) -> Answer:
    """Tell a fragment's request that its session is over: the sign-in page is no fragment."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        away_to = response.headers.get("Location", "")
        if "HX-Request" in request.headers and away_to.startswith(resolve_url(settings.LOGIN_URL)):
            return HttpResponse(status=401)
        return response

    return answer


def private(get_response: Answer) -> Answer:
    """Keep what a signed-in person sees out of every cache (ASVS 14.3.2)."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        signed_in = request.user.is_authenticated or "Authorization" in request.headers
        if signed_in and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store, private"
        return response

    return answer


def unscoped(get_response: Answer) -> Answer:
    """See no merchant's rows until it is known who asks."""

    def answer(request: HttpRequest) -> HttpResponse:
        with isolation.nobody():
            return get_response(request)

    return answer
