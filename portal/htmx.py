"""The ways a view answers: a page or its fragment, or «done»."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

Found = TypeVar("Found")


def object_view(
    load: Callable[[HttpRequest, int], Found], *methods: str
) -> Callable[[Callable[[HttpRequest, Found], HttpResponse]], Callable[..., HttpResponse]]:
    """A view of one object: load it first (404 where it is not theirs), then look at the verb.

    In this order an outsider gets the same 404 on every verb, and learns nothing from a 405.
    """

    def decorate(view: Callable[[HttpRequest, Found], HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, /, pk: int) -> HttpResponse:
            found = load(request, pk)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(request, found)

        return cast(Callable[..., HttpResponse], login_required(answer))

    return decorate


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page for a browser, only its fragment for htmx."""
    partial = fragment is not None and getattr(request, "htmx", False)
    name = f"{template}#{fragment}" if partial else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def unlisted(answer: HttpResponse, *, referrer: str) -> HttpResponse:
    """No copy is kept on the way, no search engine lists it; `referrer` is what links may say."""
    answer["Cache-Control"] = "no-store"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = referrer
    return answer


def done(request: HttpRequest, *, event: str, otherwise: str, **where: Any) -> HttpResponse:
    """Nothing more to show: an event for htmx, the next page for a plain browser."""
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Trigger": event})
    next_page: HttpResponse = redirect(otherwise, **where)
    return next_page
