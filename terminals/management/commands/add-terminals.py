"""Tells the portal which terminals there are, where a provider knows them by number only."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils.timezone import now

from merchants.models import ProviderAccount
from portal import isolation
from portal.conflicts import Conflict
from terminals.actions import add_terminals


class Command(BaseCommand):
    help = "Adds terminals to an account by their numbers; those it has already stay as they are."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("account", type=int, help="the account's id")
        parser.add_argument("numbers", nargs="+", metavar="NUMBER")

    @isolation.everywhere()
    def handle(self, *args: Any, account: int, numbers: list[str], **options: Any) -> None:
        found = ProviderAccount.objects.filter(pk=account).first()
        if found is None:
            raise CommandError(f"There is no account {account}.", returncode=2)
        try:
            added = add_terminals(account=found, tids=numbers, by=None, at=now())
        except Conflict as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(str(len(added)))
