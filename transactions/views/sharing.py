"""A receipt as a file, handed to a customer, withdrawn; and what people note about it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from merchants.actions.accounts import opened
from merchants.actions.operations import is_offered
from merchants.actions.trail import saw
from merchants.models import Right
from merchants.queries import member_of, member_with
from portal import htmx
from portal.paper import qr
from providers.base.errors import ProviderFailure
from providers.base.http import Limits
from providers.base.provider import LinksReceipts
from transactions import actions, queries
from transactions.forms import NoteForm, ShareReceipt, WithdrawReceipt
from transactions.models import SharedReceipt, Transaction
from transactions.paper import PAPERS, pdf_answer
from transactions.receipts import shown_to
from transactions.views import own_transaction

# The session's key for a link that was just made: it is shown once.
JUST_MADE = "shared-receipt"


@htmx.object_view(own_transaction, "GET", "HEAD")
def pdf(request: HttpRequest, found: Transaction) -> HttpResponse:
    """The receipts as a PDF: `?paper=a4` or `80`."""
    member = member_with(request, Right.LOOK_UP)
    paper = request.GET.get("paper", "a4")
    if paper not in PAPERS:
        paper = "a4"
    saw("receipt.seen", found, paper=f"PDF {paper}")
    printed = [shown_to(member, each) for each in queries.receipts_of(found)]
    if not printed:
        messages.info(request, _("The provider gave no receipt."))
        return redirect("transactions:detail", found.pk)
    return pdf_answer(request, found, printed, paper)


@htmx.object_view(own_transaction, "GET", "HEAD")
def at_provider(request: HttpRequest, found: Transaction) -> HttpResponse:
    """The way to the provider's own pages of the receipts, which open for whoever has the address.

    They show the card's first six digits, so that right is needed; no browser fetches them ahead.
    """
    member_with(request, Right.CARDS)
    if "prefetch" in (request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")):
        raise PermissionDenied
    links, problem = [], ""
    receipts = queries.receipts_of(found)
    if is_offered(found.account, LinksReceipts) and receipts:
        saw("receipt.seen", found, paper=found.account.title)
        try:
            with opened(found.account, Limits(tries=1)) as connector:
                links = [connector.receipt_link(each.ref) for each in receipts]  # type: ignore[attr-defined]
        except ProviderFailure as failure:
            # The account's address is none that may be named any more.
            problem = str(failure)
    context = {"transaction": found, "links": links, "problem": problem}
    answer = htmx.page(request, "transactions/elsewhere.html", context)
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def share(request: HttpRequest, found: Transaction) -> HttpResponse:
    """Make a link for the customer; those that were made, and how often each was opened."""
    member = member_with(request, Right.LOOK_UP)
    form = ShareReceipt(request.POST or None)
    if form.is_valid():
        days = int(form.cleaned_data["days"])
        made, secret = actions.share_receipt(found=found, by=member, days=days, at=now())
        request.session[f"{JUST_MADE}-{found.pk}"] = secret
        if email := form.cleaned_data["email"]:
            link = request.build_absolute_uri(reverse("shared", args=[secret]))
            actions.mail_receipt(share=made, link=link, email=email, by=member)
            messages.success(request, _("The receipt is on its way."))
        return redirect("transactions:share", found.pk)
    key = f"{JUST_MADE}-{found.pk}"
    fresh = request.session.pop(key, None) if request.method == "GET" else None
    link = request.build_absolute_uri(reverse("shared", args=[fresh])) if fresh else ""
    context = {
        "transaction": found, "form": form, "link": link, "code": qr(link) if link else "",
        "shares": queries.shares_of(found), "now": now(),
    }  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/share.html", context, status=status)


def own_share(request: HttpRequest, pk: int) -> SharedReceipt:
    """The link, 404 for whoever may not see its transaction."""
    seen = queries.transactions_for(member_of(request)).values("pk")
    rows = SharedReceipt.objects.select_related("transaction")
    return get_object_or_404(rows, pk=pk, transaction__in=seen)


@htmx.object_view(own_share, "POST")
def revoke(request: HttpRequest, found: SharedReceipt) -> HttpResponse:
    """Let the link open nothing from now on."""
    actions.revoke_share(share=found, by=member_with(request, Right.LOOK_UP), at=now())
    messages.success(request, _("The link opens nothing any more."))
    return redirect("transactions:share", found.transaction_id)


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def withdraw(request: HttpRequest, found: Transaction) -> HttpResponse:
    """Say that every paper of this transaction is worth nothing, with a reason."""
    member = member_with(request, Right.PAYMENTS)
    form = WithdrawReceipt(request.POST or None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        count = actions.withdraw_receipt(found=found, by=member, reason=reason, at=now())
        if count:
            messages.success(request, _("Its papers are withdrawn."))
        return redirect("transactions:detail", found.pk)
    context = {"transaction": found, "form": form, "papers": queries.papers_of(found)}
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/withdraw.html", context, status=status)


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def note(request: HttpRequest, found: Transaction) -> HttpResponse:
    """What was noted about it, and a form for more: words, the number of a case, a tag."""
    member = member_with(request, Right.LOOK_UP)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        said = form.cleaned_data
        actions.add_note(
            found=found, by=member, text=said["note"], case=said["case"], tag=said["tag"], at=now()
        )
        return redirect(f"{reverse('transactions:detail', args=[found.pk])}#notes")
    context = {"transaction": found, "form": form, "notes": queries.notes_of(found)}
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/note.html", context, status=status)
