"""Payments in steps, at providers that take them so: begun, captured or cancelled, given back."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from django.utils.translation import gettext as _

from merchants.actions.operations import is_offered, need_offered, request_operation
from merchants.models import Membership, Operation, Right
from providers.base.money import Money
from providers.base.provider import RefundsPayments, TakesPayments
from terminals.actions import need_reachable
from terminals.models import Terminal
from transactions.actions.asking import NotPossible, need_refundable, open_session, whole_of
from transactions.actions.limits import need_limit
from transactions.models import Kind, Status, Transaction

OpKind = Operation.Kind
# No provider's order number is longer.
LONGEST_ORDER = 36


def ask_for_payment(
    *, terminal: Terminal, kind: str, amount: Money, reference: str, refund_of: Transaction | None,
    by: Membership, key: str, at: datetime,
) -> Operation:  # fmt: skip
    """Ask for a payment, or give a sale back, in the way in which the terminal's provider does it.

    Raises what `open_session`, `start_payment` and `refund_payment` raise.
    """
    if not is_offered(terminal.account, TakesPayments):
        return open_session(
            terminal=terminal, kind=kind, amount=amount, reference=reference, refund_of=refund_of,
            by=by, key=key, at=at,
        )  # fmt: skip
    if (refund_of is None) == (kind == Kind.REFUND):
        raise NotPossible(_("A refund names the sale that it gives back, and only a refund does."))
    if len(reference) > LONGEST_ORDER or not reference.isascii() or not reference.isprintable():
        raise NotPossible(
            _("An order number has at most %(most)d plain signs.") % {"most": LONGEST_ORDER}
        )
    if refund_of is not None:
        if refund_of.account_id != terminal.account_id:
            raise NotPossible(_("Only an approved sale of the same account can be refunded."))
        return refund_payment(
            sale=refund_of, amount=amount, order=reference, by=by, key=key, at=at, named=terminal
        )
    return start_payment(terminal=terminal, amount=amount, order=reference, by=by, key=key, at=at)


def start_payment(
    *, terminal: Terminal, amount: Money | None, order: str, by: Membership, key: str, at: datetime
) -> Operation:
    """Ask for a payment at a terminal; without an amount it is prepared, and waits for a customer.

    Without an order it is given one of its own, by which it is found again where the answer is
    lost. Raises OperationPending, KeyUsed or NotOffered.
    """
    by.need(Right.PAYMENTS)
    asked: dict[str, object] = {"order": order or _own(by, key)}
    told = {}
    if amount is not None:
        asked |= {"minor": amount.minor, "currency": amount.currency}
        told = {"amount": f"{amount.minor} {amount.currency}"}
    return request_operation(
        kind=OpKind.PREPARE_PAYMENT if amount is None else OpKind.START_PAYMENT,
        account=terminal.account, subject=terminal, asked=asked, by=by, key=key, at=at, facts=told,
        need=partial(need_reachable, terminal, TakesPayments),
    )  # fmt: skip


def ready_payment(
    *, payment: Transaction, amount: Money, by: Membership, key: str, at: datetime
) -> Operation:
    """Say how much a prepared payment is for. Raises NotPossible and what asking raises."""
    by.need(Right.PAYMENTS)

    def need() -> None:
        now = _locked(payment, TakesPayments)
        if now.kind != Kind.PURCHASE or now.status != Status.PENDING or now.amount_minor:
            raise NotPossible(_("Only a payment that was prepared waits for an amount."))

    terminal = payment.terminal
    asked = {
        "ref": payment.ref, "minor": amount.minor, "currency": amount.currency,
        "order": payment.reference or "", "tid": terminal.tid if terminal else "",
    }  # fmt: skip
    return _ask(OpKind.READY_PAYMENT, payment, asked, by, key, at, need, amount)


def capture_payment(
    *, payment: Transaction, amount: Money | None, by: Membership, key: str, at: datetime
) -> Operation:
    """Take what a customer has reserved (without an amount: all of it); the rest is let go.

    Raises NotPossible and what asking raises.
    """
    by.need(Right.PAYMENTS)
    # The key is bound to what was said: what is reserved is another thing once it was captured.
    said = {"ref": payment.ref, "minor": amount.minor if amount else None}
    amount = amount or Money(payment.authorised_minor or 0, payment.currency)

    def need() -> None:
        now = _locked(payment, TakesPayments)
        if now.kind != Kind.PURCHASE or now.status != Status.AUTHORISED:
            raise NotPossible(_("Only a payment that the customer has reserved can be captured."))
        if amount.currency != now.currency or amount.minor > (now.authorised_minor or 0):
            raise NotPossible(_("That is more than was reserved, or in another currency."))

    asked = {"ref": payment.ref, "minor": amount.minor, "currency": amount.currency}
    return _ask(OpKind.CAPTURE_PAYMENT, payment, asked, by, key, at, need, amount, bound_to=said)


def cancel_payment(*, payment: Transaction, by: Membership, key: str, at: datetime) -> Operation:
    """End a payment that was not captured. Raises NotPossible and what asking raises."""
    by.need(Right.PAYMENTS)

    def need() -> None:
        now = _locked(payment, TakesPayments)
        if now.kind != Kind.PURCHASE or now.status not in (Status.PENDING, Status.AUTHORISED):
            raise NotPossible(_("Only a payment that is not over can be cancelled."))

    return _ask(OpKind.CANCEL_PAYMENT, payment, {"ref": payment.ref}, by, key, at, need)


def refund_payment(
    *, sale: Transaction, amount: Money, order: str, by: Membership, key: str, at: datetime,
    named: Terminal | None = None,
) -> Operation:  # fmt: skip
    """Give a captured payment back, or a part of it.

    `named` is a terminal that its asker has named, to which the key is bound. Beyond what its asker
    may give back alone it waits for somebody else to agree. Raises OperationPending, KeyUsed,
    NotOffered, NotPossible or OverLimit.
    """
    by.need(Right.PAYMENTS)

    def takes_two() -> bool:
        now = need_refundable(Kind.REFUND, amount, sale, sale.account_id)
        return need_limit(by, whole_of(now, amount))

    asked = {
        "ref": sale.ref, "sale": sale.pk, "order": order or _own(by, key), "minor": amount.minor,
        "currency": amount.currency,
    }  # fmt: skip
    return request_operation(
        kind=OpKind.REFUND_PAYMENT, account=sale.account, subject=sale, asked=asked, by=by, key=key,
        at=at, facts={"amount": f"{amount.minor} {amount.currency}"},
        need=partial(need_offered, sale.account, RefundsPayments), takes_two=takes_two,
        bound_to={**asked, "terminal": named.pk} if named else None,
    )  # fmt: skip


def end_refund(
    *, refund: Transaction, done: bool, by: Membership, key: str, at: datetime
) -> Operation:
    """Complete a refund that is reserved, or cancel it.

    Raises NotPossible and what asking raises.
    """
    by.need(Right.PAYMENTS)

    def need() -> None:
        now = _locked(refund, RefundsPayments)
        if now.kind != Kind.REFUND or now.status != Status.AUTHORISED:
            raise NotPossible(_("Only a refund that is reserved can be completed or cancelled."))

    kind = OpKind.CAPTURE_REFUND if done else OpKind.CANCEL_REFUND
    return _ask(kind, refund, {"ref": refund.ref}, by, key, at, need)


def _locked(row: Transaction, capability: type) -> Transaction:
    """The row as it is now, kept so until the wish is written down."""
    need_offered(row.account, capability)
    return Transaction.objects.select_for_update(no_key=True).get(pk=row.pk)


def _ask(
    kind: str, row: Transaction, asked: Mapping[str, object], by: Membership, key: str,
    at: datetime, need: Callable[[], None], amount: Money | None = None,
    bound_to: Mapping[str, object] | None = None,
) -> Operation:  # fmt: skip
    told = {"amount": f"{amount.minor} {amount.currency}"} if amount else {}
    return request_operation(
        kind=kind, account=row.account, subject=row, asked=asked, by=by, key=key, at=at, facts=told,
        need=need, bound_to=bound_to,
    )  # fmt: skip


def _own(by: Membership, key: str) -> str:
    """A word for a sale that no till uses, at most 36 signs long."""
    return f"portal-{hashlib.sha256(f'{by.merchant_id} {key}'.encode()).hexdigest()[:16]}"
