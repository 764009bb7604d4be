"""The JSON of the one search box."""

from typing import Any

from django.utils.timezone import now
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from merchants.actions.trail import searched
from merchants.models import Membership, Right
from portal.api import BranchName
from reports.search import Hit, search
from reports.search.complete import completeness_of, stretch_of


class UnderstoodJson(serializers.Serializer[Any]):
    """A part of what was typed, and how it can be meant, the likeliest first."""

    text = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    words = serializers.CharField()


class HitJson(serializers.Serializer[Any]):
    """A transaction that fits, and why. Amounts are whole minor units of `currency`."""

    id = serializers.IntegerField(source="row.pk")
    provider = serializers.CharField(source="row.account.provider")
    ref = serializers.CharField(source="row.ref")
    branch = BranchName(source="row.branch", allow_null=True)
    kind = serializers.CharField(source="row.kind")
    status = serializers.CharField(source="row.status")
    amount_minor = serializers.IntegerField(source="row.amount_minor")
    currency = serializers.CharField(source="row.currency")
    pan_last4 = serializers.CharField(source="row.pan_last4", allow_null=True)
    rrn = serializers.CharField(source="row.rrn", allow_null=True)
    occurred_at = serializers.DateTimeField(source="row.occurred_at")
    why = serializers.ListField(child=serializers.CharField())


class ThingJson(serializers.Serializer[Any]):
    """What fits beside transactions: BRANCH TERMINAL PERSON SESSION RECONCILIATION."""

    kind = serializers.CharField()
    id = serializers.IntegerField()


class CompleteJson(serializers.Serializer[Any]):
    """How complete a provider is for the time asked about."""

    provider = serializers.CharField()
    complete_to = serializers.DateTimeField(allow_null=True)
    whole = serializers.BooleanField()
    said = serializers.CharField()


class FoundJson(serializers.Serializer[Any]):
    """`near` nearly fits, `complete` says how much «nothing» is worth; both where nothing fits."""

    understood = UnderstoodJson(many=True)
    transactions = HitJson(many=True)
    things = ThingJson(many=True)
    near = HitJson(many=True)
    complete = CompleteJson(many=True)


KINDS = {"Branch": "BRANCH", "Terminal": "TERMINAL", "TerminalUser": "PERSON",
         "Session": "SESSION", "Reconciliation": "RECONCILIATION"}  # fmt: skip


class Search(APIView):
    """Any identifier, amount, day or name, and any mix of them."""

    # What can be asked stands in the schema.
    metadata_class = None

    @extend_schema(
        parameters=[OpenApiParameter("q", str, required=True)], responses=FoundJson, tags=["search"]
    )
    def get(self, request: Request) -> Response:
        """Find what fits, each with the reasons why."""
        member: Any = request.auth
        member.need(Right.LOOK_UP)
        return Response(FoundJson(_found(member, str(request.query_params.get("q", "")))).data)


def _found(member: Membership, text: str) -> dict[str, Any]:
    moment = now()
    found = search(member, text, moment)
    if found.text:
        searched(found.text, found.count, by_mobile=found.by_mobile)
    hits: dict[str, list[Hit]] = {"transactions": found.hits, "near": found.near}
    complete = []
    if not found.count:
        begin, end = stretch_of(found.parts, found.zone, moment)
        for each in completeness_of(member, begin, end, moment):
            complete.append(
                {"provider": each.of.provider, "complete_to": each.of.complete_to,
                 "whole": each.whole, "said": each.sentence}
            )  # fmt: skip
    understood = [
        {"text": part.text, "kinds": [each.kind for each in part.meanings], "words": part.words}
        for part in found.parts
    ]
    things = [{"kind": KINDS[type(each).__name__], "id": each.pk} for each in found.things]
    return {"understood": understood, "things": things, "complete": complete, **hits}
