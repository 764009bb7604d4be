"""Makes a person, or gives a known one a role, and prints a one-time link."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.core.validators import validate_email
from django.urls import reverse
from django.utils import timezone

from merchants.actions.people import one_time_link
from merchants.actions.team import NotAllowed, put_in_role
from merchants.models import Merchant, Role
from portal import isolation


class Command(BaseCommand):
    help = "Makes or invites a person; prints a one-time link alone on the last line."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("email")
        parser.add_argument("--merchant", required=True, metavar="SLUG")
        parser.add_argument("--create", metavar="NAME", help="make the merchant if it is missing")
        parser.add_argument(
            "--role", required=True, choices=[r.lower() for r in Role.values if r != Role.CUSTOM]
        )
        parser.add_argument("--name", default="")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["email"])
        except ValidationError:
            raise CommandError(f"{options['email']} is not an e-mail address.") from None
        merchant = merchant_named(options["merchant"], options["create"])
        try:
            member = put_in_role(
                email=options["email"],
                merchant=merchant,
                role=options["role"].upper(),
                name=options["name"],
                at=timezone.now(),
            )
        except NotAllowed as problem:
            raise CommandError(str(problem)) from None
        self.stderr.write(f"{member.user.email} is {member.get_role_display()} of {merchant.name}.")
        uidb64, token = one_time_link(member.user)
        path = reverse("set-password", args=[uidb64, token])
        self.stdout.write(f"{settings.PUBLIC_URL.rstrip('/')}{path}")


def merchant_named(slug: str, create: str | None) -> Merchant:
    """A merchant by its slug, made where a name for it was given."""
    merchant = Merchant.objects.filter(slug=slug).first()
    if merchant is None:
        if not create:
            raise CommandError(f"There is no merchant {slug}; add --create NAME to make it.")
        merchant = Merchant.objects.create(slug=slug, name=create)
    return merchant
