"""Finding payments again whose reference a till has lost."""

from datetime import datetime
from typing import Any

from django.db import transaction

from merchants.actions.accounts import opened
from merchants.actions.operations import need_called
from merchants.actions.trail import record
from merchants.models import Membership, Right
from providers.base.errors import Refused
from providers.base.http import Limits
from providers.base.provider import TakesPayments
from terminals.actions import look_soon
from terminals.models import Terminal
from terminals.queries import refs_of
from transactions.actions.following import begin_following
from transactions.models import Kind

# Somebody waits for it, so each call is made once, and not for long.
AT_ONCE = Limits(connect=2, read=4, total=6, tries=1)


def recover_payments(*, terminal: Terminal, order: str, by: Membership, at: datetime) -> list[str]:
    """Ask for the payments of an order at a terminal, and have them followed; their references.

    Without an order, for the last ones there that ended uncaptured: what goes on at a terminal and
    what was captured there is listed, and looked at now. Raises NotOffered or a ProviderFailure,
    and then nothing has changed.
    """
    by.need(Right.PAYMENTS)
    need_called(terminal.account, TakesPayments)
    with opened(terminal.account, AT_ONCE) as connector:
        found = _of_terminal(connector, terminal, order)
    with transaction.atomic():
        for ref in found:
            begin_following(terminal.account, ref, Kind.PURCHASE, at)
        look_soon(terminal, at)
        record("payments.looked_for", subject=terminal, facts={"found": len(found)})
    return found


def _of_terminal(connector: Any, terminal: Terminal, order: str) -> list[str]:
    listed = connector.payments_of_order(terminal.tid, order=order) if order else []
    told = [
        each
        for state in connector.ended_states()
        for each in _told(connector, terminal, order, state)
    ]
    # An order's number may have come at another terminal too.
    own = refs_of(terminal)
    there = [ref for ref in told if _place_of(connector, ref) in own]
    return list(dict.fromkeys([*listed, *there]))


def _place_of(connector: Any, ref: str) -> str | None:
    """What the provider calls the terminal of a payment; None where it tells none."""
    try:
        found: str | None = connector.find_transaction(ref).terminal_ref
    except Refused as problem:
        if not problem.absent:
            raise
        return None
    return found


def _told(connector: Any, terminal: Terminal, order: str, state: str) -> list[str]:
    """The one that ended so, or none."""
    if order:
        return _one(lambda: connector.recall_by_state(order=order, state=state))
    return _one(lambda: connector.recall_by_terminal(terminal.tid, state=state)) or _one(
        lambda: connector.recall_by_point(terminal.ref or "", state=state)
    )


def _one(recall: Any) -> list[str]:
    try:
        return [recall()]
    except Refused as problem:
        if not problem.absent:
            raise
        return []
