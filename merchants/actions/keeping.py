"""How long a merchant keeps what is personal, and what is kept of a person who signs in."""

from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from merchants.actions.trail import forget, record, values_of
from merchants.models import ApiToken, AuditEntry, Invitation, Membership, Merchant, Right, User
from merchants.queries import memberships_of
from portal import isolation

# Months that may be chosen; None keeps it.
MONTHS = (6, 12, 24, 36, 60, 84, 120)
MOST_ENTRIES = 10_000


class StillWorksHere(Exception):
    """Somebody is a member of a merchant, so their sign-in is needed."""


@transaction.atomic
def keep_for(*, by: Membership, months: int | None, answers_checks: bool) -> None:
    """Say after how many months a sale no longer tells in whose hands it was.

    `answers_checks`: whether anybody may ask if a receipt is genuine.
    """
    by.need(Right.TEAM)
    if months is not None and months not in MONTHS:
        raise ValueError("Not one of the months that are offered.")
    merchant = Merchant.objects.select_for_update().get(pk=by.merchant_id)
    if (merchant.personal_months, merchant.answers_checks) == (months, answers_checks):
        return
    record(
        "merchant.keeping_changed",
        subject=merchant,
        merchant=merchant,
        facts={
            name: [before, after]
            for name, before, after in (
                ("months", merchant.personal_months or 0, months or 0),
                ("answers_checks", merchant.answers_checks, answers_checks),
            )
            if before != after
        },
    )
    own = Merchant.objects.filter(pk=merchant.pk)
    own.update(personal_months=months, answers_checks=answers_checks)


def kept_of(user: User) -> dict[str, Any]:
    """Everything that is kept of somebody who signs in, as JSON, for themselves."""
    own = memberships_of(user)
    with isolation.everywhere():
        entries = list(AuditEntry.objects.filter(actor=user.pk).order_by("at", "pk")[:MOST_ENTRIES])
        keys = list(ApiToken.objects.filter(membership__user=user.pk).order_by("pk"))
    values = values_of(entries)
    return {
        "person": {"id": user.pk, "email": user.email, "name": user.name},
        "merchants": [
            {
                "merchant": each.merchant.name, "role": each.role_name,
                "since": each.created_at, "until": each.expires_at,
            }
            for each in own
        ],
        "keys": [
            {"name": each.name, "made_at": each.created_at, "last_used_at": each.last_used_at}
            for each in keys
        ],
        "second_factors": sorted(
            Authenticator.objects.filter(user=user.pk).values_list("type", flat=True)
        ),
        "trail": [
            {
                "at": each.at, "action": each.action, "door": each.door, "address": each.address,
                "reason": each.reason, "facts": each.facts | values.get(each.pk, {}),
            }
            for each in entries
        ],
    }  # fmt: skip


@transaction.atomic
def erase_user(*, user: User, at: datetime) -> None:
    """Forget who somebody was who signed in here; what they did stays, as somebody's number.

    Raises StillWorksHere.
    """
    if memberships_of(user):
        raise StillWorksHere(_("They still work for a merchant: end their memberships first."))
    ApiToken.objects.filter(membership__user=user.pk).delete()
    Invitation.objects.filter(email=user.email).delete()
    Authenticator.objects.filter(user=user.pk).delete()
    EmailAddress.objects.filter(user=user.pk).delete()
    user.set_unusable_password()
    User.objects.filter(pk=user.pk).update(
        email=f"erased-{user.pk}@invalid.invalid", name="", password=user.password,
        is_active=False, sessions_ended=F("sessions_ended") + 1,
    )  # fmt: skip
    forget("user", user.pk, at)
