"""The team: who works for a merchant, who is invited, and what each may do."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from merchants.actions import team as actions
from merchants.actions.mail import send_invitation
from merchants.forms import JoinForm, PlaceForm, RoleForm
from merchants.models import CustomRole, Invitation, Membership, Right, Role
from merchants.queries import invitations_for, member_of, member_with, roles_for, team_of
from merchants.rights import OF_ROLES
from portal import htmx, isolation
from portal.confirm import ask_again, is_confirmed


@login_required
@require_safe
def team(request: HttpRequest) -> HttpResponse:
    """Everybody of the team, open invitations, and the matrix of rights."""
    member = member_with(request, Right.TEAM)
    own = list(roles_for(member))
    columns: list[tuple[str, frozenset[Right]]] = [
        (str(role.label), rights) for role, rights in OF_ROLES.items() if role != Role.CUSTOM
    ]
    columns += [(each.name, frozenset(Right(r) for r in each.rights)) for each in own]
    context = {
        "team": team_of(member).prefetch_related("branches"),
        "invitations": invitations_for(member),
        "roles": own,
        "now": now(),
        "columns": [name for name, _rights in columns],
        "matrix": [
            (right.label, [right in rights for _name, rights in columns]) for right in Right
        ],
    }
    return htmx.page(request, "merchants/team.html", context)


def _form(request: HttpRequest, member: Membership, **how: Any) -> PlaceForm:
    return PlaceForm(request.POST or None, by=member, **how)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Offer somebody a place; a link goes to their mail."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request)
    form = _form(request, member)
    if form.is_valid():
        try:
            made, secret = actions.invite(
                by=member, email=form.cleaned_data["email"], place=form.place, at=now()
            )
        except actions.NotAllowed as problem:
            form.add_error(None, str(problem))
        else:
            send_invitation(made, secret, request.build_absolute_uri("/"))
            messages.success(request, _("An invitation is on its way to %s.") % made.email)
            return redirect("merchants:team")
    context = {"form": form, "title": _("Invite somebody")}
    return htmx.page(request, "merchants/place.html", context, status=422 if form.errors else 200)


def own_member(request: HttpRequest, pk: int) -> Membership:
    """The member, 404 for whoever is not of the same team."""
    return get_object_or_404(team_of(member_of(request)), pk=pk)


@htmx.object_view(own_member, "GET", "HEAD", "POST")
def change_member(request: HttpRequest, found: Membership) -> HttpResponse:
    """Another role, other branches, or an end."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request)
    form = _form(request, member, of=found)
    if form.is_valid():
        try:
            actions.change_member(by=member, member=found, place=form.place, at=now())
        except actions.NotAllowed as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("merchants:team")
    context = {"form": form, "title": str(found.user), "found": found}
    return htmx.page(request, "merchants/place.html", context, status=422 if form.errors else 200)


@htmx.object_view(own_member, "POST")
def end_member(request: HttpRequest, found: Membership) -> HttpResponse:
    """End somebody's membership at once."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request, reverse("merchants:change-member", args=[found.pk]))
    try:
        actions.end_member(by=member, member=found, at=now())
    except actions.NotAllowed as problem:
        messages.error(request, str(problem))
    return redirect("merchants:team")


@login_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End one's own membership."""
    member = member_of(request)
    try:
        actions.end_member(by=member, member=member, at=now())
    except actions.NotAllowed as problem:
        messages.error(request, str(problem))
        return redirect("mfa_index")
    messages.success(request, _("You have left %s.") % member.merchant.name)
    return redirect("mfa_index")


def own_invitation(request: HttpRequest, pk: int) -> Invitation:
    """The invitation, 404 for whoever is not of the same team."""
    return get_object_or_404(invitations_for(member_of(request)), pk=pk)


@htmx.object_view(own_invitation, "POST")
def withdraw(request: HttpRequest, found: Invitation) -> HttpResponse:
    """Take an invitation back."""
    member = member_with(request, Right.TEAM)
    if not is_confirmed(request):
        return ask_again(request, reverse("merchants:team"))
    actions.withdraw(by=member, invitation=found, at=now())
    return redirect("merchants:team")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_role(request: HttpRequest) -> HttpResponse:
    """A role of the merchant's own."""
    return _role(request, member_with(request, Right.TEAM), None)


def own_role(request: HttpRequest, pk: int) -> CustomRole:
    """The role, 404 for whoever is not of the same team."""
    return get_object_or_404(roles_for(member_of(request)), pk=pk)


@htmx.object_view(own_role, "GET", "HEAD", "POST")
def change_role(request: HttpRequest, found: CustomRole) -> HttpResponse:
    """Other rights for everybody who has the role."""
    return _role(request, member_with(request, Right.TEAM), found)


def _role(request: HttpRequest, member: Membership, found: CustomRole | None) -> HttpResponse:
    if not is_confirmed(request):
        return ask_again(request)
    form = RoleForm(
        request.POST or None,
        initial={"name": found.name, "rights": found.rights} if found else None,
    )
    if form.is_valid():
        try:
            actions.keep_role(by=member, role=found, at=now(), **form.cleaned_data)
        except actions.NotAllowed as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("merchants:team")
    context = {"form": form, "title": found.name if found else _("A role of your own")}
    return htmx.page(request, "merchants/place.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Where an invitation leads: who is known accepts, who is not becomes known."""
    found = actions.invitation_of(secret, now())
    if found is None:
        return htmx.page(request, "merchants/join.html", {}, status=404)
    with isolation.of(found.merchant_id):
        return _join(request, found)


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    user = request.user if request.user.is_authenticated else None
    known = actions.is_known(found)
    form = None if known else JoinForm(request.POST or None, email=found.email)
    context: dict[str, Any] = {"invitation": found, "known": known, "form": form}
    context["here"] = user is not None and user.email == found.email
    if request.method == "POST":
        try:
            if user is not None and context["here"]:
                actions.accept(invitation=found, user=user, at=now())
                request.session.cycle_key()
                return redirect("home")
            if form is not None and form.is_valid():
                actions.join(invitation=found, at=now(), **form.answers)
                messages.success(request, _("You have joined. Sign in with your password."))
                return redirect("account_login")
        except actions.NotAllowed as problem:
            raise PermissionDenied(str(problem)) from None
    return htmx.page(
        request, "merchants/join.html", context, status=422 if form and form.errors else 200
    )
