"""Walks the trail of every merchant, or of one, and names what was done to it."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from merchants.actions.trail import chains, verify
from merchants.models import AuditHead, AuditPending, Merchant
from portal import isolation

NAMES = {
    "changed": "An entry was changed",
    "missing": "An entry is missing",
    "reordered": "An entry stands in another's place",
    "added": "An entry was slipped in",
    "cut": "The end was cut off or changed",
}


class Command(BaseCommand):
    help = (
        "Walks the trail and names what was done to it. Keep the printed ends elsewhere: they"
        " show later that nothing was cut off."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--merchant", metavar="SLUG", help="one merchant's chain")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        wanted = chains()
        if options["merchant"]:
            found = Merchant.objects.filter(slug=options["merchant"]).first()
            if found is None:
                raise CommandError(f"There is no merchant {options['merchant']}.")
            wanted = [found.pk]
        if waiting := AuditPending.objects.count():
            self.stdout.write(f"{waiting} entries wait for their seal.")
        flaws = 0
        for chain in wanted:
            own = 0
            for flaw in verify(chain):
                own += 1
                entry = f", entry {flaw.entry}" if flaw.entry else ""
                self.stdout.write(f"{NAMES[flaw.kind]}: chain {chain}, place {flaw.number}{entry}")
            head = AuditHead.objects.filter(chain=chain).first()
            where = f"place {head.number}, {bytes(head.hash).hex()}" if head else "no end"
            self.stdout.write(f"Chain {chain}: {'whole' if not own else 'not whole'} to {where}")
            flaws += own
        if flaws:
            raise CommandError(f"{flaws} flaws were found.")
