"""Layouts of reports, schedules by which they come by themselves, and where they are taken."""

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models import Membership, Merchant, User
from portal.business import begins
from portal.rows import OfMerchant
from reports.models.runs import ReportRun
from reports.periods import Period, named

DAY = timedelta(days=1)


class Layout(OfMerchant):
    """Which columns a report has, in which order and under which headings, by a name.

    Each change is another version. Whoever has taken a version keeps it: a schedule's file never
    changes by itself.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    report = models.CharField(max_length=40)
    name = models.CharField(_("name"), max_length=60)
    version = models.PositiveIntegerField(default=1)
    # `[{"name": …, "heading": … or ""}, …]` in their order.
    columns = models.JSONField()
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "report", "name"], name="one_layout_per_report_and_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def wish(self) -> dict[str, Any]:
        """What a report takes of it, as it is now."""
        return {
            "columns": [each["name"] for each in self.columns],
            "headings": {each["name"]: each["heading"] for each in self.columns if each["heading"]},
            "layout": {"id": self.pk, "name": self.name, "version": self.version},
        }


class Destination(OfMerchant):
    """A folder at an SFTP server of the merchant's; what opens it is encrypted."""

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    name = models.CharField(_("name"), max_length=60)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(
        default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(max_length=100)
    # The server's own key as known_hosts has it: type and key. Another server is not spoken to.
    host_key = models.CharField(max_length=2000)
    folder = models.CharField(max_length=200, blank=True)
    # `{"password": …}` or `{"key": …}`.
    sealed = models.BinaryField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "name"], name="one_destination_per_name")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def row(self) -> str:
        """What its secret is bound to."""
        return f"reports_destination:{self.pk}"


class Schedule(OfMerchant):
    """A report that comes by itself: of which days, when, in which form, and to whom.

    Its rows are those that its person may see as it is made. `wish` has the columns as they were
    chosen, so that neither a layout nor a new column of ours changes its files.
    """

    class Rhythm(models.TextChoices):
        DAILY = "DAILY", _("Daily")
        WEEKLY = "WEEKLY", _("Weekly")
        MONTHLY = "MONTHLY", _("Monthly")

    class Way(models.TextChoices):
        KEPT = "KEPT", _("Kept here and in the API")
        LINK = "LINK", _("By mail, as a link")
        ATTACHED = "ATTACHED", _("By mail, attached")
        SFTP = "SFTP", _("To an SFTP server")

    # What was missed while nothing ran is made up for, so many of the newest.
    MOST_MISSED: ClassVar = 31

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    member = models.ForeignKey(Membership, models.CASCADE, related_name="schedules")
    name = models.CharField(_("name"), max_length=80)
    report = models.CharField(max_length=40)
    form = models.CharField(max_length=5, choices=ReportRun.Form)
    # As `ReportRun.wish`, without its days.
    wish = models.JSONField(default=dict)
    rhythm = models.CharField(max_length=7, choices=Rhythm)
    # Of a week, Monday is 0; of a month, 1 to 28.
    weekday = models.PositiveSmallIntegerField(null=True)
    day = models.PositiveSmallIntegerField(null=True)
    hour = models.PositiveSmallIntegerField()
    zone = models.CharField(max_length=64)
    way = models.CharField(max_length=8, choices=Way)
    destination = models.ForeignKey(Destination, models.PROTECT, null=True)
    recipients = models.ManyToManyField(Membership, blank=True, related_name="+")
    # For so many hours complete rows are waited for; then it is made with a note.
    patience = models.PositiveSmallIntegerField(default=6)
    made_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(way="SFTP") ^ Q(destination=None), name="only_sftp_has_a_destination"
            ),
            models.CheckConstraint(
                condition=Q(hour__lt=24)
                & (Q(weekday=None) | Q(weekday__lt=7))
                & (Q(day=None) | Q(day__gte=1, day__lte=28)),
                name="a_schedule_has_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(paused_at=None), name="schedule_by_next_time"
            ),
            models.Index(fields=["member", "-id"], name="schedule_of_member"),
        ]

    def __str__(self) -> str:
        return self.name

    def moment(self, day: date) -> datetime:
        """When a day's report is due, on the wall clock of its zone."""
        return begins(self.zone, time(self.hour), day)

    def after(self, at: datetime) -> datetime:
        """The first time that it is due after a moment."""
        day = at.astimezone(ZoneInfo(self.zone)).date() - DAY
        while not self._falls(day) or self.moment(day) <= at:
            day += DAY
        return self.moment(day)

    def _falls(self, day: date) -> bool:
        if self.rhythm == self.Rhythm.WEEKLY:
            return day.weekday() == self.weekday
        return self.rhythm == self.Rhythm.DAILY or day.day == self.day

    def period(self, due: datetime) -> Period:
        """The days that a report is of that is due at a moment: those before it."""
        today = due.astimezone(ZoneInfo(self.zone)).date()
        of = {"DAILY": "yesterday", "WEEKLY": "last-week", "MONTHLY": "last-month"}
        return named(of[self.rhythm], today)


class PlannedRun(OfMerchant):
    """One time that a schedule was due: of which days, how far it is, and what became of it."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waits for complete rows")
        MAKING = "MAKING", _("Being made")
        SENDING = "SENDING", _("On its way")
        DONE = "DONE", _("Delivered")
        FAILED = "FAILED", _("Failed")

    OPEN: ClassVar = (State.WAITING, State.MAKING, State.SENDING)

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="runs")
    since = models.DateField()
    until = models.DateField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    run = models.ForeignKey(ReportRun, models.SET_NULL, null=True, related_name="planned")
    # The letters that carry it, until the mail server has taken them.
    letters = ArrayField(models.BigIntegerField(), default=list)
    # Why it failed, or that something was missing, in words.
    note = models.CharField(max_length=500, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # What was missed is caught up once, whoever looks.
            models.UniqueConstraint(
                fields=["schedule", "since", "until"], name="one_planned_run_per_period"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("DONE", "FAILED")) ^ Q(ended_at=None),
                name="only_an_ended_planned_run_has_an_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state__in=("WAITING", "MAKING", "SENDING")),
                name="open_planned_run",
            )
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.since}"
