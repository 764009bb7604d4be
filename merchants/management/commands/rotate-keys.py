"""Encrypts everything anew with the newest of ENCRYPTION_KEYS, while the portal goes on."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from merchants.actions.keys import rotate
from portal import isolation
from portal.encryption import CannotDecrypt


class Command(BaseCommand):
    help = (
        "Encrypts everything anew with the first of ENCRYPTION_KEYS. Put the new key before the old"
        " one, restart, run this, and take the old one away."
    )

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rotate(using="owner")
        except CannotDecrypt:
            raise CommandError(
                "Something is encrypted with a key that is not among ENCRYPTION_KEYS."
            ) from None
        for what, rows in done.items():
            self.stdout.write(f"{what}: {rows}")
        self.stdout.write("Everything opens with the first key; the others can go.")
