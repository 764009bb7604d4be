"""How much each role may give back of a sale, and the second person of what takes two."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from merchants.actions.operations import withdraw_operation
from merchants.models import Operation, Right
from merchants.queries import member_of, member_with
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from terminals.queries import terminal_of
from transactions import queries
from transactions.actions import agree_refund, limits_of, set_limits
from transactions.forms import DeclineForm, RefundLimits


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: HttpRequest) -> HttpResponse:
    """What each role may give back of one sale, at most and alone."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request)
    known = limits_of(member.merchant, queries.currencies_of(member, now()))
    form = RefundLimits(request.POST or None, limits=known)
    if form.is_valid():
        set_limits(limits=form.cleaned_data["limits"], by=member)
        messages.success(request, _("In force from now on."))
        return redirect("transactions:limits")
    status = 422 if form.errors else 200
    return htmx.page(request, "transactions/limits.html", {"form": form}, status=status)


def own_refund(request: HttpRequest, pk: int) -> Operation:
    """A refund that was asked for, 404 for whoever may not see its sale."""
    member = member_of(request)
    found = get_object_or_404(queries.refunds_for(member), pk=pk)
    found.sale = get_object_or_404(queries.transactions_for(member), pk=found.asked["sale"])  # type: ignore[attr-defined]
    return found


@htmx.object_view(own_refund, "GET", "HEAD", "POST")
def second(request: HttpRequest, found: Operation) -> HttpResponse:
    """A refund that takes two people: the second agrees to it, or declines."""
    member = member_with(request, Right.PAYMENTS)
    if not is_confirmed(request):
        return ask_again(request)
    sale, problem = found.sale, ""  # type: ignore[attr-defined]
    form = DeclineForm(request.POST or None)
    if form.is_valid():
        try:
            if "agree" in request.POST:
                agree_refund(operation=found, by=member, at=now())
            else:
                reason = form.cleaned_data["reason"]
                withdraw_operation(operation=found, by=member, at=now(), reason=reason)
        except Conflict as refused:
            problem = str(refused)
        else:
            return redirect("transactions:refund", sale.pk)
    context = {
        "operation": found, "sale": sale, "form": form, "problem": problem,
        "terminal": terminal_of(found) if found.subject_kind == "terminal" else sale.terminal,
        "mine": found.requested_by_id == member.user_id,
        "until": found.requested_at + Operation.SECOND,
    }  # fmt: skip
    status = 422 if problem or form.errors else 200
    return htmx.page(request, "transactions/second.html", context, status=status)
