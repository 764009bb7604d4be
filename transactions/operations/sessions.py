"""How a terminal is asked for a payment or a refund at a provider."""

from datetime import datetime, timedelta
from typing import Any

from merchants.actions.operations import Found, How, the_one
from merchants.models import Operation
from providers.base.money import Money
from providers.base.provider import OpensSessions, Period
from providers.base.reading import found_item
from providers.base.records import SessionRecord
from terminals.queries import terminal_of
from transactions.actions import store_sessions
from transactions.models import Session

# As of closes: their clock and ours may differ.
SKEW = timedelta(minutes=5)


def _ask(connector: Any, operation: Operation) -> SessionRecord:
    asked = operation.asked
    made: SessionRecord = connector.create_session(
        terminal_of(operation).ref,
        kind=asked["kind"],
        amount=Money(asked["minor"], asked["currency"]),
        reference=asked["reference"],
        refund_of=asked["refund_of"],
    )
    return made


def _is_asked(connector: Any, operation: Operation) -> Found:
    terminal, asked = terminal_of(operation), operation.asked
    known = set(
        Session.objects.filter(
            account=operation.account_id, terminal=terminal, learned_at__lt=operation.requested_at
        ).values_list("ref", flat=True)
    )
    since = (operation.sent_at or operation.requested_at) - SKEW
    amount = Money(asked["minor"], asked["currency"])
    listed = connector.list_sessions(Period(since=since), terminal_refs=[terminal.ref or ""])
    return the_one(
        record
        for batch in listed
        for _, record in connector.read_sessions(batch.items).records
        if record.ref not in known
        and record.created_at >= since
        and (record.tid or terminal.tid) == terminal.tid
        and (record.terminal_ref or terminal.ref) == terminal.ref
        and (record.kind, record.amount) == (asked["kind"], amount)
        and record.reference == asked["reference"]
    )


def _now_asked(operation: Operation, record: SessionRecord, at: datetime) -> None:
    store_sessions(operation.account, [(found_item(record.ref, record), record)], at)
    own = Session.objects.filter(account=operation.account_id, ref=record.ref)
    terminal = terminal_of(operation)
    # The answer to a new one need not name the terminal.
    own.filter(terminal=None).update(terminal=terminal, branch=terminal.branch)
    # What it takes from a sale counts for as long as the provider may not have said so.
    kept = {name: operation.asked.get(name) for name in ("sale", "minor")}
    operation.asked = kept if kept["sale"] else {}
    operation.outcome = {"kind": "session", "id": own.get().pk}


OPERATIONS = [How("OPEN_SESSION", OpensSessions, _ask, _is_asked, _now_asked, again=False)]
