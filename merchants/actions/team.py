"""Who belongs to a merchant's team: inviting, joining, changing, ending and leaving.

Nobody grants more than they hold, and a merchant always has an owner.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from merchants.actions.people import add_person, token_digest
from merchants.actions.trail import Personal, record
from merchants.models import (
    Branch,
    CustomRole,
    Invitation,
    Membership,
    Merchant,
    Right,
    Role,
    User,
)
from merchants.queries import in_force
from merchants.rights import OF_ROLES
from portal import isolation

OPEN_FOR = timedelta(days=7)
MOST_OPEN = 100


class NotAllowed(Exception):
    """Why the team stays as it is, in words for whoever asked."""


@dataclass(frozen=True)
class Place:
    """What somebody is to be: a role, of which branches (None is all), and until when."""

    role: str
    custom_role: CustomRole | None = None
    branches: Collection[Branch] | None = None
    expires_at: datetime | None = None

    @property
    def rights(self) -> frozenset[Right]:
        if self.custom_role is not None:
            return frozenset(Right(each) for each in self.custom_role.rights)
        return OF_ROLES[Role(self.role)]

    def told(self) -> dict[str, Any]:
        """The place as the trail has it."""
        where = None if self.branches is None else sorted(each.pk for each in self.branches)
        return {
            "role": str(self.custom_role.name if self.custom_role else self.role),
            "branches": "all" if where is None else ", ".join(str(each) for each in where),
            "until": self.expires_at.isoformat() if self.expires_at else "",
        }


def place_of(member: Membership) -> Place:
    """What a member is now."""
    branches = None if member.every_branch else list(member.branches.order_by("pk"))
    return Place(member.role, member.custom_role, branches, member.expires_at)


def _may_grant(by: Membership, rights: Iterable[Right]) -> None:
    by.need(Right.TEAM)
    beyond = [right for right in rights if not by.may(right)]
    if beyond:
        names = ", ".join(str(right.label) for right in sorted(beyond))
        raise NotAllowed(
            _("You cannot grant what you do not hold: %(rights)s.") % {"rights": names}
        )


def _held(merchant: int) -> None:
    """Who changes a team waits for whoever does so already: else two could remove two owners."""
    Merchant.objects.select_for_update().get(pk=merchant)


def _as_now(member: Membership, at: datetime) -> Membership:
    """The same membership as it is behind the lock. Raises NotAllowed where it is over."""
    found = Membership.objects.filter(in_force(at), pk=member.pk)
    now = found.select_related("user", "merchant", "custom_role").first()
    if now is None:
        raise NotAllowed(_("This membership is over."))
    return now


def _revoked_keys(member: Membership) -> dict[str, str]:
    """A key that was lost with its member must not open again with them; what the trail says."""
    names = [str(each) for each in member.tokens.order_by("pk")]
    member.tokens.all().delete()
    return {"keys": ", ".join(names)} if names else {}


def _owner_stays(member: Membership, at: datetime) -> None:
    """Raise NotAllowed where no other lasting owner would be left."""
    if member.role != Role.OWNER:
        return
    others = Membership.objects.filter(in_force(at), merchant=member.merchant_id, role=Role.OWNER)
    # One of some branches cannot manage the team, so they keep nothing open.
    lasting = others.filter(expires_at=None, every_branch=True, user__is_active=True)
    lasting = lasting.exclude(pk=member.pk)
    if not lasting.exists():
        raise NotAllowed(
            _("A merchant needs an owner who stays. Make somebody else an owner first.")
        )


@transaction.atomic
def invite(*, by: Membership, email: str, place: Place, at: datetime) -> tuple[Invitation, str]:
    """Offer a place to somebody; the second part is the link's secret, which goes to their mail.

    An open invitation to the same e-mail is replaced. Raises NotAllowed.
    """
    _held(by.merchant_id)
    _may_grant(_as_now(by, at), place.rights)
    email = email.strip().lower()
    if Membership.objects.filter(in_force(at), merchant=by.merchant_id, user__email=email).exists():
        raise NotAllowed(_("%(email)s is in the team already.") % {"email": email})
    own = Invitation.objects.filter(merchant=by.merchant_id)
    own.filter(Q(email=email) | Q(open_until__lt=at)).delete()
    if own.count() >= MOST_OPEN:
        raise NotAllowed(_("Too many invitations are open; withdraw some first."))
    secret = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        merchant_id=by.merchant_id, email=email, role=place.role, custom_role=place.custom_role,
        every_branch=place.branches is None, expires_at=place.expires_at, invited_by_id=by.user_id,
        digest=token_digest(secret), created_at=at, open_until=at + OPEN_FOR,
    )  # fmt: skip
    if place.branches is not None:
        made.branches.set(place.branches)
    invited = Personal(email, "invitation", made.pk)
    record("team.invited", subject=made, facts={"email": invited, **place.told()})
    return made, secret


@transaction.atomic
def withdraw(*, by: Membership, invitation: Invitation, at: datetime) -> None:
    """Take an invitation back; its link opens nothing from then on.

    One that was taken or withdrawn meanwhile stays as it is.
    """
    _held(by.merchant_id)
    _as_now(by, at).need(Right.TEAM)
    if Invitation.objects.filter(pk=invitation.pk).exists():
        record("team.withdrawn", subject=invitation)
        invitation.delete()


def invitation_of(secret: str, at: datetime) -> Invitation | None:
    """The open invitation that a link belongs to."""
    with isolation.everywhere():
        own = Invitation.objects.select_related("merchant", "custom_role", "invited_by")
        return own.filter(digest=token_digest(secret), open_until__gte=at).first()


@transaction.atomic
def accept(*, invitation: Invitation, user: User, at: datetime) -> Membership:
    """Take the place. It opens to the person of its e-mail alone. Raises NotAllowed."""
    if user.email != invitation.email:
        raise NotAllowed(_("This invitation is for another e-mail."))
    _held(invitation.merchant_id)
    if not Invitation.objects.select_for_update().filter(pk=invitation.pk).exists():
        raise NotAllowed(_("This invitation has been used or withdrawn."))
    _still_offered(invitation, at)
    member, _made = Membership.objects.update_or_create(
        user=user, merchant_id=invitation.merchant_id,
        defaults={
            "role": invitation.role, "custom_role": invitation.custom_role,
            "every_branch": invitation.every_branch, "expires_at": invitation.expires_at,
            "ended_at": None,
        },
    )  # fmt: skip
    member.branches.set(invitation.branches.all())
    facts = place_of(member).told() | _revoked_keys(member)
    record("team.joined", subject=member, actor=user, facts=facts)
    invitation.delete()
    return member


def _still_offered(invitation: Invitation, at: datetime) -> None:
    """Raise NotAllowed where whoever offered the place could not offer it any more."""
    offered = Membership.objects.filter(
        in_force(at), merchant=invitation.merchant_id, user=invitation.invited_by_id
    ).first()
    rights = Place(invitation.role, invitation.custom_role).rights
    if offered is None or not all(offered.may(right) for right in {*rights, Right.TEAM}):
        raise NotAllowed(_("Whoever invited you may not do so any more. Ask for a new invitation."))


@transaction.atomic
def join(*, invitation: Invitation, name: str, password: str, at: datetime) -> User:
    """Make the person whom an invitation is for, who takes the place at once."""
    _held(invitation.merchant_id)
    if User.objects.filter(email=invitation.email).exists():
        raise NotAllowed(_("This invitation has been used or withdrawn."))
    user = User.objects.create_user(invitation.email, name, password)
    accept(invitation=invitation, user=user, at=at)
    return user


@transaction.atomic
def change_member(*, by: Membership, member: Membership, place: Place, at: datetime) -> None:
    """Give a member another place. Raises NotAllowed."""
    _held(member.merchant_id)
    member = _as_now(member, at)
    _may_grant(_as_now(by, at), place.rights | member.rights)
    stays = place.role == Role.OWNER and place.expires_at is None and place.branches is None
    if not stays:
        _owner_stays(member, at)
    before, after = place_of(member).told(), place.told()
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if not changes:
        return
    Membership.objects.filter(pk=member.pk).update(
        role=place.role, custom_role=place.custom_role, every_branch=place.branches is None,
        expires_at=place.expires_at,
    )  # fmt: skip
    member.branches.set(place.branches or [])
    record("team.changed", subject=member, facts=changes)


@transaction.atomic
def end_member(*, by: Membership, member: Membership, at: datetime) -> None:
    """End a membership; what is asked for a moment later is refused. Raises NotAllowed."""
    _held(member.merchant_id)
    member = _as_now(member, at)
    if by.pk != member.pk:
        _may_grant(_as_now(by, at), member.rights)
    _owner_stays(member, at)
    keys = _revoked_keys(member)
    if Membership.objects.filter(pk=member.pk, ended_at=None).update(ended_at=at):
        record("team.left" if by.pk == member.pk else "team.ended", subject=member, facts=keys)


@transaction.atomic
def keep_role(
    *,
    by: Membership,
    name: str,
    rights: Collection[str],
    at: datetime,
    role: CustomRole | None = None,
) -> CustomRole:
    """Make a role of one's own, or change it for all who have it. Raises NotAllowed."""
    name = " ".join(name.split())
    known = [Right(each) for each in Right.values if each in rights]
    _held(by.merchant_id)
    if role is not None:
        role.refresh_from_db()
    held_now = [Right(each) for each in (role.rights if role else ())]
    _may_grant(_as_now(by, at), [*known, *held_now])
    if not name or len(name) > 60:
        raise NotAllowed(_("A role needs a name of at most 60 signs."))
    taken = CustomRole.objects.filter(merchant=by.merchant_id, name=name)
    if (taken.exclude(pk=role.pk) if role else taken).exists():
        raise NotAllowed(_("There is a role of this name already."))
    held = ", ".join(each.value for each in known)
    if role is None:
        role = CustomRole.objects.create(merchant_id=by.merchant_id, name=name, rights=known)
        record("role.made", subject=role, facts={"name": name, "rights": held})
    else:
        before = {"name": role.name, "rights": ", ".join(role.rights)}
        after = {"name": name, "rights": held}
        changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
        if changes:
            role.name, role.rights = name, known
            role.save()
            record("role.changed", subject=role, facts=changes)
    return role


def is_known(invitation: Invitation) -> bool:
    """Whether the person whom an invitation is for can sign in already."""
    return User.objects.filter(email=invitation.email).exists()


@transaction.atomic
def put_in_role(
    *, email: str, merchant: Merchant, role: str, name: str, at: datetime
) -> Membership:
    """Make somebody a member by an operator's word, or give a member back a usual role.

    Raises NotAllowed where no owner would be left.
    """
    _held(merchant.pk)
    known = Membership.objects.filter(merchant=merchant, user__email=email.strip().lower()).first()
    if known is not None and role != Role.OWNER and known.ended_at is None:
        _owner_stays(known, at)
    member = add_person(email=email, merchant=merchant, role=role, name=name)
    record("team.joined", subject=member, actor=member.user, facts={"role": role})
    return member
