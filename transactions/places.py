"""Giving an account's transactions to another branch, with the roll-ups in the same transaction."""

from merchants.actions.joining import Place
from merchants.models import Branch, ProviderAccount
from providers.base.registry import providers
from transactions.models import Change, Session, Transaction
from transactions.rollups import hold, refresh


def _give(account: ProviderAccount, before: Branch, after: Branch) -> int:
    hold(account)
    own = Transaction.objects.filter(account=account, branch=before)
    days = set(own.order_by().values_list("business_day", flat=True).distinct())
    Change.objects.filter(transaction__account=account, branch=before).update(branch=after)
    Change.objects.filter(transaction__account=account, branch_before=before).update(
        branch_before=after
    )
    Session.objects.filter(account=account, branch=before).update(branch=after)
    moved = own.update(branch=after)
    cells = {(branch.pk, day) for branch in (before, after) for day in days}
    refresh(account, cells, providers()[account.provider].default_zone)
    return moved


PLACES = [Place("transactions", _give)]
