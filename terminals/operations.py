"""How terminals are assigned, taken back and signed out at a provider."""

from datetime import datetime
from typing import Any

from merchants.actions.operations import Found, How
from merchants.models import Operation
from providers.base.provider import AssignsTerminals, DisconnectsTerminals
from providers.base.records import TerminalRecord, TerminalUserRecord
from terminals.actions import Held, note_holdings, store_terminal_users
from terminals.models import Terminal


def _ref(operation: Operation) -> str:
    return str(Terminal.objects.values_list("ref", flat=True).get(pk=operation.subject_id))


def _assign(connector: Any, operation: Operation) -> TerminalRecord:
    asked = operation.asked
    made: TerminalRecord = connector.assign_terminal(
        _ref(operation), name=asked["name"], email=asked["email"], mobile=asked["mobile"]
    )
    return made


def _is_held(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if not record.user_said:
        return Found(None, "The provider does not say who holds it.")
    if record.user is None:
        return Found(False, "Nobody holds it there.")
    if _is_the_one(record.user, operation.asked):
        return Found(True, "The person who was asked for holds it there.", record)
    return Found(False, "Somebody else holds it there.")


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
    Terminal.objects.filter(pk=operation.subject_id).update(terminal_user=holder)
    note_holdings(operation.account, [Held(operation.subject_id, holder, said)], at, operation)


def _take_back(connector: Any, operation: Operation) -> None:
    connector.unassign_terminal(_ref(operation))


def _is_free(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if not record.user_said:
        return Found(None, "The provider does not say who holds it.")
    free = record.user is None
    return Found(free, "Nobody holds it there." if free else "Somebody holds it there.")


def _now_free(operation: Operation, _outcome: Any, at: datetime) -> None:
    _holds(operation, None, at)


def _sign_out(connector: Any, operation: Operation) -> None:
    connector.disconnect_terminal(_ref(operation))


def _is_signed_out(connector: Any, operation: Operation) -> Found:
    record: TerminalRecord = connector.find_terminal(_ref(operation))
    if record.connected is None:
        return Found(None, "The provider does not say whether a device is connected.")
    said = "A device is connected there." if record.connected else "No device is connected there."
    return Found(not record.connected, said)


def _now_signed_out(operation: Operation, _outcome: Any, _at: datetime) -> None:
    Terminal.objects.filter(pk=operation.subject_id).update(connected=False)


OPERATIONS = [
    How("ASSIGN", AssignsTerminals, _assign, _is_held, _now_held),
    How("UNASSIGN", AssignsTerminals, _take_back, _is_free, _now_free),
    How("DISCONNECT", DisconnectsTerminals, _sign_out, _is_signed_out, _now_signed_out),
]
