"""Giving an account's reconciliations to another branch."""

from merchants.actions.joining import Place
from merchants.models import Branch, ProviderAccount
from settlements.models import Reconciliation


def _give(account: ProviderAccount, before: Branch, after: Branch) -> int:
    return Reconciliation.objects.filter(account=account, branch=before).update(branch=after)


PLACES = [Place("reconciliations", _give)]
