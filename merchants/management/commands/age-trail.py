"""Removes what of the trail is older than some months, and leaves a signed stub."""

from datetime import timedelta
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils import timezone

from merchants.actions.trail import age
from portal import isolation

LEAST = 12


class Command(BaseCommand):
    help = "Removes what of the trail is older than some months, under the owner's role."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--months", type=int, required=True, help=f"at least {LEAST}")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        if options["months"] < LEAST:
            raise CommandError(f"The trail is kept for {LEAST} months at least.")
        now = timezone.now()
        removed = age(now - timedelta(days=31 * options["months"]), now, using="owner")
        self.stdout.write(f"{removed} entries were removed; a stub of each chain says so.")
