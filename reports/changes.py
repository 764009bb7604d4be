"""What has changed since somebody last looked: late rows, flipped states, totals, terminals."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, F, Q

from merchants.actions.trail import record
from merchants.models import Branch, Membership
from merchants.queries import branch_limit, branches_for
from reports.models import Looked
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions.models import Change

SHOWN = 50
# Who never looked is shown so much.
FIRST = timedelta(days=7)
# What a change adds to a day, and takes from the one it was of. Sales are approved purchases,
# refunds approved refunds, both by what was captured.
_MOVED = """
    select day, branch_id, currency, sum(rows)::bigint, sum(sales)::bigint, sum(refunds)::bigint
    from (
        select c.day, c.branch_id, c.currency, 1 as rows,
            case when c.kind = 'PURCHASE' and c.status = 'APPROVED'
                then coalesce(c.captured, 0) else 0 end as sales,
            case when c.kind = 'REFUND' and c.status = 'APPROVED'
                then coalesce(c.captured, 0) else 0 end as refunds
        from transactions_change c where {own}
        union all
        select c.day_before, c.branch_before_id, c.currency,
            case when c.day_before = c.day and c.branch_before_id is not distinct from c.branch_id
                then 0 else 1 end,
            -case when c.kind_before = 'PURCHASE' and c.status_before = 'APPROVED'
                then coalesce(c.captured_before, 0) else 0 end,
            -case when c.kind_before = 'REFUND' and c.status_before = 'APPROVED'
                then coalesce(c.captured_before, 0) else 0 end
        from transactions_change c where {own} and c.day_before is not null
    ) m
    where %(every)s or branch_id = any(%(branches)s)
    group by 1, 2, 3 having sum(sales) <> 0 or sum(refunds) <> 0
    order by 1 desc, 2, 3 limit %(most)s
"""


@dataclass(frozen=True)
class Moved:
    """A day of a branch whose figures are others than they were; differences in minor units."""

    day: date
    branch: Branch | None
    currency: str
    rows: int
    sales_minor: int
    refunds_minor: int


@dataclass(frozen=True)
class Changed:
    """What is new since a moment, up to another; `more` is how many of each are not shown."""

    since: datetime
    until: datetime
    late: list[Change]
    flipped: list[Change]
    moved: list[Moved]
    terminals: list[Terminal]
    more: dict[str, int]
    # On whose wall clock it is told: that of most branches.
    zone: str

    @property
    def nothing(self) -> bool:
        return not (self.late or self.flipped or self.moved or self.terminals)


def last_look(member: Membership, moment: datetime) -> datetime:
    """When somebody last said that they have seen it all."""
    own = Looked.objects.filter(member=member.pk).values_list("at", flat=True).first()
    return own or moment - FIRST


def changed(member: Membership, since: datetime, until: datetime) -> Changed:
    """Everything of what a person may see that came late or changed in a time."""
    own = Change.objects.filter(merchant=member.merchant_id, at__gt=since, at__lte=until)
    own = own.filter(branch_limit(member))
    new = terminals_for(member).filter(learned_at__gt=since, learned_at__lte=until)
    is_late = Q(day_before=None)
    is_flip = ~is_late & ~Q(status_before=F("status"))
    rows = own.select_related("transaction", "branch").order_by("-at", "-pk")
    late, flipped = (list(rows.filter(which)[:SHOWN]) for which in (is_late, is_flip))
    terminals = list(new.order_by("-learned_at", "-pk")[: SHOWN + 1])
    counts = own.aggregate(late=Count("pk", filter=is_late), flipped=Count("pk", filter=is_flip))
    more = {name: max(count - SHOWN, 0) for name, count in counts.items()}
    more["terminals"] = new.count() - SHOWN if len(terminals) > SHOWN else 0
    branches = {each.pk: each for each in branches_for(member)}
    zones = Counter(each.zone for each in branches.values()).most_common(1)
    return Changed(
        since, until, late, flipped, _moved(member, since, until, branches),
        terminals[:SHOWN], more, zones[0][0] if zones else "UTC",
    )  # fmt: skip


def _moved(
    member: Membership, since: datetime, until: datetime, branches: dict[int, Branch]
) -> list[Moved]:
    given: dict[str, Any] = {
        "merchant": member.merchant_id, "since": since, "until": until, "most": SHOWN,
        "every": member.sees_every_branch, "branches": list(branches),
    }  # fmt: skip
    own = "c.merchant_id = %(merchant)s and c.at > %(since)s and c.at <= %(until)s"
    with connection.cursor() as cursor:
        cursor.execute(_MOVED.format(own=own), given)
        rows: Iterable[Any] = cursor.fetchall()
    return [
        Moved(day, branches.get(branch), currency, count, sales, refunds)
        for day, branch, currency, count, sales, refunds in rows
    ]


@transaction.atomic
def have_seen(*, by: Membership, at: datetime) -> None:
    """Remember that somebody has seen everything up to a moment; never back again."""
    own, new = Looked.objects.select_for_update().get_or_create(
        member=by, defaults={"merchant_id": by.merchant_id, "at": at}
    )
    if not new and own.at < at:
        own.at = at
        own.save(update_fields=["at"])
    record("changes.looked_at", subject=by, facts={"until": at.isoformat()})
