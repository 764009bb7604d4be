"""Storing reconciliations with their totals by scheme."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from psycopg.types.json import Jsonb

from merchants.actions.branches import branches_by_ref
from merchants.actions.operations import request_operation
from merchants.actions.resource import Stored
from merchants.models import Branch, Membership, Operation, ProviderAccount, Right
from merchants.queries import at_present_days
from portal.upsert import upsert
from providers.base.provider import CreatesReconciliations
from providers.base.reading import Item
from providers.base.records import ReconciliationRecord, SchemeTotals
from providers.base.registry import providers
from settlements.models import SchemeTotal
from terminals.actions import ensure_terminals, need_reachable
from terminals.models import Terminal
from terminals.queries import terminals_by_tid
from transactions.actions import hold

SIDES = ("purchase", "purchase_reversal", "refund", "refund_reversal", "total")
COLUMNS = (
    "account_id", "ref", "merchant_id", "branch_id", "terminal_id", "tid", "stan", "occurred_at",
    "business_day", "started_at", "ended_at", "currency", "balanced",
    *(f"{side}_{what}" for side in SIDES for what in ("count", "minor")),
    "printed", "content_hash", "version_at", "learned_at",
)  # fmt: skip
TOTALS = ("pos_debit", "pos_credit", "pos_total", "host_debit", "host_credit", "host_total")
TOTAL_COLUMNS = (
    "reconciliation_id", "position", "scheme", "word", "balanced",
    *(f"{total}_{what}" for total in TOTALS for what in ("count", "minor")),
)  # fmt: skip


@transaction.atomic(savepoint=False)
def store_reconciliations(
    account: ProviderAccount, records: Sequence[tuple[Item, ReconciliationRecord]], at: datetime
) -> Stored:
    """Store closes; the totals of one that changed are replaced as a whole."""
    latest = {record.ref: (item, record) for item, record in records}
    hold(account)
    closes = [r for _, r in latest.values()]
    known = branches_by_ref(account, [r.branch_ref for r in closes if r.branch_ref])
    met_at = {r.tid: known[r.branch_ref].pk if r.branch_ref else None for r in closes if r.tid}
    ensure_terminals(account, met_at, at)
    terminals = terminals_by_tid(account, list(met_at))
    fallback = Branch(zone=providers()[account.provider].default_zone)
    at_present_days([*known.values(), *(each.branch for each in terminals.values() if each.branch)])
    rows = []
    for item, r in latest.values():
        terminal = terminals.get(r.tid or "")
        # Where the close itself says its branch, the terminal may since have moved to another.
        branch = known.get(r.branch_ref or "") or (terminal.branch if terminal else None)
        branch = branch or fallback
        sides = [getattr(r, side) for side in SIDES]
        rows.append(
            (
                account.pk, r.ref, account.merchant_id, branch.pk,
                terminal.pk if terminal else None, r.tid, r.stan, r.occurred_at,
                branch.business_day(r.occurred_at), r.started_at, r.ended_at, r.currency,
                r.balanced, *(v for side in sides for v in (side.count, side.minor)),
                Jsonb(r.fields), item.digest, r.version_at, at,
            )
        )  # fmt: skip
    written = upsert(
        "settlements_reconciliation",
        COLUMNS,
        rows,
        key=("account_id", "ref"),
        keep=("merchant_id", "learned_at"),
        returning=("id", "ref"),
    )
    changed = [pk for pk, _, new in written if not new]
    SchemeTotal.objects.filter(reconciliation__in=changed).delete()
    totals = [
        (pk, position, scheme.scheme, scheme.word, scheme.balanced, *_totals(scheme))
        for pk, ref, _ in written
        for position, scheme in enumerate(latest[ref][1].schemes)
    ]
    upsert("settlements_schemetotal", TOTAL_COLUMNS, totals, key=("reconciliation_id", "position"))
    inserted = sum(new for *_, new in written)
    return Stored(inserted, len(written) - inserted)


def _totals(scheme: SchemeTotals) -> list[int]:
    sides = [getattr(scheme, name) for name in TOTALS]
    return [value for side in sides for value in (side.count, side.minor)]


def reconcile_terminal(*, terminal: Terminal, by: Membership, key: str, at: datetime) -> Operation:
    """Ask the provider to close the terminal's day. Raises as assigning does."""
    by.need(Right.FLEET)
    return request_operation(
        kind=Operation.Kind.RECONCILE, account=terminal.account, subject=terminal,
        asked={}, by=by, key=key, at=at,
        need=partial(need_reachable, terminal, CreatesReconciliations),
    )  # fmt: skip
