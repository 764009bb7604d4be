"""Keeping the ledger of who held which terminal from when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from merchants.models import Merchant, Operation, ProviderAccount
from terminals.models import Holding


@dataclass(frozen=True)
class Held:
    """That somebody (or nobody: None) holds a terminal, and since when as the provider says."""

    terminal: int
    terminal_user: int | None
    provider_at: datetime | None = None


def note_holdings(
    account: ProviderAccount,
    found: Iterable[Held],
    at: datetime,
    operation: Operation | None = None,
) -> None:
    """Add what is not the ledger's last word already; what stands in it is never changed.

    A provider's time counts where it lies between the last word and now: an earlier one is of
    another change of the terminal, and a later one is a clock that is wrong.
    """
    latest = {each.terminal: each for each in found}
    own = Holding.objects.filter(terminal__in=latest)
    last = {
        each.terminal_id: each
        for each in own.order_by("terminal", "-since_at", "-pk").distinct("terminal")
    }
    rows = []
    for pk, each in sorted(latest.items()):
        before = last.get(pk)
        if before is not None and before.terminal_user_id == each.terminal_user:
            continue
        began = before.since_at if before else None
        said = each.provider_at
        if said is not None and (said > at or (began is not None and said <= began)):
            said = None
        since = said or at
        rows.append(
            Holding(
                merchant_id=account.merchant_id,
                account=account,
                terminal_id=pk,
                terminal_user_id=each.terminal_user,
                provider_at=said,
                learned_at=at,
                since_at=max(since, began) if began else since,
                operation=operation,
            )
        )
    Holding.objects.bulk_create(rows)


def let_holdings_go(*, merchant: Merchant, before: datetime, at: datetime) -> int:
    """No longer say who held what until before some time; how many rows that changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update terminals_holding h set terminal_user_id = null, let_go_at = %s"
            " where merchant_id = %s and terminal_user_id is not null and exists ("
            " select from terminals_holding n where n.terminal_id = h.terminal_id"
            " and (n.since_at, n.id) > (h.since_at, h.id) and n.since_at < %s)",
            [at, merchant.pk, before],
        )
        return int(cursor.rowcount)
