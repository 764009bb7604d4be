"""In which hours a terminal usually sells: what tells a silent one from a closed shop."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from merchants.models import ProviderAccount
from portal import isolation
from providers.base.registry import providers
from terminals.models import Terminal

# An hour of a weekday is usual where a terminal sold in it on this many of the last four.
WEEKS, USUAL = 4, 3
# How long what was told stands.
STANDS = timedelta(days=1)

_DAYS = ", ".join(f"coalesce(max(hours) filter (where day = {day}), 0)" for day in range(1, 8))
# Who is being written by a reading is told next time: this waits for nobody.
_TELL = f"""
    with due as materialized (
        select id, branch_id from terminals_terminal
        where account_id = %(account)s and (hours_told_at is null or hours_told_at < %(stale)s)
        for update skip locked
    ), sold as (
        select m.id, extract(isodow from l.at)::int as day, extract(hour from l.at)::int as hour
        from due m
        join transactions_transaction t on t.terminal_id = m.id
        left join merchants_branch b on b.id = m.branch_id,
            lateral (select t.occurred_at at time zone coalesce(b.zone, %(zone)s)) l (at)
        where t.occurred_at >= %(since)s and t.occurred_at < %(until)s and t.status = 'APPROVED'
        group by 1, 2, 3 having count(distinct l.at::date) >= {USUAL}
    ), days as (
        select id, day, bit_or(1 << hour) as hours from sold group by 1, 2
    ), usual as (
        select id, array[{_DAYS}] as hours from days group by 1
    )
    update terminals_terminal m set hours_told_at = %(until)s, usual_hours = usual.hours
    from due left join usual using (id) where m.id = due.id
"""  # noqa: S608 (made of this module's own numbers)


def tell_usual_hours(moment: datetime) -> int:
    """Tell the usual hours of the terminals where that is a day old; how many were told."""
    stale = moment - STANDS
    due = Terminal.objects.filter(Q(hours_told_at=None) | Q(hours_told_at__lt=stale))
    told = 0
    for account in ProviderAccount.objects.filter(pk__in=due.values("account")).order_by("pk"):
        given: dict[str, Any] = {
            "account": account.pk,
            "zone": providers()[account.provider].default_zone,
            "since": moment - timedelta(weeks=WEEKS),
            "until": moment,
            "stale": stale,
        }
        whose = isolation.of(account.merchant_id)
        with whose, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TELL, given)
            told += cursor.rowcount
    return told
