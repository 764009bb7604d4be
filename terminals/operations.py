"""How terminals are assigned, taken back and signed out at a provider."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from merchants.actions.drift import end_drift
from merchants.actions.operations import Found, How, the_one
from merchants.models import Drift, Operation, ProviderAccount
from portal.celery import wake
from providers.base.errors import Refused
from providers.base.provider import (
    AssignsTerminals,
    CarriesPoints,
    CreatesTerminals,
    DisconnectsTerminals,
    Period,
)
from providers.base.reading import found_item
from providers.base.records import TerminalRecord, TerminalUserRecord
from terminals.actions import Held, note_holdings, store_terminal_users, store_terminals
from terminals.models import Terminal
from terminals.queries import terminal_of


def _ref(operation: Operation) -> str:
    return str(terminal_of(operation).ref)


def _assign(connector: Any, operation: Operation) -> TerminalRecord:
    asked = operation.asked
    made: TerminalRecord = connector.assign_terminal(
        _ref(operation), name=asked["name"], email=asked["email"], mobile=asked["mobile"]
    )
    return made


def _is_held(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if not record.user_said:
        return Found(None, gettext_noop("The provider does not say who holds it."))
    if record.user is None:
        return Found(False, gettext_noop("Nobody holds it there."))
    if _is_the_one(record.user, operation.asked):
        return Found(True, gettext_noop("The person who was asked for holds it there."), record)
    return Found(False, gettext_noop("Somebody else holds it there."))


def _is_the_one(found: TerminalUserRecord, asked: dict[str, Any]) -> bool:
    """By the provider's reference where it is known, else by the number's end and the name.

    NearPay shows mobile numbers masked where it lists terminals, and keeps the name that a known
    number had before.
    """
    if asked.get("ref"):
        return bool(found.ref == asked["ref"])
    if found.mobile and "*" not in found.mobile:
        return _digits(found.mobile) == _digits(asked["mobile"])
    ends = not found.mobile or _digits(asked["mobile"])[-2:] == _digits(found.mobile)[-2:]
    return bool(ends and found.name.casefold() == asked["name"].casefold())


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit())


def _now_held(operation: Operation, record: TerminalRecord, at: datetime) -> None:
    holder = operation.asked.get("terminal_user")
    if record.user is not None:
        people = store_terminal_users(operation.account, [record.user], at)
        holder = people[record.user.ref]
    if holder is not None:
        _holds(operation, holder, at, record.version_at)
    operation.asked = {"terminal_user": holder}


def _holds(
    operation: Operation, holder: int | None, at: datetime, said: datetime | None = None
) -> None:
    pk = terminal_of(operation).pk
    Terminal.objects.filter(pk=pk).update(terminal_user=holder, agreed_at=at)
    end_drift(operation.account, "terminal", pk, [Drift.Field.HOLDER], at)
    note_holdings(operation.account, [Held(pk, holder, said)], at, operation)


def _take_back(connector: Any, operation: Operation) -> None:
    connector.unassign_terminal(_ref(operation))


def _is_free(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if not record.user_said:
        return Found(None, gettext_noop("The provider does not say who holds it."))
    free = record.user is None
    return Found(
        free,
        gettext_noop("Nobody holds it there.")
        if free
        else gettext_noop("Somebody holds it there."),
    )


def _now_free(operation: Operation, _outcome: Any, at: datetime) -> None:
    _holds(operation, None, at)


def _sign_out(connector: Any, operation: Operation) -> None:
    connector.disconnect_terminal(_ref(operation))


def _is_signed_out(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if record.connected is None:
        return Found(None, gettext_noop("The provider does not say whether a device is connected."))
    said = (
        gettext_noop("A device is connected there.")
        if record.connected
        else gettext_noop("No device is connected there.")
    )
    return Found(not record.connected, said)


def _now_signed_out(operation: Operation, _outcome: Any, _at: datetime) -> None:
    Terminal.objects.filter(pk=terminal_of(operation).pk).update(connected=False)


def _make(connector: Any, operation: Operation) -> TerminalRecord:
    made: TerminalRecord = connector.create_terminal(**operation.asked)
    return made


def _is_made(connector: Any, operation: Operation) -> Found:
    known = set(
        Terminal.objects.filter(
            account=operation.account_id, ref__isnull=False, learned_at__lt=operation.requested_at
        ).values_list("ref", flat=True)
    )
    asked = operation.asked
    return the_one(
        record
        for batch in connector.list_terminals(Period())
        for _, record in connector.read_terminals(batch.items).records
        if record.ref not in known
        and record.branch is not None
        and record.branch.ref == asked["branch_ref"]
        and record.name in (None, asked["name"])
    )


def _now_made(operation: Operation, record: TerminalRecord, at: datetime) -> None:
    found = (found_item(record.ref or record.tid, record), record)
    store_terminals(operation.account, [found], at)
    made = Terminal.objects.filter(account=operation.account_id, tid=record.tid)
    made.filter(name=None).update(name=operation.asked["name"])
    operation.asked, operation.subject_id = {}, made.get().pk
    operation.outcome = {"kind": "terminal", "id": operation.subject_id}


def _carry(connector: Any, operation: Operation) -> None:
    connector.create_point(operation.asked["tid"])


def _carries(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_point(operation.asked["tid"])
    done = record.ref is not None and record.ref != operation.asked["before"]
    return Found(done, _carried(record))


def _let_go(connector: Any, operation: Operation) -> None:
    connector.delete_point(operation.asked["tid"])


def _carries_none(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_point(operation.asked["tid"])
    return Found(record.ref is None, _carried(record))


def _renew(connector: Any, operation: Operation) -> None:
    """Delete it, if it is still there, and make another."""
    try:
        connector.delete_point(operation.asked["tid"])
    except Refused as problem:
        if not problem.absent:
            raise
    connector.create_point(operation.asked["tid"])


def _carried(record: TerminalRecord) -> str:
    if record.ref is None:
        return gettext_noop("The terminal carries no point of sale there.")
    return gettext_noop("The terminal carries a point of sale there.")


def _look_again(operation: Operation, _outcome: Any, at: datetime) -> None:
    """What it carries now is read at once; the terminal stays the same here."""
    operation.asked = {}
    ProviderAccount.objects.filter(pk=operation.account_id).update(next_sync_at=at)
    wake("merchants.sync_account", operation.account_id, "BUTTON")


OPERATIONS = [
    How("CREATE_POINT", CarriesPoints, _carry, _carries, _look_again),
    How("DELETE_POINT", CarriesPoints, _let_go, _carries_none, _look_again),
    How("RENEW_POINT", CarriesPoints, _renew, _carries, _look_again),
    How("ASSIGN", AssignsTerminals, _assign, _is_held, _now_held),
    How("UNASSIGN", AssignsTerminals, _take_back, _is_free, _now_free),
    How("CREATE_TERMINAL", CreatesTerminals, _make, _is_made, _now_made, again=False),
    How("DISCONNECT", DisconnectsTerminals, _sign_out, _is_signed_out, _now_signed_out),
]
