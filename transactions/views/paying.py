"""The payments desk: what is not over yet, and what can be done with it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants.actions.accounts import opened
from merchants.actions.operations import is_offered, need_called, open_of
from merchants.models import Operation, Right
from merchants.queries import freshness_of, in_branch, member_of, member_with, operations_of
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from portal.paper import qr
from providers.base.errors import ProviderFailure
from providers.base.money import major_text
from providers.base.provider import SeesCustomers, ShowsCodes, TakesPayments
from providers.base.registry import said
from terminals.actions import need_reachable
from terminals.models import Terminal
from terminals.queries import own_terminal
from transactions import actions, queries
from transactions.forms import EndPayment, LostPayment
from transactions.models import Kind, Status, Transaction
from transactions.views import own_transaction

SHOWN_OPERATIONS, MOST_TERMINALS = 10, 100
# No phone reads a longer code from a screen.
LONGEST_CODE = 500


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
        "may_pay": member.may(Right.PAYMENTS),
        "terminals": queries.paying_terminals(member)[:MOST_TERMINALS],
    }  # fmt: skip
    return htmx.page(request, "transactions/desk.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def lost(request: HttpRequest) -> HttpResponse:
    """Payments that are not here, asked for by the till's number of the order, or the last ones."""
    member = member_with(request, Right.PAYMENTS)
    own, initial = queries.paying_terminals(member), {"tid": request.GET.get("tid", "")}
    form = LostPayment(request.POST or None, terminals=own, initial=initial)
    if form.is_valid():
        there, order = form.cleaned_data["terminals"], form.cleaned_data["order"]
        try:
            found = [
                each
                for terminal in there
                for each in actions.recover_payments(
                    terminal=terminal, order=order, by=member, at=now()
                )
            ]
        except ProviderFailure as failure:
            form.add_error(None, failure.said(get_language() or "en"))
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            _tell(request, len(found))
            list_ = reverse("transactions:list")
            return redirect(f"{list_}?tid={there[0].tid}" if found else "transactions:lost")
    status = 422 if form.errors else 200
    context = {"form": form, "any": own.exists()}
    return htmx.page(request, "transactions/lost.html", context, status=status)


def _tell(request: HttpRequest, found: int) -> None:
    if found:
        words = ngettext(
            "%(number)d payment was found, and is being read.",
            "%(number)d payments were found, and are being read.",
            found,
        )
        messages.success(request, words % {"number": found})
    else:
        messages.info(request, _("The provider knows of no such payment at this terminal."))


@htmx.object_view(own_terminal, "GET", "HEAD")
def till(request: HttpRequest, found: Terminal) -> HttpResponse:
    """What stands at a terminal: its code to scan, and whether a customer has been seen there.

    Both are asked of the provider, once; of a page that stays open only the customer.
    """
    member_with(request, Right.PAYMENTS)
    seen, code, problem = None, "", ""
    shows = is_offered(found.account, ShowsCodes) and "X-Poll" not in request.headers
    try:
        need_reachable(found, SeesCustomers)
        need_called(found.account, SeesCustomers)
        with opened(found.account, actions.AT_ONCE) as connector:
            seen = connector.seen_at_terminal(found.tid)  # type: ignore[attr-defined]
            if seen is None:
                seen = connector.seen_at_point(found.ref)  # type: ignore[attr-defined]
            code = connector.show_code(found.tid) if shows else ""  # type: ignore[attr-defined]
    except ProviderFailure as failure:
        problem = failure.said(get_language() or "en")
    except Conflict as refused:
        problem = str(refused)
    drawn = qr(code) if 0 < len(code) <= LONGEST_CODE else ""
    context = {
        "terminal": found, "seen": seen, "code": drawn, "problem": problem, "moment": now(),
        "zone": found.branch.zone if found.branch else None,
    }  # fmt: skip
    fragment = "seen" if "X-Poll" in request.headers else "till"
    return htmx.page(request, "transactions/till.html", context, fragment=fragment)


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def payment(request: HttpRequest, found: Transaction) -> HttpResponse:
    """One payment or refund that is not over: captured, cancelled, or told its amount."""
    member = member_with(request, Right.PAYMENTS)
    if not is_confirmed(request):
        return ask_again(request)
    first: dict[str, Any] = {"key": uuid4().hex}
    if found.status == Status.AUTHORISED:
        first["amount"] = major_text(found.authorised_minor or 0, found.currency)
    if request.POST.get("do") == "look":
        _look(request, found)
        return redirect("transactions:payment", found.pk)
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
        "can_look": found.status in actions.OPEN and is_offered(found.account, TakesPayments),
        "deadline": queries.deadline_of(found), "zone": found.branch.zone if found.branch else None,
        "state": said(found.account.provider, get_language() or "en", found.provider_status),
        "moment": now(), "member": member,
    }  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/payment.html", context, fragment="live", status=status)


def _look(request: HttpRequest, found: Transaction) -> None:
    """Ask the provider in what state it is now, say so, and have all of it read at once."""
    try:
        need_called(found.account, TakesPayments)
        told = _said_now(found)
    except ProviderFailure as failure:
        messages.error(request, failure.said(get_language() or "en"))
    except Conflict as problem:
        messages.error(request, str(problem))
    else:
        messages.info(request, told)
        actions.begin_following(found.account, found.ref, found.kind, now())


def _said_now(found: Transaction) -> str:
    if found.kind == Kind.REFUND:
        return _("Asked. What becomes of it stands below.")
    with opened(found.account, actions.AT_ONCE) as connector:
        state = connector.state_of_payment(found.ref)  # type: ignore[attr-defined]
    words = said(found.account.provider, get_language() or "en", state)
    return _("%(provider)s says: %(state)s") % {"provider": found.account.title, "state": words}


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
