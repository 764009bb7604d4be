"""What of reconciliations a person may see."""

from collections.abc import Sequence

from django.db.models import Prefetch, QuerySet

from merchants.models import Membership, ProviderAccount
from merchants.queries import branch_limit
from portal.upsert import hashes
from settlements.models import Reconciliation, SchemeTotal
from transactions.models import Transaction


def reconciliations_for(member: Membership) -> QuerySet[Reconciliation]:
    """The reconciliations that a person may see."""
    own = Reconciliation.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal", "account")


def close_after(member: Membership, transaction: Transaction) -> Reconciliation | None:
    """The first close of a transaction's terminal after it."""
    if transaction.terminal_id is None:
        return None
    own = reconciliations_for(member).filter(terminal=transaction.terminal_id)
    after = own.filter(occurred_at__gte=transaction.occurred_at)
    return after.order_by("occurred_at", "pk").first()


def schemes_of(reconciliation: Reconciliation) -> list[SchemeTotal]:
    """A close by scheme: what does not balance first, then what was used."""
    own = list(SchemeTotal.objects.filter(reconciliation=reconciliation).order_by("position", "pk"))
    return sorted(own, key=lambda each: (each.balanced, not each.pos_total_count, each.position))


def stored_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of some reconciliations that are stored."""
    return hashes("settlements_reconciliation", account.pk, refs)


def reconciliations_with_schemes(member: Membership) -> QuerySet[Reconciliation]:
    """The same, with their totals by scheme."""
    schemes = SchemeTotal.objects.order_by("position", "pk")
    return reconciliations_for(member).prefetch_related(Prefetch("schemes", schemes))
