"""The demo: two merchants, their people, and accounts at the sandbox. Refused unless DEMO is on."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from merchants.actions import accounts
from merchants.actions.people import add_person
from merchants.forms import DEMO_PASSWORD
from merchants.models import Branch, Membership, Merchant, ProviderAccount, Role

# Slug, names, and the api-key by which the sandbox tells the two apart.
MERCHANTS = [
    ("demo", "Demo Coffee", "قهوة التجربة", "sandbox-key-of-demo"),
    ("other", "Other Bakery", "مخبز آخر", "sandbox-key-of-other"),
]
PEOPLE = [
    ("owner@demo.test", "Noura Al-Shehri", "demo", Role.OWNER),
    ("admin@demo.test", "Faisal Al-Harbi", "demo", Role.ADMIN),
    ("accountant@demo.test", "Omar Haddad", "demo", Role.ACCOUNTANT),
    ("support@demo.test", "Reem Al-Qahtani", "demo", Role.SUPPORT),
    ("branch@demo.test", "Lama Al-Ghamdi", "demo", Role.SUPPORT),
    ("admin@other.test", "Khalid Al-Otaibi", "other", Role.ADMIN),
]
ONE_BRANCH = "branch@demo.test"


class NotTheDemo(Exception):
    """The demo's people have a published password, so they exist only where DEMO is on."""


@transaction.atomic
def make_people() -> None:
    """The demo's merchants and people; those who exist are left as they are."""
    if not settings.DEMO:
        raise NotTheDemo("The demo is not on here.")
    for slug, name, name_ar, _key in MERCHANTS:
        Merchant.objects.get_or_create(slug=slug, defaults={"name": name, "name_ar": name_ar})
    for email, name, slug, role in PEOPLE:
        merchant = Merchant.objects.get(slug=slug)
        if Membership.objects.filter(user__email=email, merchant=merchant).exists():
            continue
        member = add_person(email=email, merchant=merchant, role=role, name=name)
        member.user.set_password(DEMO_PASSWORD)
        member.user.save()
        if email == ONE_BRANCH:
            Membership.objects.filter(pk=member.pk).update(every_branch=False)


def connect_accounts(base_url: str, at: datetime) -> None:
    """An account at the sandbox for each merchant; it may listen elsewhere than last time."""
    for slug, _name, _name_ar, key in MERCHANTS:
        credentials = {"api_key": key, "base_url": base_url}
        merchant = Merchant.objects.get(slug=slug)
        known = ProviderAccount.objects.filter(merchant=merchant, provider="nearpay").first()
        if known is None:
            accounts.connect_account(
                merchant=merchant, provider="nearpay", name="NearPay, Riyadh",
                credentials=credentials, at=at,
            )  # fmt: skip
        elif known.credentials and accounts.described(known)["base_url"] != base_url:
            accounts.change_account(account=known, name=known.name, credentials=credentials, at=at)


def give_one_branch() -> bool:
    """Limit one support agent to the first branch; whether there is one by now."""
    member = Membership.objects.get(user__email=ONE_BRANCH)
    first = Branch.objects.filter(merchant=member.merchant).order_by("pk").first()
    if first is not None and not member.branches.exists():
        member.branches.add(first)
    return first is not None
