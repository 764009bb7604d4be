"""The JSON of terminals and of the people who hold them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.actions.trail import saw
from merchants.models import Membership, Operation, Right
from merchants.queries import accounts_of, branches_for, open_operations, operations_of
from portal.api import (
    MOST,
    BranchName,
    OperationJson,
    ReadOnly,
    TerminalUserJson,
    accepted,
    asks,
    idempotency_key,
    one_of,
)
from portal.keyset import Keys
from terminals import actions, queries
from terminals.filters import TerminalFilter
from terminals.models import Holding, Terminal, TerminalUser
from terminals.numbers import e164


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


class AssignJson(serializers.Serializer[Any]):
    """Who is to hold it: somebody the provider knows by this number, or somebody new."""

    name = serializers.CharField(max_length=200)
    mobile = serializers.CharField(max_length=40)
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    # An operation that still waits, to be withdrawn in the same step.
    replaces = serializers.IntegerField(required=False)

    def validate_mobile(self, value: str) -> str:
        number = e164(value)
        if number is None:
            raise serializers.ValidationError("No mobile number. Begin with + and its country.")
        return number


class ReplaceJson(serializers.Serializer[Any]):
    """`replaces`: an operation that still waits, to be withdrawn in the same step."""

    replaces = serializers.IntegerField(required=False)


class NewTerminalJson(serializers.Serializer[Any]):
    """A terminal for a branch; `code` is what the acquirer gave for it."""

    account = serializers.IntegerField()
    branch = serializers.IntegerField()
    name = serializers.CharField(max_length=200)
    code = serializers.CharField(max_length=100)


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

    @asks(NewTerminalJson)
    def create(self, request: Request) -> Response:
        """Ask a provider to make a terminal."""
        member = self.asking(Right.FLEET)
        given = self.given(NewTerminalJson)
        made = actions.create_terminal(
            account=one_of(accounts_of(member), given["account"], "account"),
            branch=one_of(branches_for(member), given["branch"], "branch"),
            name=given["name"], code=given["code"], by=member,
            key=idempotency_key(request), at=now(),
        )  # fmt: skip
        return accepted(made)

    @asks(AssignJson)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Ask the provider to hand the terminal to somebody."""
        terminal, member = self.get_object(), self.asking(Right.FLEET)
        given = self.given(AssignJson)
        typed = {name: given[name] for name in ("name", "mobile", "email")}
        to = actions.holder_of(member, terminal.account, **typed)
        ask = partial(actions.assign_terminal, to=to, typed=typed)
        return self._asked(ask, terminal, given)

    @asks(ReplaceJson)
    @action(detail=True, methods=["post"])
    def unassign(self, request: Request, pk: str) -> Response:
        """Ask the provider to take the terminal back from whoever holds it."""
        terminal = self.get_object()
        self.asking(Right.FLEET)
        return self._asked(actions.unassign_terminal, terminal, self.given(ReplaceJson))

    @asks(ReplaceJson)
    @action(detail=True, methods=["post"])
    def disconnect(self, request: Request, pk: str) -> Response:
        """Ask the provider to sign the terminal's device out."""
        terminal = self.get_object()
        self.asking(Right.FLEET)
        return self._asked(actions.disconnect_terminal, terminal, self.given(ReplaceJson))

    def _asked(
        self, ask: Callable[..., Operation], terminal: Terminal, given: dict[str, Any]
    ) -> Response:
        key, member = idempotency_key(self.request), self.member
        own = operations_of(terminal).filter(pk=given.get("replaces", 0))
        replaces = own.first() if "replaces" in given else None
        made = ask(terminal=terminal, by=member, key=key, at=now(), replaces=replaces)
        return accepted(made)

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
