"""The JSON of accounts, sync runs and branches."""

from typing import Any, ClassVar

from django.utils.timezone import now
from django_filters import CharFilter, ChoiceFilter, FilterSet, NumberFilter
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import queries
from merchants.actions.branches import create_branch
from merchants.models import Branch, Operation, ProviderAccount, Right, SyncRun, SyncStep
from portal.api import OperationJson, ReadOnly, accepted, asks, idempotency_key, one_of
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


class OwnerJson(serializers.Serializer[Any]):
    """Who runs a branch."""

    name = serializers.CharField(max_length=200)
    mobile = serializers.CharField(max_length=40)
    email = serializers.EmailField()


class NewBranchJson(serializers.Serializer[Any]):
    """`owner` is who runs it, for a provider that asks; without one it is who asks."""

    account = serializers.IntegerField()
    name = serializers.CharField(max_length=200)
    name_ar = serializers.CharField(max_length=200, allow_blank=True, default="")
    reference = serializers.CharField(max_length=200, allow_blank=True, default="")
    owner = OwnerJson(required=False)


class Branches(ReadOnly):
    """A merchant's locations."""

    serializer_class = BranchJson
    rows = queries.branches_for
    keys = Keys("pk", descending=False)
    filterset_class = BranchFilter

    @asks(NewBranchJson)
    def create(self, request: Request) -> Response:
        """Ask a provider to open a branch."""
        member, given = self.asking(Right.FLEET), self.given(NewBranchJson)
        account = one_of(queries.accounts_of(member), given.pop("account"), "account")
        user = member.user
        asker = {"name": user.name or user.email, "mobile": "", "email": user.email}
        owner = given.pop("owner", asker)
        key = idempotency_key(request)
        made = create_branch(account=account, **given, owner=owner, by=member, key=key, at=now())
        return accepted(made)
