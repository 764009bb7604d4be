"""What of transactions a person may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Subquery

from merchants.models import Membership, Operation, ProviderAccount
from merchants.queries import branch_limit
from portal.upsert import hashes, of_refs
from providers.base.provider import TakesPayments
from providers.base.registry import providers, providers_that
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions.models import (
    DayTotal,
    IssuedReceipt,
    Kind,
    Note,
    Receipt,
    Session,
    SharedReceipt,
    Status,
    Transaction,
)
from transactions.receipts import unpack

MOST_RELATED = 6
MOST_SHOWN = 50
LATELY = timedelta(days=35)
STUCK_AFTER = timedelta(minutes=5)
# In which currencies somebody without any sales yet looks, and asks, for an amount.
NO_SALES = ("SAR",)


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
    accounts = list(member.merchant.accounts.values_list("pk", flat=True))
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
    return {each.transaction_id: first_digits(each) for each in slips}


def first_digits(receipt: Receipt) -> str:
    """What of a card's first digits a receipt has printed."""
    return re.sub(r"\D.*", "", unpack(receipt).get("pan", "").replace(" ", ""))


def session_of(member: Membership, transaction: Transaction) -> Session | None:
    """The payment session that a transaction answered."""
    own = sessions_for(member).filter(account=transaction.account_id)
    return own.filter(transaction_ref=transaction.ref).order_by("occurred_at", "pk").first()


@dataclass(frozen=True)
class Neighbours:
    """What happened on the same terminal before and after, and its next approved purchase."""

    before: Transaction | None = None
    after: Transaction | None = None
    purchase: Transaction | None = None


def neighbours_of(member: Membership, transaction: Transaction) -> Neighbours:
    """The transactions around one, in one statement."""
    if transaction.terminal_id is None:
        return Neighbours()
    own = transactions_for(member).filter(terminal=transaction.terminal_id)
    at, pk = transaction.occurred_at, transaction.pk
    before = own.filter(occurred_at__lte=at).exclude(occurred_at=at, pk__gte=pk)
    after = own.filter(occurred_at__gte=at).exclude(occurred_at=at, pk__lte=pk)
    sold = after.filter(kind=Kind.PURCHASE, status=Status.APPROVED)
    nearest = [
        rows.order_by(*order).values("pk")[:1]
        for rows, order in (
            (before, ("-occurred_at", "-pk")), (after, ("occurred_at", "pk")),
            (sold, ("occurred_at", "pk")),
        )
    ]  # fmt: skip
    # One key each, which leads to the row; of a list of them the whole terminal would be read.
    before_, after_, sold_ = (Subquery(each) for each in nearest)
    found = own.filter(Q(pk=before_) | Q(pk=after_) | Q(pk=sold_))
    rows = sorted(found, key=lambda row: (row.occurred_at, row.pk))
    later = [row for row in rows if (row.occurred_at, row.pk) > (at, pk)]
    purchases = [
        row for row in later if row.kind == Kind.PURCHASE and row.status == Status.APPROVED
    ]
    earlier = [row for row in rows if (row.occurred_at, row.pk) < (at, pk)]
    return Neighbours(next(iter(earlier), None), next(iter(later), None),
                      next(iter(purchases), None))  # fmt: skip


def of_same_reference(member: Membership, transaction: Transaction) -> list[Transaction]:
    """The others of the same customer reference: a refund of this sale, or its first try."""
    if not transaction.reference:
        return []
    own = transactions_for(member).filter(reference=transaction.reference)
    return list(own.exclude(pk=transaction.pk).order_by("-occurred_at", "-pk")[:MOST_RELATED])


def receipts_and_same_card(
    member: Membership, transaction: Transaction
) -> tuple[list[Receipt], list[Transaction]]:
    """A transaction's receipts, and a guess at what else was paid with its card before.

    The guess is by first six and last four digits and scheme. The first six stand on the receipts
    alone, which are read together with its own.
    """
    own = transactions_for(member).filter(
        pan_last4=transaction.pan_last4, scheme=transaction.scheme,
        occurred_at__lt=transaction.occurred_at,
    ).exclude(pan_last4=None)  # fmt: skip
    rows = list(own.order_by("-occurred_at", "-pk")[: MOST_RELATED * 8])
    wanted = Q(transaction=transaction) | Q(transaction__in=rows, position=0)
    slips = Receipt.objects.filter(wanted).select_related("dictionary")
    first: dict[int, str] = {}
    mine: list[Receipt] = []
    for each in slips.order_by("position", "pk"):
        first.setdefault(each.transaction_id, first_digits(each))
        if each.transaction_id == transaction.pk:
            mine.append(each)
    digits = first.get(transaction.pk)
    same = [row for row in rows if not digits or first.get(row.pk) in (digits, "", None)]
    return mine, same[:MOST_RELATED]


def shares_of(transaction: Transaction) -> list[SharedReceipt]:
    """The links that were made to a transaction's receipts, the newest first."""
    own = SharedReceipt.objects.filter(transaction=transaction).select_related("made_by")
    return list(own.order_by("-made_at", "-pk")[:MOST_SHOWN])


def papers_of(transaction: Transaction) -> list[IssuedReceipt]:
    """The receipts with our code that left for a transaction, the newest first."""
    own = IssuedReceipt.objects.filter(transaction=transaction)
    return list(own.order_by("-issued_at", "-pk")[:MOST_SHOWN])


def noted(member: Membership, word: str) -> QuerySet[Any, Any]:
    """The ids of the transactions that were noted with some case or tag."""
    own = Note.objects.filter(merchant=member.merchant_id).filter(Q(case=word) | Q(tag=word))
    return own.values("transaction_id")


