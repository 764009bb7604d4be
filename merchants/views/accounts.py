"""The accounts at providers: how complete each is, and what can be done to it."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from merchants import queries
from merchants.actions import accounts as actions
from merchants.actions.operations import is_offered, open_of, withdraw_operation
from merchants.actions.tokens import agree_token, change_token
from merchants.actions.trail import exported, listed
from merchants.calendar import calendar, cost_of
from merchants.columns import ACCOUNTS
from merchants.filters import AccountFilter
from merchants.forms import ConnectAccount
from merchants.models import Gap, ProviderAccount, Right, SyncRun
from merchants.queries import member_of, member_with
from merchants.sync.resources import resources
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.conflicts import Conflict
from portal.lists import Listing, show
from providers.base.errors import ProviderFailure
from providers.base.provider import ManagesTokens
from providers.base.registry import providers, words

SHOWN_RUNS, SHOWN_SET_ASIDE = 10, 50


def own_account(request: HttpRequest, pk: int) -> ProviderAccount:
    """The account, 404 for whoever may not see it."""
    return get_object_or_404(queries.accounts_for(member_of(request)), pk=pk)


@login_required
@require_safe
def accounts(request: HttpRequest) -> HttpResponseBase:
    """Accounts at providers, how complete each is and what waits there."""
    member = member_with(request, Right.ACCOUNTS)
    chosen = AccountFilter(request.GET, queries.accounts_with_health(member))
    return show(
        Listing(request, ACCOUNTS, chosen),
        exported=exported,
        seen=listed,
        freshness=queries.freshness_of(member),
        views=queries.saved_views(member, ACCOUNTS.name),
        offered=[(name, each.title) for name, each in providers().items()],
        states=ProviderAccount.State.choices,
    )


@htmx.object_view(own_account, "GET", "HEAD")
def account(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    return htmx.page(request, "merchants/account.html", _health(request, found))


@htmx.object_view(own_account, "GET", "HEAD")
def progress(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    """What the account's page asks for while a run is under way."""
    context = _health(request, found)
    return htmx.page(request, "merchants/account.html", context, fragment="live")


def _health(request: HttpRequest, found: ProviderAccount) -> dict[str, Any]:
    member = member_of(request)
    runs = list(
        queries.runs_for(member).filter(account=found).order_by("-started_at", "-pk")[:SHOWN_RUNS]
    )
    running = next((run for run in runs if run.state == SyncRun.State.RUNNING), None)
    zone, moment = providers()[found.provider].default_zone, now()
    bookmarks, gaps = queries.bookmarks_of(found), queries.gaps_of(found)
    steps = [step for run in runs for step in run.steps.all() if step.state == step.State.DONE]
    windowed = {resource.name for resource in resources() if resource.windowed}
    aside = queries.set_aside_for(member).filter(account=found).order_by("-first_seen_at", "-pk")
    return {
        "account": found,
        "zone": zone,
        "runs": runs,
        "latest": running or (runs[0] if runs else None),
        "running": running,
        "set_aside": aside[:SHOWN_SET_ASIDE],
        "bookmarks": bookmarks,
        "complete_to": min((mark.complete_to for mark in bookmarks), default=None),
        "gaps": [(gap, cost_of(gap, steps, moment)) for gap in gaps],
        "calendar": calendar(
            [mark for mark in bookmarks if mark.resource in windowed], gaps, zone, moment
        ),
        "shown": _labelled(found),
        "webhook": _webhook(request, found),
        **_token(request, found),
    }


def _token(request: HttpRequest, found: ProviderAccount) -> dict[str, Any]:
    """Whether the provider gives out its token, whether there is one, and what was asked of it."""
    if not is_offered(found, ManagesTokens):
        return {"gives_token": False}
    open_ = open_of(found)
    return {
        "gives_token": True, "has_token": actions.has_token(found), "token_asked": open_,
        "token_is_mine": open_ is not None and open_.requested_by_id == member_of(request).user_id,
        "token_key": uuid4().hex,
    }  # fmt: skip


