"""How a terminal's day is closed at a provider."""

from datetime import datetime, timedelta
from typing import Any

from merchants.actions.operations import Found, How, the_one
from merchants.models import Operation
from providers.base.provider import CreatesReconciliations, Period
from providers.base.reading import found_item
from providers.base.records import ReconciliationRecord
from settlements.actions import store_reconciliations
from settlements.models import Reconciliation
from terminals.queries import terminal_of

# A close is taken for the one that was asked for if it is not older than this: their clock and
# ours may differ.
SKEW = timedelta(minutes=5)


def _close(connector: Any, operation: Operation) -> ReconciliationRecord:
    terminal = terminal_of(operation)
    made: ReconciliationRecord = connector.create_reconciliation(terminal.ref)
    return made


def _is_closed(connector: Any, operation: Operation) -> Found:
    terminal = terminal_of(operation)
    known = set(
        Reconciliation.objects.filter(
            account=operation.account_id, terminal=terminal, learned_at__lt=operation.requested_at
        ).values_list("ref", flat=True)
    )
    since = (operation.sent_at or operation.requested_at) - SKEW
    return the_one(
        record
        for batch in connector.list_reconciliations(Period(since=since))
        for _, record in connector.read_reconciliations(batch.items).records
        if record.ref not in known and record.tid == terminal.tid and record.occurred_at >= since
    )


def _now_closed(operation: Operation, record: ReconciliationRecord, at: datetime) -> None:
    store_reconciliations(operation.account, [(found_item(record.ref, record), record)], at)
    made = Reconciliation.objects.get(account=operation.account_id, ref=record.ref)
    operation.asked, operation.outcome = {}, {"kind": "reconciliation", "id": made.pk}


OPERATIONS = [
    How("RECONCILE", CreatesReconciliations, _close, _is_closed, _now_closed, again=False)
]
