"""The JSON of reconciliations."""

from typing import Any, ClassVar

from django.utils.timezone import now
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.models import Right
from portal.api import BranchName, ReadOnly, accepted, asks, idempotency_key, one_of
from portal.keyset import Keys
from settlements import queries
from settlements.actions import SIDES, TOTALS, reconcile_terminal
from settlements.filters import ReconciliationFilter
from settlements.models import Reconciliation, SchemeTotal
from terminals.queries import terminals_for


class SchemeTotalJson(serializers.ModelSerializer[SchemeTotal]):
    class Meta:
        model = SchemeTotal
        fields: ClassVar = [
            "scheme", "word", "balanced",
            *(f"{total}_{what}" for total in TOTALS for what in ("count", "minor")),
        ]  # fmt: skip


class ReconciliationJson(serializers.ModelSerializer[Reconciliation]):
    """Amounts are whole minor units of `currency`."""

    provider = serializers.CharField(source="account.provider", read_only=True)
    branch = BranchName(read_only=True, allow_null=True)
    schemes = SchemeTotalJson(many=True, read_only=True)

    class Meta:
        model = Reconciliation
        fields: ClassVar = [
            "id", "provider", "ref", "branch", "terminal", "tid", "stan", "occurred_at",
            "business_day", "started_at", "ended_at", "currency", "balanced",
            *(f"{side}_{what}" for side in SIDES for what in ("count", "minor")), "schemes",
        ]  # fmt: skip


class CloseJson(serializers.Serializer[Any]):
    """The terminal whose day is to be closed."""

    terminal = serializers.IntegerField()


class Reconciliations(ReadOnly):
    """Closes of terminals, newest first."""

    serializer_class = ReconciliationJson
    right = Right.FIGURES
    rows = queries.reconciliations_with_schemes
    keys = Keys("occurred_at")
    filterset_class = ReconciliationFilter

    @asks(CloseJson)
    def create(self, request: Request) -> Response:
        """Ask the provider to close a terminal's day."""
        member, given = self.asking(Right.FLEET), self.given(CloseJson)
        terminal = one_of(terminals_for(member), given["terminal"], "terminal")
        key = idempotency_key(request)
        return accepted(reconcile_terminal(terminal=terminal, by=member, key=key, at=now()))
