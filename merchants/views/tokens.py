"""Keys to the API."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from merchants.actions.people import make_service_token, make_token, revoke_token
from merchants.forms import TokenForm
from merchants.models import ApiToken, Right
from merchants.queries import main_zone, member_of, member_with, tokens_for
from portal import htmx
from portal.confirm import ask_again, is_confirmed


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """One's keys, and a new one, which is shown once."""
    member = member_with(request, Right.TOKENS)
    if request.method == "POST" and not is_confirmed(request):
        return ask_again(request)
    form = TokenForm(request.POST or None, by=member)
    made = None
    if form.is_valid():
        if form.cleaned_data.get("service"):
            made = make_service_token(by=member, at=now(), **form.chosen)
        else:
            made = make_token(member=member, at=now(), **form.chosen)
        form = TokenForm(None, by=member)
    context = {
        "form": form,
        "made": made,
        "tokens": tokens_for(member),
        "now": now(),
        "zone": main_zone(member),
    }
    status = 422 if form.errors else 200
    return htmx.page(request, "merchants/tokens.html", context, status=status)


def own_token(request: HttpRequest, pk: int) -> ApiToken:
    """The key, 404 for whoever may not take it away."""
    return get_object_or_404(tokens_for(member_of(request)), pk=pk)


@htmx.object_view(own_token, "POST")
def revoke(request: HttpRequest, found: ApiToken) -> HttpResponse:
    """Take a key away."""
    revoke_token(token=found)
    return redirect("merchants:tokens")
