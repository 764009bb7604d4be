"""What every JSON view shares: opaque cursors, problems by RFC 9457, read-only lists."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.encoding import iri_to_uri
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.viewsets import ReadOnlyModelViewSet

from portal import keyset
from portal.conflicts import Conflict
from portal.templatetags.show import masked_email, masked_mobile, masked_name

PROBLEM = "application/problem+json"
MOST = 500
LONGEST_KEY = 100


class BranchName(serializers.Serializer[Any]):
    """A branch as every row names it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    name_ar = serializers.CharField()


class TerminalUserJson(serializers.Serializer[Any]):
    """A person who holds terminals; masked for those who do not manage people."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    mobile = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        request = self.context.get("request")
        if request is None or not request.auth.sees_personal:
            shown["name"] = masked_name(shown["name"])
            shown["mobile"] = masked_mobile(shown["mobile"]) or None
            shown["email"] = masked_email(shown["email"]) or None
        return shown


class SubjectJson(serializers.Serializer[Any]):
    """What an operation is about."""

    kind = serializers.CharField(source="subject_kind")
    id = serializers.IntegerField(source="subject_id")


class OutcomeJson(serializers.Serializer[Any]):
    """What an operation has made: by our id, or by the provider's `ref` until it is read."""

    kind = serializers.CharField()
    id = serializers.IntegerField(required=False)
    ref = serializers.CharField(required=False)
    # How much was captured.
    minor = serializers.IntegerField(required=False)


class OperationJson(serializers.Serializer[Any]):
    """Something that was asked of a provider, and what became of it."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField()
    subject = SubjectJson(source="*")
    requested_by = serializers.CharField(allow_null=True)
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    # In the language that is asked for, where the provider's words are known in it.
    message = serializers.CharField(source="said")
    # It is sent once somebody else has agreed, in the portal.
    needs_second = serializers.BooleanField()
    provider_evidence = serializers.JSONField(source="evidence")
    outcome = serializers.SerializerMethodField()

    @extend_schema_field(OutcomeJson(allow_null=True))
    def get_outcome(self, operation: Any) -> dict[str, Any] | None:
        """What was made, if it makes anything and has done so."""
        return operation.outcome or None


KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own, of up to 100 visible characters. The same call with the same key within"
    " 72 hours is the same operation; another call with it is refused.",
)


def asks(given: Any, **more: Any) -> Callable[[Any], Any]:
    """How the schema shows a call that asks a provider for something."""
    answers = {202: OperationJson, 409: OpenApiTypes.OBJECT, 422: OpenApiTypes.OBJECT}
    return extend_schema(request=given, responses=answers, parameters=[KEY], filters=False, **more)


def idempotency_key(request: Request) -> str:
    """The caller's own key, or one of this call alone."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return uuid4().hex
    if not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise exceptions.ValidationError(
            {"Idempotency-Key": [f"Up to {LONGEST_KEY} visible characters."]}
        )
    return key


def accepted(operation: Any) -> Response:
    """That something was written down and will be asked of the provider."""
    return Response(OperationJson(operation).data, status=status.HTTP_202_ACCEPTED)


def one_of(rows: QuerySet[Any], pk: int, field: str) -> Any:
    """The row that a caller names; a ValidationError where it is not among theirs."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise exceptions.ValidationError({field: ["There is no such thing, or it is not yours."]})
    return found


class Cursor(BasePagination):
    """`{"next", "previous", "results"}`; `page_size` is 50 unless asked for, at most 500."""

    default_size = 50

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._request = request
        size = request.query_params.get("page_size", str(self.default_size))
        if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= MOST):
            raise exceptions.ValidationError({"page_size": [f"A number from 1 to {MOST}."]})
        try:
            self._slice = keyset.cut(
                queryset,
                view.keys,
                size=int(size),
                cursor=request.query_params.get("cursor"),
                scope=scope(request),
            )
        except keyset.InvalidCursor as problem:
            raise exceptions.ValidationError({"cursor": [str(problem)]}) from None
        return self._slice.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link(self._slice.next),
                "previous": self._link(self._slice.previous),
                "results": data,
            }
        )

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        url = self._request.build_absolute_uri()
        return iri_to_uri(replace_query_param(url, "cursor", cursor))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {
                "name": "page_size",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50},
            },
        ]


def scope(request: Request | HttpRequest) -> str:
    """A list's identity: its path and its filters, without where in it one stands."""
    kept = sorted(
        (key, value)
        for key, values in request.GET.lists()
        for value in values
        if key not in ("cursor", "page_size")
    )
    return f"{request.path}?{kept}"


