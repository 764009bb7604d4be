"""Connects a provider's account from the command line."""

import os
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.timezone import now

from merchants.actions import accounts
from merchants.management.commands.person import merchant_named
from merchants.models import ProviderAccount
from portal import isolation
from providers.base.registry import providers


class Command(BaseCommand):
    help = "Adds or updates a provider account; prints its id alone on the last line."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("provider", choices=list(providers()))
        parser.add_argument("--merchant", required=True, metavar="SLUG")
        parser.add_argument("--create", metavar="NAME", help="make the merchant if it is missing")
        parser.add_argument("--name", help="what your team calls the account")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
        parser.add_argument(
            "--set-env",
            action="append",
            default=[],
            metavar="KEY=VARIABLE",
            help="take a secret from the environment, where no process list shows it",
        )

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        given = dict(text.partition("=")[::2] for text in options["set"])
        for text in options["set_env"]:
            key, _, variable = text.partition("=")
            if variable not in os.environ:
                raise CommandError(f"The environment has no {variable}.")
            given[key] = os.environ[variable]
        provider = options["provider"]
        try:
            pk = self._connect(provider, given, options)
        except (accounts.InvalidCredentials, accounts.AlreadyConnected) as problem:
            field = getattr(problem, "field", "")
            raise CommandError(f"{field}: {problem}" if field else str(problem)) from None
        self.stdout.write(str(pk))

    @transaction.atomic
    def _connect(self, provider: str, given: dict[str, str], options: dict[str, Any]) -> int:
        """All of it or nothing: bad credentials leave no merchant behind."""
        merchant = merchant_named(options["merchant"], options["create"])
        name = options["name"] or providers()[provider].title
        own = ProviderAccount.objects.filter(merchant=merchant, provider=provider, name=name)
        known = own.exclude(state=ProviderAccount.State.REMOVED).first()
        if known is not None:
            accounts.change_account(account=known, name=known.name, credentials=given, at=now())
            return known.pk
        made = accounts.connect_account(
            merchant=merchant, provider=provider, name=name, credentials=given, at=now()
        )
        return made.pk
