"""Everything that was asked of providers, and what became of it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants.actions.operations import decide_operation, right_to, withdraw_operation
from merchants.actions.trail import exported, listed
from merchants.models import Operation, Right
from merchants.queries import freshness_of, member_of, member_with, operations_for, saved_views
from portal import htmx
from portal.lists import Listing, show
from providers.base.registry import providers
from terminals.actions import agree_anew
from terminals.columns import OPERATIONS
from terminals.filters import OperationFilter
from terminals.forms import ReasonForm
from terminals.queries import attach_subjects


@login_required
@require_safe
def list_(request: HttpRequest) -> HttpResponseBase:
    """The ledger of the whole merchant, the latest first."""
    member = member_with(request, Right.LOOK_UP)
    chosen = OperationFilter(request.GET, operations_for(member))
    listing = Listing(request, OPERATIONS, chosen, completed=attach_subjects)
    return show(
        listing, exported=exported, seen=listed, freshness=freshness_of(member),
        views=saved_views(member, OPERATIONS.name), kinds=Operation.Kind.choices,
        states=Operation.State.choices, may_move=member.may(Right.FLEET),
    )  # fmt: skip


def said_back(found: Operation) -> list[dict[str, Any]]:
    """What reading back has shown, in the reader's language."""
    return [
        {"at": datetime.fromisoformat(each["at"]), "found": _(each["found"])}
        for each in found.evidence
    ]


def own_operation(request: HttpRequest, pk: int) -> Operation:
    """The operation, 404 for whoever may not see it."""
    return get_object_or_404(operations_for(member_of(request)), pk=pk)


@htmx.object_view(own_operation, "GET", "HEAD", "POST")
def operation(request: HttpRequest, found: Operation) -> HttpResponse:
    """One operation with its evidence; it is withdrawn, or decided on, by a POST."""
    needed = right_to(found.kind)
    member = member_with(request, needed if request.method == "POST" else Right.LOOK_UP)
    form = ReasonForm(request.POST if "done" in request.POST else None)
    if request.method == "POST" and "done" not in request.POST:
        if not withdraw_operation(operation=found, by=member, at=now()):
            messages.error(request, _("It has been sent already."))
        return redirect("terminals:operation", found.pk)
    if form.is_bound and form.is_valid():
        done, reason = request.POST["done"] == "yes", form.cleaned_data["reason"]
        if (
            decide_operation(operation=found, done=done, reason=reason, by=member, at=now())
            and done
        ):
            agree_anew(found)
        return redirect("terminals:operation", found.pk)
    attach_subjects([found])
    context = {
        "operation": found, "form": form, "may_move": member.may(needed),
        "evidence": said_back(found),
        "zone": providers()[found.account.provider].default_zone,
    }  # fmt: skip
    status = 422 if form.errors else 200
    template = "terminals/operation.html"
    return htmx.page(request, template, context, fragment="state", status=status)
