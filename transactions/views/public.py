"""What anybody may open: a receipt by its link, and whether a receipt is genuine."""

from typing import Any

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from merchants.queries import merchant_that_answers
from portal import htmx, isolation
from transactions import actions, queries
from transactions.actions.sharing import note_opened
from transactions.forms import CheckReceipt
from transactions.models import SharedReceipt, Transaction
from transactions.paper import PAPERS, pdf_answer
from transactions.receipts import shown_to_anybody
from transactions.worth import is_confirmed, worth_of

OVER = "transactions/over.html"


def _private(answer: HttpResponse) -> HttpResponse:
    return htmx.unlisted(answer, referrer="no-referrer")


@require_safe
def shared(request: HttpRequest, secret: str) -> HttpResponse:
    """The receipts of one transaction, and nothing else, to whoever has the link."""
    share = actions.shared_by(secret, now())
    if share is None:
        return _private(htmx.page(request, OVER, {}, status=404))
    with isolation.of(share.merchant_id):
        found, printed = _shown(share)
        note_opened(share=share, at=now())
        context = {"share": share, "transaction": found, "receipts": printed, "secret": secret}
        return _private(htmx.page(request, "transactions/shared.html", context))


@require_safe
def shared_pdf(request: HttpRequest, secret: str) -> HttpResponse:
    """The same as a file to keep."""
    share = actions.shared_by(secret, now())
    if share is None:
        return _private(htmx.page(request, OVER, {}, status=404))
    with isolation.of(share.merchant_id):
        found, printed = _shown(share)
        note_opened(share=share, at=now())
        paper = request.GET.get("paper", "")
        return _private(
            pdf_answer(request, found, printed, paper if paper in PAPERS else PAPERS[0])
        )


def _shown(share: SharedReceipt) -> tuple[Transaction, list[dict[str, str]]]:
    rows = Transaction.objects.select_related("branch", "merchant", "account")
    found = rows.get(pk=share.transaction_id)
    return found, [shown_to_anybody(each) for each in queries.receipts_of(found)]


@require_safe
def genuine(request: HttpRequest, code: str) -> HttpResponse:
    """What the code on a receipt is worth: genuine, of another amount, withdrawn, or not ours."""
    verdict = worth_of(code)
    status = 404 if verdict.said == "UNKNOWN" else 200
    context: dict[str, Any] = {"verdict": verdict}
    return _private(htmx.page(request, "transactions/genuine.html", context, status=status))


@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Whether the merchant took a payment with this RRN, amount and date: yes, or not to be said.

    Wrong, foreign and absent are answered alike, and with the same work.
    """
    merchant = merchant_that_answers(slug)
    if merchant is None:
        return _private(htmx.page(request, OVER, {}, status=404))
    form = CheckReceipt(request.POST or None)
    context: dict[str, Any] = {"form": form, "merchant": merchant, "slug": slug}
    if request.method == "POST" and form.is_valid():
        limits = {"check": settings.CHECK_LIMITS}
        if (
            ratelimit.consume(request, app="portal", action="check", config=limits, key=slug)
            is None
        ):
            context["many"] = True
            return _private(htmx.page(request, "transactions/check.html", context, status=429))
        context["confirmed"] = is_confirmed(merchant, **form.cleaned_data)
        context["checked"] = True
    status = 422 if form.errors else 200
    return _private(htmx.page(request, "transactions/check.html", context, status=status))
