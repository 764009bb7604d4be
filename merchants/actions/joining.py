"""Making one branch of what several providers know, and parting it again.

Each app's `places.py` lists PLACES: what it keeps by branch. All rows of an account at a branch go
over in one transaction; their business days, where the branch has others, are moved after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from merchants.actions.days import StillMoving
from merchants.actions.trail import record
from merchants.models import (
    Branch,
    BranchIdentity,
    DayChange,
    Membership,
    ProviderAccount,
    Right,
)
from portal.celery import wake
from portal.conflicts import Conflict
from providers.base.registry import providers


class NotJoinable(Conflict):
    """These cannot be one branch, or cannot be told apart again."""

    status = 400


@dataclass(frozen=True)
class Place:
    """What an app keeps by branch: `give` moves an account's rows from one branch to another.

    In the caller's transaction; returns how many were moved.
    """

    name: str
    give: Callable[[ProviderAccount, Branch, Branch], int]


@cache
def places() -> list[Place]:
    """What is kept by branch, as every installed app says it, found by its module's name."""
    found: list[Place] = []
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.places") is not None:
            found += import_module(f"{app.name}.places").PLACES
    return found


@transaction.atomic
def join_branch(*, identity: BranchIdentity, into: Branch, by: Membership, at: datetime) -> None:
    """Let what a provider knows be a branch that is there already.

    The branch that it was stays, without it, where something else speaks of it. Raises NotJoinable
    or StillMoving, and then nothing has changed.
    """
    _need(by)
    identity = _held(identity)
    if identity.branch_id == into.pk:
        return
    if BranchIdentity.objects.filter(branch=into, account=identity.account_id).exists():
        raise NotJoinable(_("That branch is known to this account already, under another name."))
    before = identity.branch
    moved = _give(identity, into, by, at)
    facts = {"from": before.name, "account": identity.account.name, **moved}
    record("branch.joined", subject=into, facts=facts)
    _remove_if_empty(before)


@transaction.atomic
def part_branch(*, identity: BranchIdentity, by: Membership, at: datetime) -> Branch:
    """Let what a provider knows be a branch of its own again. Raises NotJoinable or StillMoving."""
    _need(by)
    identity = _held(identity)
    own = BranchIdentity.objects.filter(branch=identity.branch_id).exclude(pk=identity.pk)
    if not own.exists():
        raise NotJoinable(_("This branch is known to no other provider."))
    if own.filter(account=identity.account_id).exists():
        raise NotJoinable(_("This account knows the branch twice; its rows cannot be told apart."))
    zone = providers()[identity.account.provider].default_zone
    before = identity.branch
    made = Branch.objects.create(
        merchant_id=identity.account.merchant_id, name=identity.name,
        name_ar=identity.name_ar or "", zone=zone,
    )  # fmt: skip
    moved = _give(identity, made, by, at)
    facts = {"from": before.name, "account": identity.account.name, **moved}
    record("branch.parted", subject=made, facts=facts)
    return made


def _need(by: Membership) -> None:
    by.need(Right.FLEET)
    if not by.sees_every_branch:
        raise PermissionDenied(_("Whoever is kept to some branches cannot join or part them."))


def _held(identity: BranchIdentity) -> BranchIdentity:
    """The identity as it is now; of two who move what an account knows, the second waits here."""
    ProviderAccount.objects.select_for_update().get(pk=identity.account_id)
    return BranchIdentity.objects.select_related("branch", "account").get(pk=identity.pk)


def _give(identity: BranchIdentity, into: Branch, by: Membership, at: datetime) -> dict[str, int]:
    account = identity.account
    own = Branch.objects.select_for_update(no_key=True).filter(pk__in=(identity.branch_id, into.pk))
    branches = {branch.pk: branch for branch in own.order_by("pk")}
    before, after = branches[identity.branch_id], branches[into.pk]
    if DayChange.objects.filter(branch__in=branches, done_at=None).exists():
        raise StillMoving(_("Rows of one of them are still being moved. Try again in a moment."))
    BranchIdentity.objects.filter(pk=identity.pk).update(branch=after)
    identity.branch = after
    moved = {place.name: place.give(account, before, after) for place in places()}
    try:
        with transaction.atomic():
            # Its rows have the days of the branch that they were at.
            change = DayChange.objects.create(
                merchant_id=after.merchant_id, branch=after, zone_before=before.zone,
                cut_off_before=before.cut_off, zone=after.zone, cut_off=after.cut_off,
                by=by.user, at=at,
            )  # fmt: skip
    except IntegrityError:
        raise StillMoving(
            _("Rows of one of them are still being moved. Try again in a moment.")
        ) from None
    wake("merchants.move_days", change.pk)
    return moved


def _remove_if_empty(branch: Branch) -> None:
    """Nothing is to be seen at a branch that nobody knows; one that is spoken of stays."""
    if BranchIdentity.objects.filter(branch=branch).exists():
        return
    try:
        with transaction.atomic():
            branch.delete()
    except (models.ProtectedError, models.RestrictedError, IntegrityError):
        return
