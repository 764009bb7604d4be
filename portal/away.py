"""What is said while the portal is not to be had."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_bidi

from portal.api import answer_of

RETRY_SECONDS = 60


def away(request: HttpRequest, why: str) -> HttpResponse:
    """The portal is not to be had for a while; made without the database."""
    if request.path.startswith("/api/"):
        response: HttpResponse = answer_of(503, why)
    else:
        text = render_to_string(
            "503.html",
            {
                "why": why,
                "here": request.get_full_path(),
                "language": get_language() or "en",
                "direction": "rtl" if get_language_bidi() else "ltr",
            },
        )
        response = HttpResponse(text, status=503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response
