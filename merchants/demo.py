"""The demo: two merchants, their people, and accounts at the sandbox. Refused unless DEMO is on."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from merchants.actions import accounts
from merchants.actions.joining import join_branch
from merchants.actions.people import add_person
from merchants.forms import DEMO_PASSWORD
from merchants.models import Branch, BranchIdentity, Membership, Merchant, ProviderAccount, Role
from providers.base.registry import providers

MERCHANTS = [("demo", "Demo Coffee", "قهوة التجربة"), ("other", "Other Bakery", "مخبز آخر")]
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
    for slug, name, name_ar in MERCHANTS:
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


def connect_accounts(base_url: str, at: datetime) -> list[tuple[ProviderAccount, tuple[str, ...]]]:
    """The accounts at every provider's sandbox, which may listen elsewhere than last time.

    Returns them with the numbers of terminals that no list of the provider's would tell.
    """
    made = []
    # The one that is read first has the branch that is somebody's only one.
    for name, factory in reversed(providers().items()):
        for demo in factory.demo:
            merchant = Merchant.objects.get(slug=demo.merchant)
            credentials = {**demo.credentials, "base_url": f"{base_url}/{name}"}
            known = ProviderAccount.objects.filter(merchant=merchant, provider=name).first()
            if known is None:
                known = accounts.connect_account(
                    merchant=merchant, provider=name, name=demo.name, credentials=credentials, at=at
                )
            elif (
                known.credentials
                and accounts.described(known)["base_url"] != (credentials["base_url"])
            ):
                # What else of them was changed since the first start stays.
                kept = {**credentials, **accounts.in_the_clear(known)}
                kept["base_url"] = credentials["base_url"]
                accounts.change_account(account=known, name=known.name, credentials=kept, at=at)
            made.append((known, demo.terminals))
    return made


def give_one_branch() -> bool:
    """Limit one support agent to the first branch; whether there is one by now."""
    member = Membership.objects.get(user__email=ONE_BRANCH)
    account = ProviderAccount.objects.filter(merchant=member.merchant).order_by("pk").first()
    first = Branch.objects.filter(identities__account=account).order_by("pk").first()
    if first is not None and not member.branches.exists():
        member.branches.add(first)
    return first is not None


def join_branches() -> bool:
    """Make one branch of what two accounts know; whether all of them are there by now."""
    done = True
    for name, factory in providers().items():
        for demo in factory.demo:
            for theirs, ours in demo.joins:
                own = BranchIdentity.objects.filter(
                    account__merchant__slug=demo.merchant, account__provider=name, name=theirs
                )
                identity = own.select_related("branch", "account").first()
                into = Branch.objects.filter(merchant__slug=demo.merchant, name=ours).first()
                if identity is None or into is None:
                    done = False
                elif BranchIdentity.objects.filter(branch=identity.branch_id).count() == 1:
                    owner = Membership.objects.filter(merchant__slug=demo.merchant, role=Role.OWNER)
                    join_branch(identity=identity, into=into, by=owner[0], at=now())
    return done
