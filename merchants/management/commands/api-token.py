"""Makes a new API token and shows it once."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils.timezone import now

from merchants.actions.people import make_token
from merchants.models import Membership
from portal import isolation


class Command(BaseCommand):
    help = "A new API token of a person at a merchant, shown once, alone on the last line."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("email")
        parser.add_argument("--merchant", metavar="SLUG")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        own = Membership.objects.filter(user__email=options["email"].lower())
        if options["merchant"]:
            own = own.filter(merchant__slug=options["merchant"])
        found = list(own.select_related("merchant", "user").order_by("pk"))
        if not found:
            raise CommandError("No such person works for such a merchant.")
        if len(found) > 1:
            slugs = ", ".join(member.merchant.slug for member in found)
            raise CommandError(f"This person works for {slugs}: say which with --merchant.")
        self.stdout.write(make_token(member=found[0], at=now()))
