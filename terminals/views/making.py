"""Asking a provider for a new terminal, or a new branch."""

from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from merchants.actions.branches import create_branch
from merchants.models import Right
from merchants.queries import member_with
from portal import htmx
from portal.conflicts import Conflict
from terminals.actions import add_terminals, create_terminal
from terminals.forms import AddTerminals, CreateBranch, CreateTerminal


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_terminal(request: HttpRequest) -> HttpResponse:
    """A terminal for a branch that the provider knows."""
    member = member_with(request, Right.FLEET)
    form = CreateTerminal(request.POST or None, by=member, initial={"key": uuid4().hex})
    if form.is_valid():
        try:
            made = create_terminal(**form.cleaned_data, by=member, at=now())
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return _asked(made.pk, member.sees_every_branch)
    context = {"form": form, "title": _("Make a terminal"), "back": "terminals:list"}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/new.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Terminals of a provider that tells of them by their numbers only."""
    member = member_with(request, Right.FLEET)
    if not member.sees_every_branch:
        raise PermissionDenied(_("Whoever is kept to some branches cannot add terminals."))
    form = AddTerminals(request.POST or None, by=member, initial={"key": uuid4().hex})
    if form.is_valid():
        try:
            added = add_terminals(**form.asked, by=member, at=now())
        except Conflict as problem:
            form.add_error("numbers", str(problem))
        else:
            said = ngettext(
                "%(n)d terminal is read now.", "%(n)d terminals are read now.", len(added)
            )
            messages.success(request, said % {"n": len(added)})
            return redirect("terminals:list")
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/add.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_branch(request: HttpRequest) -> HttpResponse:
    """A branch, with who runs it."""
    member = member_with(request, Right.FLEET)
    if not member.sees_every_branch:
        raise PermissionDenied(_("Whoever is kept to some branches cannot open another."))
    form = CreateBranch(request.POST or None, by=member, initial={"key": uuid4().hex})
    if form.is_valid():
        try:
            made = create_branch(**form.asked, by=member, at=now())
        except Conflict as problem:
            form.add_error(None, str(problem))
        else:
            return _asked(made.pk, sees=True)
    context = {"form": form, "title": _("Open a branch"), "back": "merchants:branches"}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/new.html", context, status=status)


def _asked(pk: int, sees: bool) -> HttpResponse:
    return redirect("terminals:operation", pk) if sees else redirect("terminals:list")
