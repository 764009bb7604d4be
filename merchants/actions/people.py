"""Making people, their memberships and their API tokens."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from merchants.actions.trail import record
from merchants.models import ApiToken, Branch, Membership, Merchant, Right, Role, User
from merchants.queries import branches_for


@transaction.atomic
def add_person(*, email: str, merchant: Merchant, role: str, name: str = "") -> Membership:
    """Make a person who does not exist yet, and give them a role at a merchant."""
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, name)
    place: dict[str, Any] = {
        "role": role, "custom_role": None, "ended_at": None, "expires_at": None,
    }  # fmt: skip
    if role == Role.OWNER:
        # An owner of some branches could not manage the team.
        place["every_branch"] = True
    membership, _ = Membership.objects.update_or_create(
        user=user, merchant=merchant, defaults=place
    )
    return membership


def one_time_link(user: User) -> tuple[str, str]:
    """The two parts of an address at which a person sets their password once."""
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def make_token(
    *,
    member: Membership,
    at: datetime,
    name: str = "",
    rights: Collection[Right] | None = None,
    branches: Collection[Branch] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """A new API token; it is shown once and kept as a hash.

    It never may more than its member: what it is kept to is looked at beside their rights.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        made = ApiToken.objects.create(
            membership=member, name=name, digest=token_digest(token), begins=token[:6],
            rights=None if rights is None else sorted(rights),
            branches=None if branches is None else sorted(each.pk for each in branches),
            created_at=at, expires_at=expires_at,
        )  # fmt: skip
        record(
            "token.made",
            subject=made,
            merchant=member.merchant_id,
            facts={
                "name": name,
                "rights": ", ".join(made.rights) if made.rights is not None else "all",
                "branches": ", ".join(map(str, made.branches)) if made.branches else "all",
            },
        )
    return token


@transaction.atomic
def make_service_token(
    *, by: Membership, name: str, rights: Collection[Right], at: datetime, **kept: Any
) -> str:
    """A key of a program's own, which outlives the membership of whoever made it.

    It may no more than it is kept to, which nobody grants who does not hold it.
    """
    for right in (Right.TEAM, *rights):
        by.need(right)
    if not by.sees_every_branch and kept.get("branches") is None:
        kept["branches"] = list(branches_for(by))
    service = User.objects.create_user(f"{secrets.token_hex(8)}@service.invalid", name)
    User.objects.filter(pk=service.pk).update(is_service=True)
    place = Membership.objects.create(
        user=service, merchant_id=by.merchant_id, role=Role.ADMIN, made_by=by.user
    )
    return make_token(member=place, at=at, name=name, rights=rights, **kept)


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    """Take a key away; it opens nothing from then on. A program goes with its key."""
    record(
        "token.revoked",
        subject=token,
        merchant=token.membership.merchant_id,
        facts={"name": token.name},
    )
    place = token.membership
    token.delete()
    if place.user.is_service:
        Membership.objects.filter(pk=place.pk).update(ended_at=timezone.now())
        User.objects.filter(pk=place.user_id).update(is_active=False)


def token_digest(token: str) -> bytes:
    """Tokens have 256 random bits, so a fast hash keeps them safe."""
    return hashlib.sha256(token.encode()).digest()
