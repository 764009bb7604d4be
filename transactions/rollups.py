"""Roll-ups: what a day, an hour or a decline reason adds up to, kept with the rows themselves.

In the transaction that writes rows, new ones are added to the branch and business day that they
stand in; where a row has changed, the days that it stands in and that it left are added up again.
So roll-ups equal the sums of the rows at every commit.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from django.db import connection

from merchants.models import ProviderAccount

# A branch, or None where a row has none, and a business day.
Cell = tuple[int | None, date]

# The first key of advisory locks that are held until the end of a transaction.
LOCK = 0x726F6C6C

_OF_CELLS = """
        join cells c on t.business_day = c.day and t.branch_id is not distinct from c.branch_id
        left join merchants_branch b on b.id = t.branch_id
        where t.merchant_id = %(merchant)s and t.account_id = %(account)s
            and t.business_day = any(%(days)s::date[])
"""
_NEW = """
        left join merchants_branch b on b.id = t.branch_id
        where t.id = any(%(pks)s::bigint[])
"""
_FORGET = """
    delete from {table} r using (select unnest(%(branches)s::bigint[]) as branch_id,
        unnest(%(days)s::date[]) as day) c
    where r.merchant_id = %(merchant)s and r.account_id = %(account)s and r.day = c.day
        and r.branch_id is not distinct from c.branch_id
"""
_CELLS = """
    cells as (
        select unnest(%(branches)s::bigint[]) as branch_id, unnest(%(days)s::date[]) as day
    ),
"""
_ADD = """
    with {cells} rows as materialized (
        select t.branch_id, t.business_day as day, t.kind, t.status, t.scheme, t.currency,
            t.action_code, t.amount_minor, coalesce(t.captured_minor, 0) as captured,
            extract(hour from t.occurred_at at time zone coalesce(b.zone, %(zone)s))::int as hour
        from transactions_transaction t
        {which}
    ), days as (
        insert into transactions_daytotal as d (
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
        on conflict (merchant_id, day, account_id, branch_id, scheme, currency) do update set
            sales = d.sales + excluded.sales,
            sales_minor = d.sales_minor + excluded.sales_minor,
            refunds = d.refunds + excluded.refunds,
            refunds_minor = d.refunds_minor + excluded.refunds_minor,
            declined = d.declined + excluded.declined,
            reversed = d.reversed + excluded.reversed,
            other = d.other + excluded.other
    ), hours as (
        insert into transactions_hourtotal as h (
            merchant_id, account_id, branch_id, day, hour, currency, sales, sales_minor, declined
        )
        select %(merchant)s, %(account)s, branch_id, day, hour, currency,
            count(*) filter (where status = 'APPROVED'),
            coalesce(sum(captured) filter (where status = 'APPROVED'), 0),
            count(*) filter (where status = 'DECLINED')
        from rows where kind = 'PURCHASE' and status in ('APPROVED', 'DECLINED')
        group by branch_id, day, hour, currency
        on conflict (merchant_id, day, account_id, branch_id, hour, currency) do update set
            sales = h.sales + excluded.sales,
            sales_minor = h.sales_minor + excluded.sales_minor,
            declined = h.declined + excluded.declined
    )
    insert into transactions_declinetotal as r (
        merchant_id, account_id, branch_id, day, action_code, currency, declined, amount_minor
    )
    select %(merchant)s, %(account)s, branch_id, day, coalesce(action_code, ''), currency,
        count(*), sum(amount_minor)
    from rows where kind = 'PURCHASE' and status = 'DECLINED'
    group by branch_id, day, coalesce(action_code, ''), currency
    on conflict (merchant_id, day, account_id, branch_id, action_code, currency) do update set
        declined = r.declined + excluded.declined,
        amount_minor = r.amount_minor + excluded.amount_minor
"""
TABLES = ("transactions_daytotal", "transactions_hourtotal", "transactions_declinetotal")


def hold(account: ProviderAccount) -> None:
    """Let nobody else write the account's transactions until the caller's transaction has ended.

    What a row was counted as must not change between looking it up and writing it.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [LOCK, account.pk % 2**31])


def add(account: ProviderAccount, pks: Sequence[int], zone: str) -> None:
    """Add rows that were not there before. `zone` is that of rows without a branch."""
    if not pks:
        return
    given = {**_of(account, zone), "pks": pks}
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(cells="", which=_NEW), given)


def refresh(account: ProviderAccount, cells: Collection[Cell], zone: str) -> None:
    """Add up some cells again, whatever was written of them before."""
    if not cells:
        return
    given = {
        **_of(account, zone),
        "branches": [branch for branch, _ in cells],
        "days": [day for _, day in cells],
    }
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(_FORGET.format(table=table), given)
        cursor.execute(_ADD.format(cells=_CELLS, which=_OF_CELLS), given)


def _of(account: ProviderAccount, zone: str) -> dict[str, Any]:
    return {"merchant": account.merchant_id, "account": account.pk, "zone": zone}
