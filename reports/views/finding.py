"""The one search box: as somebody types, as a page, and reading what is missing."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from merchants.actions.trail import searched
from merchants.models import Membership, Right
from merchants.queries import member_with
from portal import htmx
from portal.templatetags.show import query_of
from providers.base.reading import without_cards
from reports.search import Found, complete, search
from reports.search.complete import completeness_of, stretch_of

SHOWN_LIVE = 6
PAGES = {
    "Transaction": "transactions:detail", "Terminal": "terminals:detail",
    "TerminalUser": "terminals:person", "Branch": "merchants:branch",
    "Reconciliation": "settlements:detail",
}  # fmt: skip


@login_required
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """What fits a text, each with its reason; where it is one thing, that thing.

    `?live` is what stands under the box while somebody types. Where nothing fits, what nearly
    does, and whether the time asked about is complete.
    """
    member = member_with(request, Right.LOOK_UP)
    moment = now()
    found = search(member, request.GET.get("q", ""), moment)
    live = "live" in request.GET
    # A page that looks again by itself is the same look.
    if found.text and "X-Poll" not in request.headers:
        searched(found.text, found.count, by_mobile=found.by_mobile)
    page = not live and not getattr(request, "htmx", False)
    if page and without_cards(typed := request.GET.get("q", "")) != typed and found.text != typed:
        # No whole card number stays in an address.
        return redirect(f"{reverse('search')}?{query_of(q=found.text)}")
    if page and (only := _only(found)) is not None:
        return redirect(PAGES[type(only).__name__], pk=only.pk)
    context: dict[str, Any] = {"found": found, "things": _described(found)}
    if live:
        context |= {"few": found.hits[:SHOWN_LIVE], "near": found.near[:2]}
        return htmx.page(request, "reports/found.html", context, fragment="live")
    if not found.count:
        begin, end = stretch_of(found.parts, found.zone, moment)
        context["complete"] = known = completeness_of(member, begin, end, moment)
        context["freshness"] = [each.of for each in known]
        context["missing"] = any(not each.whole and not each.of.running for each in known)
        context["fetching"] = "fetching" in request.GET and complete.is_fetching(member)
    return htmx.page(request, "reports/found.html", context, fragment="answer")


def _only(found: Found) -> Any:
    """The one thing that fits, where it has a page of its own."""
    things = [*found.transactions, *found.things]
    own = things[0] if len(things) == 1 else None
    return own if type(own).__name__ in PAGES else None


def _described(found: Found) -> list[dict[str, Any]]:
    """What fits beside transactions: its kind, its page and what to call it."""
    kinds = {"Branch": "store", "Terminal": "terminal", "TerminalUser": "person",
             "Session": "clock", "Reconciliation": "scale"}  # fmt: skip
    described = []
    for each in found.things:
        name = type(each).__name__
        url = reverse(PAGES[name], args=[each.pk]) if name in PAGES else ""
        described.append({"kind": name, "icon": kinds[name], "url": url, "row": each})
    return described


@login_required
@require_POST
def fetch(request: HttpRequest) -> HttpResponse:
    """Read from the providers what is missing of the time asked about, then look again."""
    member: Membership = member_with(request, Right.LOOK_UP)
    moment, text = now(), request.POST.get("q", "")
    found = search(member, text, moment)
    begin, end = stretch_of(found.parts, found.zone, moment)
    if not complete.fetch(member, begin, end, moment):
        messages.info(request, _("Nothing is missing that could be read now."))
        return redirect(f"{reverse('search')}?{query_of(q=found.text)}")
    return redirect(f"{reverse('search')}?{query_of(q=found.text, fetching=1)}")
