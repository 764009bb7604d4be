"""What of transactions a person may see."""

from collections.abc import Sequence
from datetime import date

from django.db.models import QuerySet

from merchants.models import Membership, ProviderAccount
from merchants.queries import branch_limit
from portal.upsert import hashes, of_refs
from transactions.models import Receipt, Session, Transaction


def transactions_for(member: Membership) -> QuerySet[Transaction]:
    """The transactions that a person may see."""
    own = Transaction.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal", "terminal_user", "account")


def receipts_of(transaction: Transaction) -> list[Receipt]:
    """A transaction's receipts in the order in which they were printed."""
    own = Receipt.objects.filter(transaction=transaction).select_related("dictionary")
    return list(own.order_by("position", "pk"))


def sessions_for(member: Membership) -> QuerySet[Session]:
    """The payment sessions that a person may see."""
    own = Session.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal", "account")


def cells_of(account: ProviderAccount, refs: Sequence[str]) -> dict[str, tuple[int | None, date]]:
    """The branch and business day in which those of some transactions stand that are stored."""
    found = of_refs("transactions_transaction", ("branch_id", "business_day"), account.pk, refs)
    return {ref: (branch, day) for ref, branch, day in found}


def stored_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of some transactions that are stored."""
    return hashes("transactions_transaction", account.pk, refs)


def stored_session_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The same for sessions."""
    return hashes("transactions_session", account.pk, refs)
