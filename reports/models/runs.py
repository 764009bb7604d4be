"""Reports that people have asked for, and the files that were made."""

from collections.abc import Collection
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models import Membership, Merchant
from portal.rows import OfMerchant


class ReportRun(OfMerchant):
    """One report that somebody asked for, from the wish to its file.

    Which rows it has is decided by its person's rights when it is made. A file is offered once it
    is whole; `manifest` says how it was made and what it adds up to.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Being made")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")
        CANCELLED = "CANCELLED", _("Cancelled")

    class Form(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"
        JSONL = "jsonl", _("JSON lines")
        PDF = "pdf", "PDF"

    OPEN: ClassVar = (State.WAITING, State.RUNNING)
    # After so long its file goes; what it was remains.
    KEPT: ClassVar = timedelta(days=30)

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    member = models.ForeignKey(Membership, models.CASCADE, related_name="report_runs")
    report = models.CharField(max_length=40)
    form = models.CharField(max_length=5, choices=Form)
    # `{"since", "until", "branches", "columns", "comma", "semicolon", "language"}`.
    wish = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rows = models.BigIntegerField(null=True)
    done_rows = models.BigIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    # In words, why it failed.
    problem = models.CharField(max_length=500, blank=True)
    # In the storage of reports; empty once it has gone.
    file = models.CharField(max_length=200, blank=True)
    size = models.BigIntegerField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    manifest = models.JSONField(default=dict)
    # What its person was allowed to see as it was made: `{"branches": [pk] or null, "personal"}`.
    seen = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(file="") | Q(state="DONE"), name="only_a_whole_file_is_offered"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("WAITING", "RUNNING")) ^ Q(finished_at__isnull=False),
                name="only_an_open_report_has_no_end",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="report_run_of_member"),
            models.Index(
                fields=["id"], condition=Q(state__in=("WAITING", "RUNNING")), name="open_report_run"
            ),
            models.Index(fields=["digest"], condition=~Q(digest=""), name="report_run_by_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.report} {self.pk}"

    def is_open_to(self, member: Membership, branches: Collection[int]) -> bool:
        """Whether somebody, who sees these branches, may still see all that is in it."""
        own = self.seen.get("branches")
        enough = member.sees_every_branch if own is None else set(own) <= set(branches)
        return enough and (member.sees_personal or not self.seen.get("personal"))

    @property
    def percent(self) -> int:
        """How much of its rows is written."""
        if self.state == self.State.DONE:
            return 100
        return min(99, 100 * self.done_rows // self.rows) if self.rows else 0
