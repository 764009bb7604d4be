"""Moving reconciliations to another business day."""

from collections.abc import Iterable
from datetime import date, datetime

from merchants.actions.days import Move, Moved
from merchants.models import Branch, ProviderAccount
from settlements.models import Reconciliation
from transactions.actions import hold


def _first(branch: Branch) -> datetime | None:
    own = Reconciliation.objects.filter(branch=branch).order_by("occurred_at")
    return own.values_list("occurred_at", flat=True).first()


def _move(branch: Branch, day: date, since: datetime, until: datetime) -> Iterable[Moved]:
    for account in ProviderAccount.objects.filter(branches__branch=branch).order_by("pk"):
        hold(account)
    own = Reconciliation.objects.filter(
        branch=branch, occurred_at__gte=since, occurred_at__lt=until
    ).exclude(business_day=day)
    moved = own.update(business_day=day)
    return [Moved(day, "", moved)] if moved else []


MOVES = [Move("reconciliations", _first, _move)]