@htmx.object_view(own_account, "POST")
def token(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    """Ask for a token, agree to what somebody else has asked, or take it back."""
    member = member_with(request, Right.ACCOUNTS)
    if not is_confirmed(request):
        return ask_again(request, reverse("merchants:account", args=[found.pk]))
    doing, open_ = request.POST.get("do", "ask"), open_of(found)
    try:
        if doing == "ask":
            key = request.POST.get("key", "")[:100] or uuid4().hex
            change_token(account=found, by=member, key=key, at=now())
            messages.success(request, _("Somebody else has to agree before it is sent."))
        elif open_ is not None and doing == "agree":
            agree_token(operation=open_, by=member, at=now())
            messages.success(request, _("Agreed. It is sent now, and shown to nobody."))
        elif open_ is not None:
            withdraw_operation(operation=open_, by=member, at=now())
    except Conflict as problem:
        messages.error(request, str(problem))
    return redirect("merchants:account", pk=found.pk)


def _webhook(request: HttpRequest, account: ProviderAccount) -> str:
    """The address is a secret, so it is told to who has just shown who they are."""
    if not is_confirmed(request):
        return ""
    return request.build_absolute_uri(actions.webhook_path(account))


def _labelled(account: ProviderAccount) -> list[tuple[str, Any]]:
    """What of the credentials may be shown, as its form calls it."""
    labels = words(account.provider, get_language() or "en")["credentials"]
    return [(labels[key]["label"], value) for key, value in actions.described(account).items()]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, provider: str) -> HttpResponse:
    """Connect an account by a form that is made from the provider's own credentials."""
    member = member_with(request, Right.ACCOUNTS)
    if provider not in providers():
        raise Http404
    if not is_confirmed(request):
        return ask_again(request)
    form = ConnectAccount(request.POST or None, provider=provider)
    context: dict[str, Any] = {"form": form, "title": providers()[provider].title}
    if form.is_valid():
        if "try" in request.POST:
            context["tried"] = _try(provider, form.credentials)
        else:
            try:
                made = actions.connect_account(
                    merchant=member.merchant, provider=provider, name=form.cleaned_data["name"],
                    credentials=form.credentials, at=now(),
                )  # fmt: skip
            except actions.AlreadyConnected:
                form.add_error(None, _("These credentials are connected already."))
            else:
                return redirect("merchants:account", pk=made.pk)
    return htmx.page(request, "merchants/connect.html", context, status=422 if form.errors else 200)


def _try(provider: str, credentials: dict[str, str]) -> dict[str, Any]:
    try:
        actions.try_credentials(provider, credentials)
    except ProviderFailure as failure:
        return {"works": False, "code": failure.code, "message": str(failure)}
    return {"works": True}


@htmx.object_view(own_account, "GET", "HEAD", "POST")
def edit_account(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    """Another name, or new credentials; a secret that is left empty stays."""
    if found.state == ProviderAccount.State.REMOVED:
        raise Http404
    if not is_confirmed(request):
        return ask_again(request)
    form = ConnectAccount(
        request.POST or None, provider=found.provider, account=found, initial={"name": found.name}
    )
    if form.is_valid():
        try:
            actions.change_account(
                account=found, name=form.cleaned_data["name"], at=now(),
                credentials=form.credentials if form.changes_credentials else None,
            )  # fmt: skip
        except actions.AlreadyConnected:
            form.add_error(None, _("These credentials are connected already."))
        else:
            return redirect("merchants:account", pk=found.pk)
    context = {"form": form, "account": found, "title": found.title}
    return htmx.page(request, "merchants/connect.html", context, status=422 if form.errors else 200)


@htmx.object_view(own_account, "POST")
def sync_now(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    actions.ask_for_sync(account=found, by=member_of(request), at=now())
    messages.info(request, _("The sync starts as soon as a worker is free."))
    return htmx.done(request, event="sync-asked", otherwise="merchants:account", pk=found.pk)


def own_gap(request: HttpRequest, pk: int) -> Gap:
    """The gap, 404 for whoever may not manage its account."""
    accounts_ = queries.accounts_for(member_of(request))
    return get_object_or_404(Gap.objects.filter(account__in=accounts_), pk=pk)


@htmx.object_view(own_gap, "POST")
def close_gap(request: HttpRequest, found: Gap) -> HttpResponse:
    actions.ask_to_close(gap=found, by=member_of(request), at=now())
    messages.success(request, _("The gap is read as soon as a worker is free."))
    return redirect("merchants:account", pk=found.account_id)


@htmx.object_view(own_account, "POST")
def pause(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    actions.pause_account(account=found)
    return redirect("merchants:account", pk=found.pk)


@htmx.object_view(own_account, "POST")
def resume(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    actions.resume_account(account=found, at=now())
    return redirect("merchants:account", pk=found.pk)


@htmx.object_view(own_account, "GET", "HEAD", "POST")
def remove_account(request: HttpRequest, found: ProviderAccount) -> HttpResponse:
    """Ask first, and say what stays; then forget the credentials."""
    if not is_confirmed(request):
        return ask_again(request)
    if request.method == "POST":
        actions.remove_account(account=found)
        return redirect("merchants:accounts")
    return htmx.page(request, "merchants/remove.html", {"account": found})
