"""The JSON of transactions, receipts and payment sessions."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.actions.trail import saw
from merchants.models import Membership, Right
from portal.api import (
    BranchName,
    ReadOnly,
    TerminalUserJson,
    accepted,
    asks,
    idempotency_key,
    one_of,
)
from portal.keyset import Keys
from providers.base.money import Money, NotMoney, exponent
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions import actions, queries
from transactions.filters import SessionFilter, TransactionFilter
from transactions.models import Kind, Session, Transaction
from transactions.receipts import shown_to


class TerminalId(serializers.ModelSerializer[Terminal]):
    class Meta:
        model = Terminal
        fields: ClassVar = ["id", "tid"]


class TransactionJson(serializers.ModelSerializer[Transaction]):
    """Amounts are whole minor units of `currency`; null where the provider does not say."""

    provider = serializers.CharField(source="account.provider", read_only=True)
    branch = BranchName(read_only=True, allow_null=True)
    terminal = TerminalId(read_only=True, allow_null=True)
    terminal_user = TerminalUserJson(read_only=True, allow_null=True)

    class Meta:
        model = Transaction
        fields: ClassVar = [
            "id", "provider", "ref", "branch", "terminal", "terminal_user", "kind", "status",
            "provider_status", "amount_minor", "authorised_minor", "captured_minor",
            "refunded_minor", "refunded", "currency", "scheme", "pan_last4", "rrn", "stan",
            "approval_code", "reference", "occurred_at", "business_day", "reconciled",
        ]  # fmt: skip


class ReceiptJson(serializers.Serializer[Any]):
    """A printed slip: its fields by name, those in Arabic with `_ar`."""

    ref = serializers.CharField()
    kind = serializers.CharField()
    fields_ = serializers.DictField(child=serializers.CharField(), source="printed")

    def get_fields(self) -> dict[str, Any]:
        own = super().get_fields()
        own["fields"] = own.pop("fields_")
        return own


class SessionJson(serializers.ModelSerializer[Session]):
    provider = serializers.CharField(source="account.provider", read_only=True)
    branch = BranchName(read_only=True, allow_null=True)
    terminal = TerminalId(read_only=True, allow_null=True)

    class Meta:
        model = Session
        fields: ClassVar = [
            "id", "provider", "ref", "branch", "terminal", "kind", "status", "provider_status",
            "amount_minor", "currency", "reference", "transaction_ref", "occurred_at", "expires_at",
        ]  # fmt: skip


class NewSessionJson(serializers.Serializer[Any]):
    """Ask a terminal for a payment, or to give one back: `refund_of` is the sale's id.

    Where payments are taken in steps the customer reserves the amount, and `reference`, of at most
    36 signs, is the order's number.
    """

    terminal = serializers.IntegerField()
    kind = serializers.ChoiceField(["PURCHASE", "REFUND"])
    amount_minor = serializers.IntegerField(min_value=1, max_value=10**15 - 1)
    currency = serializers.CharField(max_length=3)
    reference = serializers.CharField(max_length=200, allow_blank=True, default="")
    refund_of = serializers.IntegerField(required=False, allow_null=True, default=None)

    def validate_currency(self, value: str) -> str:
        try:
            exponent(value)
        except NotMoney as problem:
            raise serializers.ValidationError(str(problem)) from None
        return value


class CaptureJson(serializers.Serializer[Any]):
    """How much of what was reserved is taken; without it, all of it. The rest is let go."""

    amount_minor = serializers.IntegerField(
        min_value=1, max_value=10**15 - 1, required=False, allow_null=True, default=None
    )


class Transactions(ReadOnly):
    """Card transactions, newest first."""

    serializer_class = TransactionJson
    rows = queries.transactions_for
    keys = Keys("occurred_at")
    filterset_class = TransactionFilter

    def shown(self, member: Membership, rows: Sequence[Any]) -> None:
        people = [row["terminal_user"] for row in rows if row["terminal_user"]]
        if member.sees_personal and people:
            saw("people.listed", people=len(people))

    @extend_schema(responses=ReceiptJson(many=True), filters=False)
    @action(detail=True, pagination_class=None, filter_backends=[])
    def receipt(self, request: Request, pk: str) -> Response:
        """The receipts of a transaction, in the order in which they were printed."""
        transaction = self.get_object()
        member: Any = request.auth
        saw("receipt.seen", transaction)
        found = [
            {"ref": each.ref, "kind": each.kind, "printed": shown_to(member, each)}
            for each in queries.receipts_of(transaction)
        ]
        return Response(ReceiptJson(found, many=True).data)

    @asks(CaptureJson)
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, pk: str) -> Response:
        """Take what a customer has reserved, or a part; complete a refund that is reserved."""
        found, member = self.get_object(), self.asking(Right.PAYMENTS)
        minor = self.given(CaptureJson)["amount_minor"]
        wish: dict[str, Any] = {"by": member, "key": idempotency_key(request), "at": now()}
        if found.kind == Kind.REFUND:
            whole = minor in (None, found.amount_minor)
            if not whole:
                raise serializers.ValidationError(
                    {"amount_minor": ["A refund is completed as a whole."]}
                )
            return accepted(actions.end_refund(refund=found, done=True, **wish))
        amount = Money(minor, found.currency) if minor else None
        return accepted(actions.capture_payment(payment=found, amount=amount, **wish))

    @asks(None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a payment that was not captured, or a refund that was not completed."""
        found, member = self.get_object(), self.asking(Right.PAYMENTS)
        wish: dict[str, Any] = {"by": member, "key": idempotency_key(request), "at": now()}
        if found.kind == Kind.REFUND:
            return accepted(actions.end_refund(refund=found, done=False, **wish))
        return accepted(actions.cancel_payment(payment=found, **wish))


class Sessions(ReadOnly):
    """Payment sessions, newest first."""

    serializer_class = SessionJson
    rows = queries.sessions_for
    keys = Keys("occurred_at")
    filterset_class = SessionFilter

    @asks(NewSessionJson)
    def create(self, request: Request) -> Response:
        """Ask a terminal for a payment, or to give one back."""
        member, given = self.asking(Right.PAYMENTS), self.given(NewSessionJson)
        terminal = one_of(terminals_for(member), given["terminal"], "terminal")
        sales, sale = queries.transactions_for(member), given["refund_of"]
        made = actions.ask_for_payment(
            terminal=terminal, kind=given["kind"], reference=given["reference"],
            amount=Money(given["amount_minor"], given["currency"]),
            refund_of=None if sale is None else one_of(sales, sale, "refund_of"),
            by=member, key=idempotency_key(request), at=now(),
        )  # fmt: skip
        return accepted(made)
