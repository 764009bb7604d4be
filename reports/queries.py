"""Figures over several rooms, for a person."""

from dataclasses import dataclass
from datetime import datetime, time

from django.db.models import Count, Q, QuerySet, Sum

from merchants.models import Branch, Membership
from merchants.queries import branches_for
from transactions.models import Kind, Status, Transaction
from transactions.queries import transactions_for

SALES = Q(kind=Kind.PURCHASE, status=Status.APPROVED)
REFUNDS = Q(kind=Kind.REFUND, status=Status.APPROVED)


@dataclass(frozen=True)
class Today:
    """One currency's business day so far. Amounts are minor units."""

    currency: str
    sales_minor: int
    refunds_minor: int
    purchases: int
    declined: int
    other: int

    @property
    def net_minor(self) -> int:
        return self.sales_minor - self.refunds_minor

    @property
    def approval_per_mille(self) -> int | None:
        """Approved of all answered purchases, in thousandths; None before the first."""
        answered = self.purchases + self.declined
        return None if not answered else round(1000 * self.purchases / answered)

    @property
    def approval(self) -> str:
        """The same in per cent, with one decimal."""
        share = self.approval_per_mille or 0
        return f"{share // 10}.{share % 10}"


def of_today(member: Membership, now: datetime) -> QuerySet[Transaction]:
    """The transactions of each branch's own business day."""
    days: dict[tuple[str, time], list[int]] = {}
    for branch in branches_for(member).only("pk", "zone", "cut_off"):
        days.setdefault((branch.zone, branch.cut_off), []).append(branch.pk)
    condition = Q(pk__in=[])
    for (zone, cut_off), pks in days.items():
        day = Branch(zone=zone, cut_off=cut_off).business_day(now)
        condition |= Q(branch__in=pks, business_day=day)
    return transactions_for(member).filter(condition)


def today_by_currency(member: Membership, now: datetime) -> list[Today]:
    """What was sold today, a row for each currency."""
    rows = (
        of_today(member, now)
        .select_related(None)
        .order_by()
        .values("currency")
        .annotate(
            sales=Sum("captured_minor", filter=SALES),
            refunds=Sum("captured_minor", filter=REFUNDS),
            purchases=Count("pk", filter=SALES),
            declined=Count("pk", filter=Q(kind=Kind.PURCHASE, status=Status.DECLINED)),
            other=Count("pk", filter=~Q(status__in=[Status.APPROVED, Status.DECLINED])),
        )
        .order_by("currency")
    )
    return [
        Today(
            currency=row["currency"],
            sales_minor=row["sales"] or 0,
            refunds_minor=row["refunds"] or 0,
            purchases=row["purchases"],
            declined=row["declined"],
            other=row["other"],
        )
        for row in rows
    ]
