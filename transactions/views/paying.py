"""The payments desk: what is not over yet, and what can be done with it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.operations import open_of
from merchants.models import Operation, Right
from merchants.queries import freshness_of, in_branch, member_of, member_with, operations_of
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from providers.base.money import major_text
from providers.base.registry import said
from transactions import actions, queries
from transactions.forms import EndPayment
from transactions.models import Kind, Status, Transaction
from transactions.views import own_transaction

SHOWN_OPERATIONS = 10


@login_required
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Work-lists: payments that are stuck, reservations and refunds with their deadlines."""
    member = member_with(request, Right.LOOK_UP)
    moment = now()
    rows = queries.not_over(member).filter(in_branch(request))
    lists = queries.work_lists(rows, moment)
    context = {
        "lists": lists, "moment": moment, "freshness": freshness_of(member),
        "may_pay": member.may(Right.PAYMENTS), "terminals": queries.paying_terminals(member),
    }  # fmt: skip
    return htmx.page(request, "transactions/desk.html", context)


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def payment(request: HttpRequest, found: Transaction) -> HttpResponse:
    """One payment or refund that is not over: captured, cancelled, or told its amount."""
    member = member_with(request, Right.PAYMENTS)
    if not is_confirmed(request):
        return ask_again(request)
    first: dict[str, Any] = {"key": uuid4().hex}
    if found.status == Status.AUTHORISED:
        first["amount"] = major_text(found.authorised_minor or 0, found.currency)
    form = EndPayment(request.POST or None, currency=found.currency, initial=first)
    if form.is_valid():
        try:
            _do(request, found, form, now())
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Asked. What becomes of it stands below."))
            return redirect("transactions:payment", found.pk)
    context = {
        "transaction": found, "form": form, "doing": _possible(found),
        "open": open_of(found), "operations": list(operations_of(found)[:SHOWN_OPERATIONS]),
        "deadline": queries.deadline_of(found), "zone": found.branch.zone if found.branch else None,
        "state": said(found.account.provider, get_language() or "en", found.provider_status),
        "moment": now(), "member": member,
    }  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/payment.html", context, fragment="live", status=status)


def _possible(found: Transaction) -> frozenset[str]:
    """What can be done with it as it is."""
    if found.kind == Kind.REFUND:
        own = {"complete", "cancel-refund"} if found.status == Status.AUTHORISED else set()
    elif found.status == Status.AUTHORISED:
        own = {"capture", "cancel"}
    elif found.status == Status.PENDING:
        own = {"cancel"} if found.amount_minor else {"ready", "cancel"}
    else:
        own = set()
    return frozenset(own)


def _do(request: HttpRequest, found: Transaction, form: EndPayment, at: datetime) -> Operation:
    """What the button says. Raises Conflict."""
    doing = request.POST.get("do", "")
    wish: dict[str, Any] = {"by": member_of(request), "key": form.cleaned_data["key"], "at": at}
    amount = form.cleaned_data["amount"]
    if doing in ("capture", "ready") and amount is None:
        raise actions.NotPossible(_("Say how much."))
    if doing == "capture":
        return actions.capture_payment(payment=found, amount=amount, **wish)
    if doing == "ready":
        return actions.ready_payment(payment=found, amount=amount, **wish)
    if doing == "cancel":
        return actions.cancel_payment(payment=found, **wish)
    return actions.end_refund(refund=found, done=doing == "complete", **wish)
