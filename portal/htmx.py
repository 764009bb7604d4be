"""The ways a view answers: a page or its fragment, or «done»."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers


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
