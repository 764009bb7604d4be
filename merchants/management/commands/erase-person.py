"""Forgets who somebody was who signed in here."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils import timezone

from merchants.actions.keeping import StillWorksHere, erase_user
from merchants.models import User
from portal import isolation


class Command(BaseCommand):
    help = "Forgets who somebody was who signed in here. What they did stays, as a number's."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("email")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError("Nobody signs in with this e-mail.")
        try:
            erase_user(user=user, at=timezone.now())
        except StillWorksHere as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"It is forgotten who number {user.pk} was.")
