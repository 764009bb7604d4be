"""Transactions, and one with its receipts."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.operations import is_offered
from merchants.actions.trail import exported, listed, saw
from merchants.models import Membership, Right
from merchants.queries import (
    branch_names,
    freshness_of,
    in_branch,
    member_of,
    member_with,
    saved_views,
)
from portal import htmx
from portal.columns import major
from portal.lists import Listing, show
from providers.base.provider import LinksReceipts, TakesPayments
from providers.base.registry import said, words
from terminals.queries import held_then, holding_then, terminal_users_for, terminals_for
from transactions import queries
from transactions.columns import TRANSACTIONS
from transactions.events import events_of
from transactions.filters import TransactionFilter
from transactions.models import Kind, Receipt, Scheme, Status, Transaction
from transactions.possible import possible_of
from transactions.receipts import shown_to


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """Transactions, narrowed, sorted and with the columns that stand in the address."""
    member = member_with(request, Right.LOOK_UP)
    rows = queries.transactions_for(member).filter(in_branch(request))
    chosen = TransactionFilter(request.GET, rows)
    listing = Listing(request, TRANSACTIONS, chosen, _names(request, member))
    return show(
        listing, exported=exported, seen=listed, net=lambda: queries.net_of(listing.page.rows),
        freshness=freshness_of(member), views=saved_views(member, TRANSACTIONS.name),
        kinds=Kind.choices, statuses=Status.choices, schemes=Scheme.choices,
    )  # fmt: skip


def _names(request: HttpRequest, member: Membership) -> dict[str, dict[str, str]]:
    """What the numbers in the address stand for, where there are any."""
    names: dict[str, dict[str, str]] = {}
    if request.GET.get("branch"):
        names["branch"] = branch_names(request)
    for key, found, field in (
        ("terminal", terminals_for, "tid"),
        ("terminal_user", terminal_users_for, "shown"),
    ):
        asked = request.GET.get(key, "")
        if asked.isascii() and asked.isdigit() and len(asked) < 19:
            own: Any = found(member).filter(pk=int(asked)).first()
            names[key] = {asked: getattr(own, field) if own else asked}
    return names


def own_transaction(request: HttpRequest, pk: int) -> Transaction:
    """The transaction, 404 for whoever may not see it."""
    rows = queries.transactions_for(member_of(request)).select_related("device")
    return get_object_or_404(rows.annotate(holding=holding_then("occurred_at")), pk=pk)


@htmx.object_view(own_transaction, "GET", "HEAD")
def detail(request: HttpRequest, found: Transaction) -> HttpResponse:
    """What happened in time, the receipts, the plain facts, and what belongs to it.

    `?peek` is what a list shows of a row that one looks at.
    """
    member = member_with(request, Right.LOOK_UP)
    if "peek" in request.GET:
        return htmx.page(request, "transactions/peek.html", {"transaction": found})
    saw("receipt.seen", found)
    zone = found.branch.zone if found.branch else None
    receipts, same_card = queries.receipts_and_same_card(member, found)
    slips = _slips(member, receipts)
    around = queries.neighbours_of(member, found)
    held, held_since = held_then(getattr(found, "holding", None)) or (None, None)
    context = {
        "transaction": found, "receipts": slips, "zone": zone,
        "reasons": _reasons(found), "before": around.before, "after": around.after,
        "events": events_of(member, found, slips, queries.session_of(member, found), around.after),
        "same_reference": queries.of_same_reference(member, found),
        "same_card": same_card, "may_refund": member.may(Right.PAYMENTS),
        "possible": possible_of(found, around.purchase), "chat": _for_chat(found),
        "held": held, "held_since": held_since, **_in_words(found),
        "may_reveal": member.may(Right.REVEAL) and not member.sees_personal,
        "in_steps": found.status in (Status.PENDING, Status.AUTHORISED)
        and is_offered(found.account, TakesPayments),
        "at_provider": member.may(Right.CARDS) and is_offered(found.account, LinksReceipts),
    }  # fmt: skip
    return htmx.page(request, "transactions/detail.html", context)


@htmx.object_view(own_transaction, "GET", "HEAD")
def slip(request: HttpRequest, found: Transaction) -> HttpResponse:
    """The receipts alone, as wide as the paper of a till."""
    member = member_with(request, Right.LOOK_UP)
    saw("receipt.seen", found, paper="80 mm")
    context = {"transaction": found, "receipts": _slips(member, queries.receipts_of(found))}
    return htmx.page(request, "transactions/slip.html", context)


def _slips(member: Membership, receipts: list[Receipt]) -> list[dict[str, Any]]:
    return [
        {"kind": each.kind, "number": each.position + 1, "printed": shown_to(member, each)}
        for each in receipts
    ]


def _in_words(found: Transaction) -> dict[str, str]:
    """What the provider says in its own capitals, in the reader's language."""
    device = found.device.kind if found.device else None
    texts = {"entry": found.entry_mode, "verification": found.verification, "device_kind": device}
    language = get_language() or "en"
    return {name: said(found.account.provider, language, raw) for name, raw in texts.items()}


def _for_chat(found: Transaction) -> str:
    """The facts that a colleague or a provider asks for, in one line."""
    zone = ZoneInfo(found.branch.zone if found.branch else "UTC")
    facts = [
        f"{found.get_kind_display()}, {found.get_status_display()}",
        f"{major(found.signed_minor, found.currency)} {found.currency}",
        f"{found.occurred_at.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}",
        f"{found.get_scheme_display()} {found.pan_last4 or ''}".strip(),
        *(f"{name} {value}" for name, value in (
            ("RRN", found.rrn), ("STAN", found.stan), (_("approval code"), found.approval_code),
            ("TID", found.terminal.tid if found.terminal else None),
        ) if value),
        found.ref,
    ]  # fmt: skip
    return " · ".join(facts)


def _reasons(found: Transaction) -> list[dict[str, str]]:
    """Why it was declined and what to tell the customer: the reader's language, then the other."""
    if found.status != Status.DECLINED or not found.action_code:
        return []
    here = get_language() or "en"
    reasons = []
    for language in (here, "ar" if here == "en" else "en"):
        known = words(found.account.provider, language)["declines"]
        reason: dict[str, str] = known.get(found.action_code) or known["other"]
        reasons.append(
            {**reason, "language": language, "dir": "rtl" if language == "ar" else "ltr"}
        )
    return reasons
