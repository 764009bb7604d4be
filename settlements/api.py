"""The JSON of reconciliations."""

from typing import ClassVar

from rest_framework import serializers

from merchants.models import Right
from portal.api import BranchName, ReadOnly
from portal.keyset import Keys
from settlements import queries
from settlements.actions import SIDES, TOTALS
from settlements.filters import ReconciliationFilter
from settlements.models import Reconciliation, SchemeTotal


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


class Reconciliations(ReadOnly):
    """Closes of terminals, newest first."""

    serializer_class = ReconciliationJson
    right = Right.FIGURES
    rows = queries.reconciliations_with_schemes
    keys = Keys("occurred_at")
    filterset_class = ReconciliationFilter
