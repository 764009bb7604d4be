"""Moving transactions to another business day, with the roll-ups in the same transaction."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from merchants.actions.days import Move, Moved
from merchants.models import Branch, ProviderAccount
from providers.base.registry import providers
from transactions.models import Transaction
from transactions.rollups import hold, refresh

_MOVE = """
    with old as materialized (
        select id, business_day from transactions_transaction
        where branch_id = %(branch)s and occurred_at >= %(since)s and occurred_at < %(until)s
        and business_day <> %(day)s order by id for update
    ), moved as (
        update transactions_transaction t set business_day = %(day)s from old where t.id = old.id
        returning t.account_id, old.business_day as before, t.currency,
            case when t.kind = 'PURCHASE' and t.status = 'APPROVED' then t.captured_minor end sold
    )
    select account_id, before, currency, count(*), coalesce(sum(sold), 0)::bigint from moved
    group by 1, 2, 3 order by 1, 2, 3
"""


def _accounts(branch: Branch) -> QuerySet[ProviderAccount]:
    """The accounts that know a branch, in the one order in which they are held."""
    return ProviderAccount.objects.filter(branches__branch=branch).distinct().order_by("pk")


def _first(branch: Branch) -> datetime | None:
    # Whoever is storing rows by the old rule is waited for: theirs may be the oldest.
    for account in _accounts(branch):
        hold(account)
    own = Transaction.objects.filter(branch=branch).order_by("occurred_at")
    return own.values_list("occurred_at", flat=True).first()


def _move(branch: Branch, day: date, since: datetime, until: datetime) -> Iterable[Moved]:
    held = {account.pk: account for account in _accounts(branch)}
    # Whoever stores rows meanwhile has seen the old rule and is waited for, or sees the new one.
    for account in held.values():
        hold(account)
    given: dict[str, Any] = {"branch": branch.pk, "day": day, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, given)
        rows = cursor.fetchall()
    for account in held.values():
        left = {(branch.pk, before) for pk, before, *_rest in rows if pk == account.pk}
        # Also where no row has moved: another zone has other hours.
        cells = {(branch.pk, day), *left}
        refresh(account, cells, providers()[account.provider].default_zone)
    return [Moved(before, currency, count, sold) for _pk, before, currency, count, sold in rows]


MOVES = [Move("transactions", _first, _move)]
