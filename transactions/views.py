"""Transactions, and one with its receipts."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from merchants.queries import branches_for, freshness_of, member_of
from portal import htmx, keyset
from portal.lists import listed
from providers.base.registry import words
from transactions import queries
from transactions.filters import TransactionFilter
from transactions.models import Kind, Scheme, Status, Transaction
from transactions.receipts import unpack

ORDER = keyset.Keys("occurred_at")


@login_required
@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """Transactions, newest first, narrowed by what stands in the address."""
    member = member_of(request)
    chosen = TransactionFilter(request.GET, queries.transactions_for(member))
    context = {
        "page": listed(request, chosen, ORDER), "filter": chosen, "freshness": freshness_of(member),
        "branches": branches_for(member).order_by("name", "pk"), "kinds": Kind.choices,
        "statuses": Status.choices, "schemes": Scheme.choices,
    }  # fmt: skip
    return htmx.page(request, "transactions/list.html", context, fragment="rows")


def own_transaction(request: HttpRequest, pk: int) -> Transaction:
    """The transaction, 404 for whoever may not see it."""
    return get_object_or_404(
        queries.transactions_for(member_of(request)).select_related("device"), pk=pk
    )


@htmx.object_view(own_transaction, "GET", "HEAD")
def detail(request: HttpRequest, found: Transaction) -> HttpResponse:
    receipts = [
        {"kind": each.kind, "number": each.position + 1, "printed": unpack(each)}
        for each in queries.receipts_of(found)
    ]
    context = {
        "transaction": found,
        "receipts": receipts,
        "reason": _reason(found),
        "zone": found.branch.zone if found.branch else None,
        "sees_personal": member_of(request).sees_personal,
    }
    return htmx.page(request, "transactions/detail.html", context)


def _reason(found: Transaction) -> dict[str, str] | None:
    """Why it was declined, and what to tell the customer, in the reader's language."""
    if found.status != Status.DECLINED or not found.action_code:
        return None
    known = words(found.account.provider, get_language() or "en")["declines"]
    reason: dict[str, str] = known.get(found.action_code) or known["other"]
    return reason
