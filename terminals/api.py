"""The JSON of terminals and of the people who hold them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from merchants.actions.trail import saw
from merchants.models import Membership
from merchants.queries import open_operations
from portal.api import BranchName, OperationJson, ReadOnly, TerminalUserJson
from portal.keyset import Keys
from terminals import queries
from terminals.filters import TerminalFilter
from terminals.models import Terminal, TerminalUser


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
