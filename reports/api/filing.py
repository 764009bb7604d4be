"""The JSON of reports: what one has asked for or had planned, and the files to pick up."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.actions.trail import record
from merchants.models import Membership, Right
from portal.api import ReadOnly
from portal.keyset import Keys
from reports.catalogue import REPORTS
from reports.models import ReportRun
from reports.queries import open_to, runs_of


class PlannedJson(serializers.Serializer[Any]):
    """The schedule that a report came by."""

    id = serializers.IntegerField(source="schedule_id")
    name = serializers.CharField(source="schedule.name")
    note = serializers.CharField()


class ReportJson(serializers.ModelSerializer[ReportRun]):
    """A report; `since` and `until` are business days, half-open. Its file is there once DONE."""

    since = serializers.DateField(source="wish.since", read_only=True)
    until = serializers.DateField(source="wish.until", read_only=True)
    sha256 = serializers.CharField(source="digest", read_only=True)
    schedule = serializers.SerializerMethodField()
    has_file = serializers.SerializerMethodField()

    class Meta:
        model = ReportRun
        fields: ClassVar = [
            "id", "report", "form", "since", "until", "state", "rows", "size", "sha256", "problem",
            "asked_at", "finished_at", "schedule", "has_file",
        ]  # fmt: skip

    @extend_schema_field(PlannedJson(allow_null=True))
    def get_schedule(self, run: ReportRun) -> Any:
        own = list(run.planned.all())
        return PlannedJson(own[0]).data if own else None

    @extend_schema_field(bool)
    def get_has_file(self, run: ReportRun) -> bool:
        return bool(run.file)


def _rows(member: Membership) -> QuerySet[ReportRun]:
    return runs_of(member).prefetch_related("planned__schedule")


class Reports(ReadOnly):
    """One's own reports, newest first."""

    serializer_class = ReportJson
    right = Right.EXPORT
    rows = _rows
    keys = Keys("asked_at")

    def get_object(self) -> Any:
        """The report; 403 where its reader may see less than when it was made."""
        found: ReportRun = super().get_object()
        self.member.need(REPORTS[found.report].right)
        if not open_to(found, self.member):
            raise PermissionDenied(
                _("You may see less than when this was made. Ask for it once more.")
            )
        return found

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, pagination_class=None, filter_backends=[])
    def file(self, request: Request, pk: str) -> Any:
        """Its file; 404 until it is whole, and once it is gone."""
        found: ReportRun = self.get_object()
        if not found.file:
            raise Http404
        try:
            content = storages["reports"].open(found.file)
        except FileNotFoundError:
            raise Http404 from None
        facts = {"report": found.report, "run": found.pk}
        record("report.fetched", subject=self.member, facts=facts)
        name = found.file.rpartition("/")[2]
        return FileResponse(content, as_attachment=True, filename=name)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, pagination_class=None, filter_backends=[])
    def proof(self, request: Request, pk: str) -> Response:
        """What proves its file: who, when, of what, how complete, control totals, SHA-256."""
        return Response(self.get_object().manifest)
