"""Giving an account's terminals to another branch."""

from merchants.actions.joining import Place
from merchants.models import Branch, ProviderAccount
from terminals.models import Terminal


def _give(account: ProviderAccount, before: Branch, after: Branch) -> int:
    return Terminal.objects.filter(account=account, branch=before).update(branch=after)


PLACES = [Place("terminals", _give)]
