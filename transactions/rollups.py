"""Roll-ups: what a day, an hour or a decline reason adds up to, kept with the rows themselves.

They are made again, in the transaction that changed a row, for the branch and business day that
it stands in and for those that it left. So they equal the sums of the rows at every commit.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db import connection

from merchants.models import ProviderAccount

# A branch, or None where a row has none, and a business day.
Cell = tuple[int | None, date]

# The first key of advisory locks that are held until the end of a transaction.
LOCK = 0x726F6C6C

_FORGET = """
    delete from {table} r using (select unnest(%(branches)s::bigint[]) as branch_id,
        unnest(%(days)s::date[]) as day) c
    where r.merchant_id = %(merchant)s and r.account_id = %(account)s and r.day = c.day
        and r.branch_id is not distinct from c.branch_id
"""
_ROWS = """
    with cells as (
        select unnest(%(branches)s::bigint[]) as branch_id, unnest(%(days)s::date[]) as day
    ), rows as materialized (
        select t.branch_id, t.business_day as day, t.kind, t.status, t.scheme, t.currency,
            t.action_code, t.amount_minor, coalesce(t.captured_minor, 0) as captured,
            extract(hour from t.occurred_at at time zone coalesce(b.zone, %(zone)s))::int as hour
        from transactions_transaction t
        join cells c on t.business_day = c.day and t.branch_id is not distinct from c.branch_id
        left join merchants_branch b on b.id = t.branch_id
        where t.merchant_id = %(merchant)s and t.account_id = %(account)s
            and t.business_day = any(%(days)s::date[])
    ), days as (
        insert into transactions_daytotal (
            merchant_id, account_id, branch_id, day, scheme, currency, sales, sales_minor, refunds,
            refunds_minor, declined, reversed, other
        )
        select %(merchant)s, %(account)s, branch_id, day, scheme, currency,
            count(*) filter (where kind = 'PURCHASE' and status = 'APPROVED'),
            coalesce(sum(captured) filter (where kind = 'PURCHASE' and status = 'APPROVED'), 0),
            count(*) filter (where kind = 'REFUND' and status = 'APPROVED'),
            coalesce(sum(captured) filter (where kind = 'REFUND' and status = 'APPROVED'), 0),
            count(*) filter (where kind = 'PURCHASE' and status = 'DECLINED'),
            count(*) filter (where status = 'REVERSED' and kind <> 'OTHER'),
            count(*) filter (
                where status not in ('APPROVED', 'DECLINED', 'REVERSED') or kind = 'OTHER'
                    or (kind = 'REFUND' and status = 'DECLINED')
            )
        from rows group by branch_id, day, scheme, currency
    ), hours as (
        insert into transactions_hourtotal (
            merchant_id, account_id, branch_id, day, hour, currency, sales, sales_minor, declined
        )
        select %(merchant)s, %(account)s, branch_id, day, hour, currency,
            count(*) filter (where status = 'APPROVED'),
            coalesce(sum(captured) filter (where status = 'APPROVED'), 0),
            count(*) filter (where status = 'DECLINED')
        from rows where kind = 'PURCHASE' and status in ('APPROVED', 'DECLINED')
        group by branch_id, day, hour, currency
    )
    insert into transactions_declinetotal (
        merchant_id, account_id, branch_id, day, action_code, currency, declined, amount_minor
    )
    select %(merchant)s, %(account)s, branch_id, day, coalesce(action_code, ''), currency,
        count(*), sum(amount_minor)
    from rows where kind = 'PURCHASE' and status = 'DECLINED'
    group by branch_id, day, coalesce(action_code, ''), currency
"""
TABLES = ("transactions_daytotal", "transactions_hourtotal", "transactions_declinetotal")


def refresh(account: ProviderAccount, cells: Collection[Cell], zone: str) -> None:
    """Make the roll-ups of some cells again, inside the caller's transaction.

    `zone` is that of rows without a branch. To be called after everything else of the
    transaction: it waits for others that change rows of the same account.
    """
    if not cells:
        return
    given: dict[str, Any] = {
        "merchant": account.merchant_id,
        "account": account.pk,
        "zone": zone,
        "branches": [branch for branch, _ in cells],
        "days": [day for _, day in cells],
    }
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [LOCK, account.pk % 2**31])
        for table in TABLES:
            cursor.execute(_FORGET.format(table=table), given)
        cursor.execute(_ROWS, given)