def _member(request: Request) -> Any:
    """The membership of the request's token."""
    return request.auth


class ReadOnly(ReadOnlyModelViewSet[Any]):
    """A list and its objects, narrowed to what the token's member may see."""

    rows: ClassVar[Callable[[Any], QuerySet[Any]]]
    keys: ClassVar[keyset.Keys]
    # The right that the token's member needs.
    right: ClassVar[str] = "LOOK_UP"
    lookup_value_regex = "[0-9]{1,18}"
    pagination_class = Cursor

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """An object that is not theirs is a 404 on every verb, before the verb is looked at."""
        if self.lookup_field in self.kwargs:
            self.get_object()
        raise exceptions.MethodNotAllowed(str(request.method))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        _member(request).need(self.right)
        answer = super().list(request, *args, **kwargs)
        self.shown(_member(request), answer.data["results"])
        return answer

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = self.get_object()
        answer = Response(self.get_serializer(found).data)
        self.shown(_member(request), [answer.data])
        return answer

    @property
    def member(self) -> Any:
        """As whom the token acts."""
        return _member(self.request)

    def asking(self, right: str) -> Any:
        """The member, who must have the right to ask a provider for something."""
        self.member.need(right)
        return self.member

    def given(self, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """What the caller sent, checked; raises ValidationError."""
        read = form(data=self.request.data)
        read.is_valid(raise_exception=True)
        found: dict[str, Any] = read.validated_data
        return found

    def shown(self, member: Any, rows: Sequence[Any]) -> None:
        """Told what was shown, for what leaves a trail."""

    def get_object(self) -> Any:
        """The object; 404 where it is not theirs, and only then 403 for want of a right."""
        found = super().get_object()
        _member(self.request).need(self.right)
        return found

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What can be asked stands in the schema."""
        return self.http_method_not_allowed(request)

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return QuerySet(self._model()).none()
        found: QuerySet[Any] = type(self).rows(self.request.auth)
        return found

    @classmethod
    def _model(cls) -> Any:
        return cls.serializer_class.Meta.model  # type: ignore[union-attr]


TITLES = {
    400: "The request is not right",
    401: "A token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    406: "Not available in that form",
    409: "Not possible as things stand",
    415: "Not readable in that form",
    422: "Used before for something else",
    429: "Too many requests",
    500: "The portal failed",
    503: "The portal is away",
}


def body_of(code: int, detail: str, errors: Any = None) -> dict[str, Any]:
    """A problem's JSON."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(code, "The request failed"),
        "status": code,
        "detail": detail,
    }
    return body | ({"errors": errors} if errors else {})


def problem(failure: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raises into a problem; anything unforeseen stays Django's 500."""
    if isinstance(failure, Http404):
        failure = exceptions.NotFound("There is no such thing, or it is not yours.")
    elif isinstance(failure, PermissionDenied):
        failure = exceptions.PermissionDenied(str(failure) or None)
    elif isinstance(failure, Conflict):
        body = body_of(failure.status, str(failure))
        if failure.operation is not None:
            body["operation"] = OperationJson(failure.operation).data
        return Response(body, status=failure.status, content_type=PROBLEM)
    if not isinstance(failure, exceptions.APIException):
        return None
    errors = failure.detail if isinstance(failure, exceptions.ValidationError) else None
    if isinstance(errors, list):
        errors = {"request": errors}
    detail = "See the errors." if errors else str(failure.detail)
    headers = {}
    if header := getattr(failure, "auth_header", None):
        headers["WWW-Authenticate"] = str(header)
    if wait := getattr(failure, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Response(
        body_of(failure.status_code, detail, errors),
        status=failure.status_code,
        headers=headers,
        content_type=PROBLEM,
    )


def unknown(request: HttpRequest, **_: object) -> JsonResponse:
    """The answer under /api/ where there is no address, also before a token is looked at."""
    return answer_of(status.HTTP_404_NOT_FOUND, "There is no such address.")


def answer_of(code: int, detail: str) -> JsonResponse:
    """A problem from outside of any JSON view."""
    return JsonResponse(body_of(code, detail), status=code, content_type=PROBLEM)


def describe_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Every operation of the schema can end in a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    result["components"]["schemas"]["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "object", "additionalProperties": True},
        },
    }
    reasons = {"400": "Not right", "401": "No valid token", "404": "Not there, or not yours"}
    for path in result["paths"].values():
        for operation in path.values():
            for code, text in reasons.items():
                content = {PROBLEM: {"schema": schema}}
                operation["responses"].setdefault(code, {"description": text, "content": content})
    return result
