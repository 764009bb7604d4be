"""How a payment is begun, ended and given back at a provider that takes it in steps."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from merchants.actions.operations import Found, How, the_one
from merchants.models import Operation
from providers.base.errors import Refused
from providers.base.money import Money
from providers.base.provider import RefundsPayments, TakesPayments
from providers.base.records import TransactionRecord
from terminals.queries import terminal_of
from transactions.actions.following import begin_following
from transactions.models import Kind, Transaction
from transactions.rollups import hold

# A reservation that nobody captures is let go; what is over cannot be found by its order otherwise.
ENDED = ("CANCELLED", "EXPIRED", "DECLINED", "REVERSED")


def _money(operation: Operation) -> Money:
    return Money(operation.asked["minor"], operation.asked["currency"])


def _known(operation: Operation) -> set[str]:
    """The references that were known before it was asked for."""
    own = Transaction.objects.filter(
        account=operation.account_id, reference=operation.asked["order"],
        learned_at__lt=operation.requested_at,
    )  # fmt: skip
    return set(own.values_list("ref", flat=True))


def _start(connector: Any, operation: Operation) -> str:
    ref: str = connector.start_payment(
        terminal_of(operation).tid, order=operation.asked["order"], amount=_money(operation)
    )
    return ref


def _prepare(connector: Any, operation: Operation) -> str:
    ref: str = connector.prepare_payment(terminal_of(operation).tid, order=operation.asked["order"])
    return ref


def _is_begun(connector: Any, operation: Operation) -> Found:
    """By the order: among what goes on and was captured, and among what has ended meanwhile."""
    order = operation.asked["order"]
    refs = connector.payments_of_order(terminal_of(operation).tid, order=order)
    for state in connector.ended_states():
        try:
            refs.append(connector.recall_by_state(order=order, state=state))
        except Refused as problem:
            if not problem.absent:
                raise
    known = _known(operation)
    return the_one(ref for ref in dict.fromkeys(refs) if ref not in known)


def _now_begun(operation: Operation, ref: str, at: datetime) -> None:
    begin_following(operation.account, ref, Kind.PURCHASE, at)
    operation.asked, operation.outcome = {}, {"kind": "transaction", "ref": ref}


def _ready(connector: Any, operation: Operation) -> None:
    asked = operation.asked
    connector.ready_payment(
        asked["tid"], payment=asked["ref"], order=asked["order"], amount=_money(operation)
    )


def _is_ready(connector: Any, operation: Operation) -> Found:
    record = _read(connector, operation)
    if record.status in ENDED:
        return Found(None, gettext_noop("The payment has ended there."))
    done = record.amount == _money(operation)
    return Found(done, _said(done))


def _capture(connector: Any, operation: Operation) -> None:
    connector.capture_payment(operation.asked["ref"], amount=_money(operation))


def _is_captured(connector: Any, operation: Operation) -> Found:
    record = _read(connector, operation)
    if record.status in ENDED:
        return Found(None, gettext_noop("The payment has ended there."))
    done = record.status == "APPROVED" and record.captured_minor == operation.asked["minor"]
    return Found(done, _said(done))


def _cancel(connector: Any, operation: Operation) -> None:
    connector.cancel_payment(operation.asked["ref"])


def _is_cancelled(connector: Any, operation: Operation) -> Found:
    done = _read(connector, operation).status in ENDED
    return Found(done, _said(done))


def _refund(connector: Any, operation: Operation) -> str:
    asked = operation.asked
    ref: str = connector.create_refund(asked["ref"], order=asked["order"], amount=_money(operation))
    return ref


def _is_refunded(connector: Any, operation: Operation) -> Found:
    known = _known(operation)
    new = [ref for ref in connector.refunds_of(operation.asked["ref"]) if ref not in known]
    records = [connector.find_transaction(ref) for ref in new]
    return the_one(
        record.ref
        for record in records
        if record.reference == operation.asked["order"] and record.amount == _money(operation)
    )


def _now_refunded(operation: Operation, ref: str, at: datetime) -> None:
    begin_following(operation.account, ref, Kind.REFUND, at)
    operation.asked = {name: operation.asked[name] for name in ("sale", "minor")}
    operation.outcome = {"kind": "transaction", "ref": ref}


def _complete(connector: Any, operation: Operation) -> None:
    connector.capture_refund(operation.asked["ref"])


def _is_complete(connector: Any, operation: Operation) -> Found:
    done = _read(connector, operation).status == "APPROVED"
    return Found(done, _said(done))


def _give_up(connector: Any, operation: Operation) -> None:
    connector.cancel_refund(operation.asked["ref"])


def _read(connector: Any, operation: Operation) -> TransactionRecord:
    record: TransactionRecord = connector.find_transaction(operation.asked["ref"])
    return record


def _said(done: bool) -> str:
    if done:
        return gettext_noop("It is done there.")
    return gettext_noop("It is not done there.")


def _changed(kind: str) -> Callable[[Operation, Any, datetime], None]:
    """What became of it is read at once."""

    def settle(operation: Operation, _outcome: Any, at: datetime) -> None:
        begin_following(operation.account, operation.asked["ref"], kind, at)
        operation.asked = {}

    return settle


def _now_captured(operation: Operation, outcome: Any, at: datetime) -> None:
    """How much it was is kept, and the row read anew by it: see `following`."""
    hold(operation.account)
    ref, minor = operation.asked["ref"], operation.asked["minor"]
    _PAYMENT(operation, outcome, at)
    operation.outcome = {"kind": "capture", "ref": ref, "minor": minor}
    Transaction.objects.filter(account=operation.account_id, ref=ref).update(content_hash=b"")


_PAYMENT, _REFUNDED = _changed(Kind.PURCHASE), _changed(Kind.REFUND)
OPERATIONS = [
    How("START_PAYMENT", TakesPayments, _start, _is_begun, _now_begun, again=False),
    How("PREPARE_PAYMENT", TakesPayments, _prepare, _is_begun, _now_begun, again=False),
    How("READY_PAYMENT", TakesPayments, _ready, _is_ready, _PAYMENT),
    # The same amount again is no second capture.
    How("CAPTURE_PAYMENT", TakesPayments, _capture, _is_captured, _now_captured),
    How("CANCEL_PAYMENT", TakesPayments, _cancel, _is_cancelled, _PAYMENT),
    How("REFUND_PAYMENT", RefundsPayments, _refund, _is_refunded, _now_refunded, again=False),
    How("CAPTURE_REFUND", RefundsPayments, _complete, _is_complete, _REFUNDED),
    How("CANCEL_REFUND", RefundsPayments, _give_up, _is_cancelled, _REFUNDED),
]
