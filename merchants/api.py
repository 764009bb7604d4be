"""The JSON of accounts, sync runs and branches."""

from typing import Any, ClassVar

from django_filters import CharFilter, ChoiceFilter, FilterSet, NumberFilter
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import serializers

from merchants import queries
from merchants.models import Branch, Operation, ProviderAccount, Right, SyncRun, SyncStep
from portal.api import OperationJson, ReadOnly
from portal.keyset import Keys


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "merchants.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization"}


class BranchJson(serializers.ModelSerializer[Branch]):
    class Meta:
        model = Branch
        fields: ClassVar = ["id", "name", "name_ar", "zone", "cut_off", "created_at"]


class AccountJson(serializers.ModelSerializer[ProviderAccount]):
    class Meta:
        model = ProviderAccount
        fields: ClassVar = [
            "id", "provider", "name", "state", "created_at", "credentials_set_at", "next_sync_at",
            "failures",
        ]  # fmt: skip


class StepJson(serializers.ModelSerializer[SyncStep]):
    seconds = serializers.FloatField(read_only=True)

    class Meta:
        model = SyncStep
        fields: ClassVar = [
            "resource", "state", "read", "pages", "fetched", "stored", "changed", "unchanged",
            "set_aside", "complete_to", "seconds", "error_code", "error",
        ]  # fmt: skip


class SyncRunJson(serializers.ModelSerializer[SyncRun]):
    steps = StepJson(many=True, read_only=True)

    class Meta:
        model = SyncRun
        fields: ClassVar = [
            "id", "account", "reason", "state", "deep", "started_at", "finished_at", "error_code",
            "error", "steps",
        ]  # fmt: skip


class BranchFilter(FilterSet):
    name = CharFilter()


class AccountFilter(FilterSet):
    provider = CharFilter()
    state = ChoiceFilter(choices=ProviderAccount.State.choices)


class OperationFilter(FilterSet):
    kind = ChoiceFilter(choices=Operation.Kind.choices)
    state = ChoiceFilter(choices=Operation.State.choices)


class SyncRunFilter(FilterSet):
    """By number, not by choice: a choice would tell which accounts exist."""

    account = NumberFilter(field_name="account_id")
    state = ChoiceFilter(choices=SyncRun.State.choices)


class Accounts(ReadOnly):
    """Provider accounts; of those who may manage them only."""

    serializer_class = AccountJson
    right = Right.ACCOUNTS
    rows = queries.accounts_for
    keys = Keys("pk", descending=False)
    filterset_class = AccountFilter


class SyncRuns(ReadOnly):
    """Readings of an account, newest first."""

    serializer_class = SyncRunJson
    right = Right.ACCOUNTS
    rows = queries.runs_for
    keys = Keys("started_at")
    filterset_class = SyncRunFilter


class MerchantOperationJson(OperationJson):
    class Meta:
        model = Operation


class Operations(ReadOnly):
    """What was asked of providers, the latest first; of who sees every branch."""

    serializer_class = MerchantOperationJson
    rows = queries.operations_for
    keys = Keys("pk")
    filterset_class = OperationFilter


class Branches(ReadOnly):
    """A merchant's locations."""

    serializer_class = BranchJson
    rows = queries.branches_for
    keys = Keys("pk", descending=False)
    filterset_class = BranchFilter
