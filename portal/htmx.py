"""The ways a view answers: a page or its fragment, or «done»."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

O = TypeVar("O")


def object_view(
    load: Callable[[HttpRequest, int], O], *methods: str
) -> Callable[[Callable[[HttpRequest, O], HttpResponse]], Callable[..., HttpResponse]]:
    """A view of one object: load it first (404 where it is not theirs), then look at the verb.

    In this order an outsider gets the same 404 on every verb, and learns nothing from a 405.
    """

    def decorate(view: Callable[[HttpRequest, O], HttpResponse]) -> Callable[..., HttpResponse]:
        @login_required
        @wraps(view)
        def answer(request: HttpRequest, pk: int) -> HttpResponse:
            found = load(request, pk)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(request, found)

        return answer

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


def done(request: HttpRequest, *, event: str, otherwise: str, **where: Any) -> HttpResponse:
    """Nothing more to show: an event for htmx, the next page for a plain browser."""
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Trigger": event})
    return redirect(otherwise, **where)
