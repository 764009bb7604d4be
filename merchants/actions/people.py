"""Making people, their memberships and their API tokens."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from merchants.models import ApiToken, Membership, Merchant, User


@transaction.atomic
def add_person(*, email: str, merchant: Merchant, role: str, name: str = "") -> Membership:
    """Make a person who does not exist yet, and give them a role at a merchant."""
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, name)
    membership, _ = Membership.objects.update_or_create(
        user=user, merchant=merchant, defaults={"role": role}
    )
    return membership


def one_time_link(user: User) -> tuple[str, str]:
    """The two parts of an address at which a person sets their password once."""
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def make_token(*, member: Membership, at: datetime) -> str:
    """A new API token; it is shown once and kept as a hash."""
    token = secrets.token_urlsafe(32)
    ApiToken.objects.create(membership=member, digest=token_digest(token), created_at=at)
    return token


def token_digest(token: str) -> bytes:
    """Tokens have 256 random bits, so a fast hash keeps them safe."""
    return hashlib.sha256(token.encode()).digest()
