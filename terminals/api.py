"""The JSON of terminals and of the people who hold them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.actions.trail import saw
from merchants.models import Membership
from merchants.queries import open_operations
from portal.api import MOST, BranchName, OperationJson, ReadOnly, TerminalUserJson
from portal.keyset import Keys
from terminals import queries
from terminals.filters import TerminalFilter
from terminals.models import Holding, Terminal, TerminalUser


class TerminalJson(serializers.ModelSerializer[Terminal]):
    provider = serializers.CharField(source="account.provider", read_only=True)
    branch = BranchName(read_only=True, allow_null=True)
    terminal_user = TerminalUserJson(read_only=True, allow_null=True)
    # The one that is not over; a list's are looked up together.
    operation = serializers.SerializerMethodField()

    class Meta:
        model = Terminal
        fields: ClassVar = [
            "id", "provider", "ref", "tid", "name", "branch", "terminal_user", "connected",
            "last_seen_at", "operation",
        ]  # fmt: skip

    @extend_schema_field(OperationJson(allow_null=True))
    def get_operation(self, terminal: Terminal) -> None:
        return None


class HoldingJson(serializers.ModelSerializer[Holding]):
    """Who held a terminal from when; `until_at` is null while it lasts.

    `since_at` is the provider's time where it said one (`provider_at`), else ours (`learned_at`).
    """

    terminal_user = TerminalUserJson(read_only=True, allow_null=True)
    until_at = serializers.DateTimeField(read_only=True, allow_null=True)
    operation = serializers.IntegerField(source="operation_id", read_only=True, allow_null=True)

    class Meta:
        model = Holding
        fields: ClassVar = [
            "terminal_user", "since_at", "until_at", "provider_at", "learned_at", "operation",
        ]  # fmt: skip


class AtQuery(serializers.Serializer[Any]):
    """`at`: who held it then. `known_at`: as far as was known then."""

    at = serializers.DateTimeField(required=False)
    known_at = serializers.DateTimeField(required=False)


class Terminals(ReadOnly):
    """Terminals, or points of sale, of every provider."""

    serializer_class = TerminalJson
    rows = queries.terminals_for
    keys = Keys("tid", descending=False)
    filterset_class = TerminalFilter

    def shown(self, member: Membership, rows: Sequence[Any]) -> None:
        found = open_operations("terminal", [row["id"] for row in rows])
        for row in rows:
            if row["id"] in found:
                row["operation"] = OperationJson(found[row["id"]]).data
        people = [row["terminal_user"] for row in rows if row["terminal_user"]]
        if member.sees_personal and people:
            saw("people.listed", people=len(people))

    @extend_schema(responses=HoldingJson(many=True), parameters=[AtQuery], filters=False)
    @action(detail=True, pagination_class=None, filter_backends=[])
    def holders(self, request: Request, pk: str) -> Response:
        """Who held the terminal, the latest first; with `at` only who held it then."""
        terminal = self.get_object()
        asked = AtQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        at, known_at = asked.validated_data.get("at"), asked.validated_data.get("known_at")
        rows = queries.with_ends(terminal.holdings.select_related("terminal_user"))
        if at is not None:
            found = queries.holder_at(terminal, at, known_at=known_at)
            rows = rows.filter(pk__in=[found.pk] if found else [])
        shown = list(rows.order_by("-since_at", "-pk")[:MOST])
        if shown and request.auth.sees_personal:  # type: ignore[union-attr]
            saw("people.listed", people=len(shown))
        return Response(HoldingJson(shown, many=True, context={"request": request}).data)


class TerminalUsers(ReadOnly):
    """People whom a provider lets use a terminal."""

    serializer_class = TerminalUserJson
    rows = queries.terminal_users_for
    keys = Keys("pk", descending=False)

    def shown(self, member: Membership, rows: Sequence[Any]) -> None:
        if not member.sees_personal or not rows:
            return
        if self.detail:
            saw("person.seen", self.get_object())
        else:
            saw("people.listed", people=len(rows))

    @classmethod
    def _model(cls) -> type[TerminalUser]:
        return TerminalUser
