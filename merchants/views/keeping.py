"""How long personal data is kept, and what is kept of oneself."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants.actions.keeping import keep_for, kept_of
from merchants.actions.signing import note
from merchants.forms import KeepingForm
from merchants.models import Right
from merchants.queries import member_with
from portal import htmx
from portal.confirm import ask_again, is_confirmed


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def keeping(request: HttpRequest) -> HttpResponse:
    """After how many months a sale no longer tells in whose hands it was."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request)
    merchant = member.merchant
    known = {"months": merchant.personal_months or "", "answers_checks": merchant.answers_checks}
    form = KeepingForm(request.POST or None, initial=known)
    if form.is_valid():
        chosen = form.cleaned_data
        keep_for(
            by=member, months=chosen["months"] or None, answers_checks=chosen["answers_checks"]
        )
        messages.success(request, _("Kept as you say from tonight on."))
        return redirect("merchants:keeping")
    status = 422 if form.errors else 200
    context = {"form": form, "check": request.build_absolute_uri(f"/genuine/of/{merchant.slug}/")}
    return htmx.page(request, "merchants/keeping.html", context, status=status)


@login_required
@require_safe
def own_data(request: HttpRequest) -> HttpResponse:
    """What is kept of oneself, as a file."""
    if not is_confirmed(request):
        return ask_again(request)
    user = request.user
    note("person.exported", user)  # type: ignore[arg-type]
    shape = {"ensure_ascii": False, "indent": 2}
    answer = JsonResponse(kept_of(user), json_dumps_params=shape)  # type: ignore[arg-type]
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer
