"""What of transactions a person may see."""

import re
from collections.abc import Sequence
from datetime import date

from django.db.models import Q, QuerySet

from merchants.models import Membership, ProviderAccount
from merchants.queries import branch_limit
from portal.upsert import hashes, of_refs
from transactions.models import Kind, Receipt, Session, Status, Transaction
from transactions.receipts import unpack

MOST_RELATED = 6


def transactions_for(member: Membership) -> QuerySet[Transaction]:
    """The transactions that a person may see."""
    own = Transaction.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal", "terminal_user", "account")


def net_of(rows: Sequence[Transaction]) -> dict[str, int]:
    """What some rows moved, by currency: captured purchases less captured refunds."""
    net: dict[str, int] = {}
    for row in rows:
        if row.status == Status.APPROVED and row.kind in (Kind.PURCHASE, Kind.REFUND):
            sign = -1 if row.kind == Kind.REFUND else 1
            net[row.currency] = net.get(row.currency, 0) + sign * (row.captured_minor or 0)
    return dict(sorted(net.items()))


def receipts_of(transaction: Transaction) -> list[Receipt]:
    """A transaction's receipts in the order in which they were printed."""
    own = Receipt.objects.filter(transaction=transaction).select_related("dictionary")
    return list(own.order_by("position", "pk"))


def transactions_of_ref(member: Membership, ref: str) -> list[int]:
    """The transactions that a provider's id leads to: theirs, a receipt's or a session's."""
    own = transactions_for(member)
    accounts = member.merchant.accounts.values("pk")
    answered = sessions_for(member).filter(ref=ref).exclude(transaction_ref=None)
    pairs = answered.values_list("account_id", "transaction_ref")
    wanted = Q(account__in=accounts, ref=ref)
    for account, answer in pairs[:MOST_RELATED]:
        wanted |= Q(account=account, ref=answer)
    found = set(own.filter(wanted).order_by().values_list("pk", flat=True)[:MOST_RELATED])
    slips = Receipt.objects.filter(ref=ref).values_list("transaction_id", flat=True)[:MOST_RELATED]
    return sorted(found | set(own.filter(pk__in=list(slips)).values_list("pk", flat=True)))


def first_digits_of(pks: Sequence[int]) -> dict[int, str]:
    """What of the cards' first digits the receipts of some transactions have printed, by id."""
    slips = Receipt.objects.filter(transaction__in=pks, position=0).select_related("dictionary")
    return {each.transaction_id: re.sub(r"\D.*", "", unpack(each).get("pan", "").replace(" ", ""))
            for each in slips}  # fmt: skip


def session_of(member: Membership, transaction: Transaction) -> Session | None:
    """The payment session that a transaction answered."""
    own = sessions_for(member).filter(account=transaction.account_id)
    return own.filter(transaction_ref=transaction.ref).order_by("occurred_at", "pk").first()


def neighbours_of(
    member: Membership, transaction: Transaction
) -> tuple[Transaction | None, Transaction | None]:
    """The transactions before and after on the same terminal."""
    if transaction.terminal_id is None:
        return None, None
    own = transactions_for(member).filter(terminal=transaction.terminal_id)
    at, pk = transaction.occurred_at, transaction.pk
    before = own.filter(occurred_at__lte=at).exclude(occurred_at=at, pk__gte=pk)
    after = own.filter(occurred_at__gte=at).exclude(occurred_at=at, pk__lte=pk)
    return (
        before.order_by("-occurred_at", "-pk").first(),
        after.order_by("occurred_at", "pk").first(),
    )


def of_same_reference(member: Membership, transaction: Transaction) -> list[Transaction]:
    """The others of the same customer reference: a refund of this sale, or its first try."""
    if not transaction.reference:
        return []
    own = transactions_for(member).filter(reference=transaction.reference)
    return list(own.exclude(pk=transaction.pk).order_by("-occurred_at", "-pk")[:MOST_RELATED])


def of_same_card(member: Membership, transaction: Transaction) -> list[Transaction]:
    """A guess at the same card at the same branch before: last four digits and scheme."""
    if not transaction.pan_last4 or transaction.branch_id is None:
        return []
    own = transactions_for(member).filter(
        pan_last4=transaction.pan_last4,
        scheme=transaction.scheme,
        branch=transaction.branch_id,
        occurred_at__lt=transaction.occurred_at,
    )
    return list(own.order_by("-occurred_at", "-pk")[:MOST_RELATED])


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
