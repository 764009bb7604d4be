"""The frame around every page: language, navigation, and the pages for what went wrong."""

import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, get_language_bidi, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from portal.api import answer_of, unknown
from portal.away import away
from portal.middleware import LANGUAGE_COOKIE, THEME_COOKIE

# Each theme's words and icon, in the order in which its button goes through them.
THEMES = {
    "auto": (_("Theme: as your device"), "half"),
    "light": (_("Theme: light"), "sun"),
    "dark": (_("Theme: dark"), "moon"),
}
YEAR = 365 * 24 * 3600
# The address's name, its words, its icon, and what the person must be allowed to.
NAVIGATION: list[tuple[Any, list[tuple[str, Any, str, str | None]]]] = [
    (None, [("home", _("Home"), "home", None)]),
    (
        _("Money"),
        [
            ("transactions:list", _("Transactions"), "list", "LOOK_UP"),
            ("transactions:sessions", _("Payment sessions"), "clock", "LOOK_UP"),
            ("transactions:desk", _("Payments desk"), "card", "LOOK_UP"),
            ("settlements:list", _("Reconciliations"), "scale", "FIGURES"),
            ("settlements:closing", _("Closing"), "lock", "FIGURES"),
            ("reports", _("Reports"), "download", "EXPORT"),
            ("changes", _("What changed"), "refresh", "FIGURES"),
        ],
    ),
    (
        _("Fleet"),
        [
            ("terminals:list", _("Terminals"), "terminal", "LOOK_UP"),
            ("terminals:differences", _("Differences"), "half", "LOOK_UP"),
            ("terminals:people", _("People"), "person", "LOOK_UP"),
            ("merchants:branches", _("Branches"), "store", "LOOK_UP"),
        ],
    ),
    (
        _("Set-up"),
        [
            ("merchants:accounts", _("Accounts & sync"), "plug", "ACCOUNTS"),
            ("merchants:team", _("Team"), "team", "TEAM"),
            ("merchants:tokens", _("Keys to the API"), "key", "TOKENS"),
            ("merchants:trail", _("Trail"), "trail", "TRAIL"),
        ],
    ),
]


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the layout shows on every page."""
    member = getattr(request, "member", None)
    match = getattr(request, "resolver_match", None)
    here = match.view_name if match else ""
    room = here.split(":")[0]
    groups = []
    for title, entries in NAVIGATION if member else []:
        links = [
            {
                "name": name,
                "label": label,
                "icon": icon,
                # A phone has room for a few; the rest stand behind «More».
                "rest": name not in FIRST,
                "current": name == here or (room and ":" in name and _of(here, name)),
            }
            for name, label, icon, right in entries
            if right is None or (member is not None and member.may(right))
        ]
        if links:
            groups.append({"title": title, "links": links})
    return {
        "navigation": groups,
        "member": member,
        "memberships": getattr(request, "memberships", []),
        "branches": getattr(request, "branches", []),
        "direction": "rtl" if get_language_bidi() else "ltr",
        "language": get_language(),
        "languages": settings.LANGUAGES,
        "theme": _theme(request),
        "sees_trail": member is not None and member.may("TRAIL"),
        "demo": settings.DEMO,
        "must_add": getattr(request, "must_add", False),
    }


FIRST = ("home", "transactions:list", "settlements:list", "terminals:list")
# Pages that stand under another one in the navigation.
UNDER = {
    "transactions:detail": "transactions:list",
    "transactions:slip": "transactions:list",
    "transactions:refund": "transactions:list",
    "transactions:till": "transactions:desk",
    "transactions:lost": "transactions:desk",
    "transactions:payment": "transactions:desk",
    "settlements:detail": "settlements:list",
    "settlements:month": "settlements:closing",
    "new-report": "reports",
    "report": "reports",
    "new-layout": "reports",
    "layout": "reports",
    "new-schedule": "reports",
    "schedule": "reports",
    "destinations": "reports",
    "journal": "reports",
    "terminals:detail": "terminals:list",
    "terminals:holders": "terminals:list",
    "terminals:new": "terminals:list",
    "terminals:describe": "terminals:list",
    "timeline": "terminals:list",
    "terminals:many": "terminals:list",
    "terminals:choose": "terminals:list",
    "terminals:change": "terminals:list",
    "terminals:all-operations": "terminals:list",
    "terminals:operation": "terminals:list",
    "terminals:difference": "terminals:differences",
    "terminals:new-branch": "merchants:branches",
    "terminals:person": "terminals:people",
    "merchants:branch": "merchants:branches",
    "merchants:account": "merchants:accounts",
    "merchants:connect": "merchants:accounts",
    "merchants:edit-account": "merchants:accounts",
    "merchants:remove-account": "merchants:accounts",
    "merchants:invite": "merchants:team",
    "merchants:change-member": "merchants:team",
    "merchants:new-role": "merchants:team",
    "merchants:change-role": "merchants:team",
}


def _of(here: str, name: str) -> bool:
    return UNDER.get(here) == name


def _theme(request: HttpRequest) -> dict[str, Any]:
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    name = chosen if chosen in THEMES else "auto"
    order = list(THEMES)
    label, icon = THEMES[name]
    return {
        "name": name,
        "label": label,
        "icon": icon,
        "next": order[(order.index(name) + 1) % len(order)],
    }


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Remember the person's language on this device."""
    return _remember(request, LANGUAGE_COOKIE, "language", dict(settings.LANGUAGES))


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember the person's theme on this device."""
    return _remember(request, THEME_COOKIE, "theme", THEMES)


def back(request: HttpRequest) -> str:
    """The page that a form was sent from, where it is one of ours."""
    asked: str = request.POST.get("next", "/")
    ours = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()})
    return asked if ours else "/"


def _remember(
    request: HttpRequest, cookie: str, field: str, offered: Mapping[str, Any]
) -> HttpResponse:
    chosen = request.POST.get(field, "")
    response = redirect(back(request))
    if chosen in offered:
        secure = not settings.PLAIN_HTTP
        response.set_cookie(
            cookie, chosen, max_age=YEAR, samesite="Lax", secure=secure, httponly=True
        )
    return response


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """For a proxy or a supervisor: this process answers. Says nothing of anybody's rows."""
    return JsonResponse({"alive": True})


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    context = {"reason": str(exception)}
    return render(request, "403.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return unknown(request)
    return render(request, "404.html", status=404)


def failed(request: HttpRequest) -> HttpResponse:
    # Called while the exception is handled. A database that is away comes back.
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return away(request, gettext("The database does not answer at the moment."))
    if request.path.startswith("/api/"):
        return answer_of(500, "The portal failed; its log says more.")
    return render(request, "500.html", status=500)


def not_right(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that cannot be read, by a view's word or Django's own."""
    if request.path.startswith("/api/"):
        return answer_of(400, "The request cannot be read.")
    if isinstance(exception, BadRequest):
        return render(request, "400.html", status=400)
    # What Django refuses, an unknown host for one, is not built a page from.
    return HttpResponse("The request cannot be read.", status=400, content_type="text/plain")
