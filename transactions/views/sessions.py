"""Payment sessions: what was asked of terminals, asking for more, and giving a sale back."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.operations import NotOffered, is_offered
from merchants.actions.trail import exported, listed
from merchants.models import Right
from merchants.queries import (
    branch_names,
    freshness_of,
    in_branch,
    member_of,
    member_with,
    saved_views,
)
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from portal.lists import Listing, show
from providers.base.money import major_text
from providers.base.provider import OpensSessions, RefundsPayments, TakesPayments
from providers.base.registry import providers
from terminals.actions import need_reachable
from terminals.models import Terminal
from terminals.queries import own_terminal, terminals_for
from transactions import queries
from transactions.actions import ask_for_payment, open_session, refund_payment, start_payment
from transactions.columns import SESSIONS
from transactions.filters import SessionFilter
from transactions.forms import AskPayment, AskRefund, StartPayment
from transactions.models import Kind, Session, SessionStatus, Transaction
from transactions.possible import possible_of
from transactions.views import own_transaction


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """Payment sessions, the latest first."""
    member = member_with(request, Right.LOOK_UP)
    rows = queries.sessions_for(member).filter(in_branch(request))
    listing = Listing(
        request, SESSIONS, SessionFilter(request.GET, rows), {"branch": branch_names(request)}
    )
    return show(
        listing, exported=exported, seen=listed, freshness=freshness_of(member),
        views=saved_views(member, SESSIONS.name), states=SessionStatus.choices,
        kinds=Kind.choices,
    )  # fmt: skip


def own_session(request: HttpRequest, pk: int) -> Session:
    """The session, 404 for whoever may not see it."""
    return get_object_or_404(queries.sessions_for(member_of(request)), pk=pk)


@htmx.object_view(own_session, "GET", "HEAD")
def session(request: HttpRequest, found: Session) -> HttpResponse:
    """One session: how long it is still open, who opened it, and what became of it."""
    member = member_with(request, Right.LOOK_UP)
    context = {
        "session": found, "answer": queries.answer_of(member, found),
        "opening": queries.opening_of(found), "zone": found.branch.zone if found.branch else None,
        "ended": found.expires_at is not None and found.expires_at <= now(),
    }  # fmt: skip
    return htmx.page(request, "transactions/session.html", context, fragment="live")


@htmx.object_view(own_terminal, "GET", "HEAD", "POST")
def ask(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """Ask a terminal to take a payment."""
    member = member_with(request, Right.PAYMENTS)
    if not is_confirmed(request):
        return ask_again(request)
    steps = is_offered(terminal.account, TakesPayments)
    currency = (
        queries.currency_of(terminal)
        or _usual(terminal)
        or (queries.currencies_of(member, now())[0])
    )
    form = (StartPayment if steps else AskPayment)(
        request.POST or None, currency=currency, initial={"key": uuid4().hex}
    )
    if form.is_valid():
        wish = form.cleaned_data
        try:
            if wish["amount"] is None:
                start_payment(
                    terminal=terminal, amount=None, order=wish["reference"], by=member,
                    key=wish["key"], at=now(),
                )  # fmt: skip
            else:
                ask_for_payment(
                    terminal=terminal, kind=Kind.PURCHASE, amount=wish["amount"], refund_of=None,
                    reference=wish["reference"], by=member, key=wish["key"], at=now(),
                )  # fmt: skip
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Asked. What becomes of it stands below."))
            return redirect("terminals:detail", terminal.pk)
    context = {"terminal": terminal, "form": form, "cannot": _cannot(terminal), "steps": steps}
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/ask.html", context, status=status)


def _usual(terminal: Terminal) -> str | None:
    """The currency in which the provider's customers pay, where it says one."""
    return providers()[terminal.account.provider].currency


def _cannot(terminal: Terminal) -> str:
    """Why a terminal cannot be asked now; empty where it can."""
    steps = is_offered(terminal.account, TakesPayments)
    try:
        need_reachable(terminal, TakesPayments if steps else OpensSessions)
    except NotOffered as problem:
        return str(problem)
    return ""


@htmx.object_view(own_transaction, "GET", "HEAD", "POST")
def refund(request: HttpRequest, found: Transaction) -> HttpResponse:
    """Ask a terminal to give a sale back, at most what is left of it."""
    member = member_with(request, Right.PAYMENTS)
    if not is_confirmed(request):
        return ask_again(request)
    possible = possible_of(found, queries.neighbours_of(member, found).purchase)
    own = terminals_for(member).filter(account=found.account).exclude(ref=None)
    first: dict[str, Any] = {"key": uuid4().hex, "terminal": found.terminal_id}
    if possible is not None and possible.left:
        first["amount"] = major_text(possible.left, found.currency)
    # Where the money goes back by itself, nobody has to hold a card to anything.
    direct = is_offered(found.account, RefundsPayments)
    form: AskPayment = (
        AskPayment(request.POST or None, currency=found.currency, initial=first)
        if direct
        else AskRefund(
            request.POST or None, currency=found.currency, initial=first,
            terminals=own.order_by("tid"),
        )
    )  # fmt: skip
    if form.is_valid():
        wish = form.cleaned_data
        try:
            made = (
                refund_payment(
                    sale=found, amount=wish["amount"], order=wish["reference"], by=member,
                    key=wish["key"], at=now(),
                )
                if direct
                else open_session(
                    terminal=wish["terminal"], kind="REFUND", amount=wish["amount"],
                    refund_of=found, reference=wish["reference"], by=member, key=wish["key"],
                    at=now(),
                )
            )  # fmt: skip
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            said = (
                _("Somebody else has to agree first. What becomes of it stands below.")
                if made.needs_second else _("Asked. What becomes of it stands below.")
            )  # fmt: skip
            messages.success(request, said)
            return redirect("transactions:refund", found.pk)
    context = {
        "transaction": found, "form": form, "possible": possible,
        "asked": queries.refunds_asked(found), "me": member.user, "direct": direct,
    }  # fmt: skip
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/refund.html", context, status=status)