def notes_of(transaction: Transaction) -> list[Note]:
    """What people noted about a transaction, the newest first."""
    own = Note.objects.filter(transaction=transaction).select_related("by")
    return list(own.order_by("-at", "-pk")[:MOST_SHOWN])


def sessions_for(member: Membership) -> QuerySet[Session]:
    """The payment sessions that a person may see."""
    own = Session.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal", "account")


def answer_of(member: Membership, session: Session) -> Transaction | None:
    """The transaction that a session was answered with, as far as it has been read."""
    if not session.transaction_ref:
        return None
    own = transactions_for(member).filter(account=session.account_id, ref=session.transaction_ref)
    return own.first()


def opening_of(session: Session) -> Operation | None:
    """The operation by which a session was opened from here."""
    own = Operation.objects.filter(
        account=session.account_id, kind=Operation.Kind.OPEN_SESSION,
        outcome__kind="session", outcome__id=session.pk,
    )  # fmt: skip
    return own.select_related("requested_by").order_by("pk").first()


def refunds_asked(transaction: Transaction) -> list[Operation]:
    """What was asked here to be given back of a sale, the latest first, with the row it `made`."""
    own = Operation.objects.filter(
        account=transaction.account_id, kind__in=Operation.REFUNDS,
        asked__sale=transaction.pk,
    )  # fmt: skip
    rows = list(own.select_related("requested_by", "agreed_by").order_by("-pk")[:MOST_RELATED])
    refs = [each.outcome["ref"] for each in rows if "ref" in each.outcome]
    made = Transaction.objects.filter(account=transaction.account_id, ref__in=refs) if refs else []
    by_ref = {each.ref: each for each in made}
    for each in rows:
        each.made = by_ref.get(each.outcome.get("ref"))  # type: ignore[attr-defined]
    return rows


def not_over(member: Membership) -> QuerySet[Transaction]:
    """Payments and refunds that are not over, at providers that take them in steps."""
    own = transactions_for(member).filter(
        status__in=(Status.PENDING, Status.AUTHORISED),
        account__provider__in=providers_that(TakesPayments),
    )
    return own.order_by("occurred_at", "pk")


@dataclass(frozen=True)
class WorkList:
    """What somebody should look at for one reason: STUCK, RESERVED, REFUND or RUNNING."""

    reason: str
    rows: list[Transaction]
    more: bool


def work_lists(rows: QuerySet[Transaction], moment: datetime) -> list[WorkList]:
    """What is not over, by what has to be done about it, the most urgent first."""
    parts = {
        # No till waits so long for a customer: it keeps the terminal from taking another payment.
        "STUCK": rows.filter(status=Status.PENDING, occurred_at__lt=moment - STUCK_AFTER),
        "RESERVED": rows.filter(status=Status.AUTHORISED, kind=Kind.PURCHASE),
        "REFUND": rows.filter(status=Status.AUTHORISED, kind=Kind.REFUND),
        "RUNNING": rows.filter(status=Status.PENDING, occurred_at__gte=moment - STUCK_AFTER),
    }
    found = []
    for reason, part in parts.items():
        some = list(part[: MOST_SHOWN + 1])
        for row in some:
            row.deadline = deadline_of(row)  # type: ignore[attr-defined]
        found.append(WorkList(reason, some[:MOST_SHOWN], len(some) > MOST_SHOWN))
    return found


def deadline_of(row: Transaction) -> datetime | None:
    """When the provider ends by itself what is reserved.

    At the latest: we may have heard of it late.
    """
    deadlines = providers()[row.account.provider].deadlines
    if row.status != Status.AUTHORISED or deadlines is None:
        return None
    lasts = deadlines.refund if row.kind == Kind.REFUND else deadlines.payment
    return row.occurred_at + lasts


def paying_terminals(member: Membership) -> QuerySet[Terminal]:
    """The terminals at which a payment can be begun from here."""
    own = terminals_for(member).filter(account__provider__in=providers_that(TakesPayments))
    here = own.exclude(ref=None).exclude(account__state=ProviderAccount.State.REMOVED)
    return here.order_by("tid", "pk")


def refunds_for(member: Membership) -> QuerySet[Operation]:
    """The refunds that were asked for from here, whether their sale may be seen or not."""
    own = Operation.objects.filter(
        merchant=member.merchant_id, kind__in=Operation.REFUNDS, asked__sale__gt=0
    )
    return own.select_related("requested_by", "account")


def currencies_of(member: Membership, moment: datetime) -> tuple[str, ...]:
    """The currencies in which a merchant has lately sold."""
    own = DayTotal.objects.filter(merchant=member.merchant_id, day__gte=(moment - LATELY).date())
    return tuple(own.order_by("currency").values_list("currency", flat=True).distinct()) or NO_SALES


def currency_of(terminal: Terminal) -> str | None:
    """The currency in which a terminal has last sold."""
    own = Transaction.objects.filter(terminal=terminal).order_by("-occurred_at", "-pk")
    return own.values_list("currency", flat=True).first()


# What of a transaction decides what it counts, and where.
COUNTED = ("branch_id", "business_day", "kind", "status", "captured_minor")
# And what a report of it says besides.
TOLD = ("scheme", "amount_minor", "currency", "occurred_at")


def counted_of(account: ProviderAccount, refs: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """COUNTED and TOLD of those of some transactions that are stored."""
    found = of_refs("transactions_transaction", (*COUNTED, *TOLD), account.pk, refs)
    return {ref: tuple(counted) for ref, *counted in found}


def stored_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of some transactions that are stored."""
    return hashes("transactions_transaction", account.pk, refs)


def stored_session_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The same for sessions."""
    return hashes("transactions_session", account.pk, refs)
