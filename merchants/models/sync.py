"""Provider accounts, and the record of every sync."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from merchants.models.people import Branch, Merchant, User
from portal.rows import OfMerchant
from providers.base.registry import providers


class ProviderAccount(OfMerchant):
    """A merchant's credentials at one provider."""

    class State(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")
        PAUSED = "PAUSED", _("Paused")
        REFUSED = "REFUSED", _("Credentials refused")
        REMOVED = "REMOVED", _("Removed")

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="accounts")
    provider = models.CharField(max_length=40)
    name = models.CharField(_("name"), max_length=200)
    credentials = models.BinaryField(null=True)
    fingerprint = models.BinaryField(max_length=32, null=True)
    credentials_set_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    requests_per_minute = models.PositiveIntegerField(default=1200)
    created_at = models.DateTimeField(default=timezone.now)
    next_sync_at = models.DateTimeField(default=timezone.now)
    next_deep_at = models.DateTimeField(default=timezone.now)
    # The circuit breaker: failed runs in a row, and no call before `retry_at`.
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "provider", "fingerprint"],
                condition=Q(fingerprint__isnull=False),
                name="a_merchant_connects_credentials_once",
            ),
            # What its rows refer to, so that none of them can be of another merchant.
            models.UniqueConstraint(fields=["id", "merchant"], name="account_is_of_one_merchant"),
            models.CheckConstraint(
                condition=Q(state="REMOVED") ^ Q(credentials__isnull=False),
                name="only_a_removed_account_has_no_credentials",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("ACTIVE", "PAUSED", "REFUSED", "REMOVED")),
                name="account_state_is_known",
            ),
        ]
        indexes = [models.Index(fields=["state", "next_sync_at"], name="account_by_due_time")]

    def __str__(self) -> str:
        return self.name

    # When what is being stored was begun to be read; None: now.
    read_since: datetime | None = None

    @cached_property
    def known(self) -> dict[str, dict[str, Any]]:
        """What a run has looked up: kind -> ref -> row or pk. It lives as long as this object,
        and what it holds is never deleted, so a batch need not ask for it again."""
        return defaultdict(dict)

    @property
    def title(self) -> str:
        """The provider's own name."""
        return providers()[self.provider].title


class BranchIdentity(OfMerchant):
    """What a provider calls a branch; one branch may be known to several."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="identities")
    account = models.ForeignKey(ProviderAccount, models.PROTECT, related_name="branches")
    ref = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    name_ar = models.CharField(max_length=200, null=True)
    reference = models.CharField(max_length=200, null=True)
    status = models.CharField(max_length=200, null=True)
    address = models.CharField(max_length=400, null=True)
    # By which brand and location the provider's own papers name it.
    brand = models.CharField(max_length=200, null=True)
    location = models.CharField(max_length=200, null=True)
    content_hash = models.BinaryField(max_length=16, null=True)
    version_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_branch_per_account_and_ref"
            )
        ]

    def __str__(self) -> str:
        return self.name


# What a resource is called, here because pages show it beside runs, bookmarks and gaps.
RESOURCE_LABELS = {
    "branches": _("Branches"),
    "terminals": _("Terminals"),
    "transactions": _("Transactions"),
    "sessions": _("Payment sessions"),
    "reconciliations": _("Reconciliations"),
}


class OfResource(OfMerchant):
    """What belongs to one resource of an account."""

    resource = models.CharField(max_length=40)

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """The resource's name in the reader's language."""
        return str(RESOURCE_LABELS.get(self.resource, self.resource))


class SyncRun(OfMerchant):
    """One reading of an account, kept with its figures."""

    class Reason(models.TextChoices):
        SCHEDULE = "SCHEDULE", _("on schedule")
        BUTTON = "BUTTON", _("by a person")
        COMMAND = "COMMAND", _("by command")
        REVIVED = "REVIVED", _("after an interruption")

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Complete")
        PARTIAL = "PARTIAL", _("In part")
        FAILED = "FAILED", _("Failed")
        INTERRUPTED = "INTERRUPTED", _("Interrupted")

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="runs")
    reason = models.CharField(max_length=8, choices=Reason)
    requested_by = models.ForeignKey(User, models.SET_NULL, null=True)
    state = models.CharField(max_length=11, choices=State, default=State.RUNNING)
    deep = models.BooleanField(default=False)
    started_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    # One of the six failures' codes, and its sentence.
    error_code = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="RUNNING") ^ Q(finished_at__isnull=False),
                name="only_a_running_run_has_no_end",
            )
        ]
        indexes = [
            models.Index("account", F("started_at").desc(), F("id").desc(), name="run_by_account"),
            models.Index(
                fields=["heartbeat_at"], condition=Q(state="RUNNING"), name="run_under_way"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class SyncStep(OfResource):
    """What a run read of one resource; updated with every committed batch."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    since = models.DateTimeField(null=True)
    # Pages read, and the provider's own count of them where it says one.
    read = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(null=True)
    fetched = models.PositiveIntegerField(default=0)
    stored = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    order = models.CharField(max_length=20, blank=True)
    # Fields that the provider sent and its documentation does not know: name -> rows.
    surprises = models.JSONField(default=dict)
    complete_to = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "resource"], name="one_step_per_resource")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.resource}"

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far."""
        if self.started_at is None:
            return 0.0
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    @property
    def new_or_changed(self) -> int:
        return self.stored + self.changed

    @property
    def rate(self) -> int | None:
        """Rows a second so far; None before there is anything to tell."""
        return round(self.fetched / self.seconds) if self.fetched and self.seconds > 1 else None

    @property
    def left(self) -> float | None:
        """Seconds that the rest may take, where all of the list is read and its length is known."""
        if self.since is not None or not self.pages or not self.read or self.seconds < 2:
            return None
        return max(self.pages - self.read, 0) * self.seconds / self.read


class Bookmark(OfResource):
    """Up to when, on the provider's clock, a resource of an account is completely stored."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="bookmarks")
    complete_to = models.DateTimeField()
    # How often the list was read to its end: the second reading finds what paging hid in the first.
    whole_reads = models.PositiveIntegerField(default=0)
    # The connector's translation with which the whole list was read last.
    version = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "resource"], name="one_bookmark_per_resource"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.resource}"


class Gap(OfResource):
    """A stretch of provider time that no finished run has covered."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="gaps")
    # None: from the beginning of the account.
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    found_at = models.DateTimeField(default=timezone.now)
    # When somebody asked for it to be closed; a worker's next reading of the account does it.
    asked_at = models.DateTimeField(null=True)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True)
    # False where the provider tells of no other time than the present: nobody can fetch it.
    closable = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(since__isnull=True) | Q(since__lt=F("until")), name="a_gap_has_a_length"
            )
        ]

    def __str__(self) -> str:
        return f"{self.resource} to {self.until}"


class SetAside(OfResource):
    """An item that could not be read: kept masked, counted, and tried again by every run."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="set_aside")
    # The provider's reference, or the digest of an item whose reference cannot be read either.
    key = models.CharField(max_length=200)
    reason = models.CharField(max_length=300)
    path = models.CharField(max_length=200, blank=True)
    masked = models.JSONField(null=True)
    first_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "resource", "key"], name="an_item_is_set_aside_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.key}"


class Hint(OfMerchant):
    """A webhook said that something changed; only the id it named is kept, until it is read."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="hints")
    ref = models.CharField(max_length=100)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="one_waiting_hint_per_ref")
        ]

    def __str__(self) -> str:
        return self.ref
