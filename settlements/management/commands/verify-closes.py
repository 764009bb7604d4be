"""Makes every document of every close anew and follows the chains."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from merchants.models import Branch
from portal import isolation
from settlements.actions import BrokenChain, check_chain


class Command(BaseCommand):
    help = (
        "Makes the documents of closed days and months anew, and follows each branch's chain: a"
        " changed, removed or swapped one is found."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--merchant", metavar="SLUG", help="all of them where none is named")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        branches = Branch.objects.order_by("pk")
        if options["merchant"]:
            branches = branches.filter(merchant__slug=options["merchant"])
            if not branches.exists():
                raise CommandError(f"There is no merchant {options['merchant']} with a branch.")
        documents = chains = 0
        for branch in branches.iterator():
            try:
                found = check_chain(branch)
            except BrokenChain as problem:
                raise CommandError(str(problem)) from None
            documents += found
            chains += bool(found)
        self.stdout.write(f"{documents} documents in {chains} chains: all as they were made")
