"""What people have asked providers to change: the ledger of it."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTransform
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from merchants.models.people import Merchant, User
from merchants.models.sync import ProviderAccount
from portal.rows import OfMerchant


class Operation(OfMerchant):
    """One thing that somebody asked a provider to do, from the wish to what became of it.

    It is committed before anything is sent, and never removed. `asked` is what the provider is
    told; who it names is taken out of it once it is over.
    """

    class Kind(models.TextChoices):
        ASSIGN = "ASSIGN", _("Assign")
        UNASSIGN = "UNASSIGN", _("Take back")
        DISCONNECT = "DISCONNECT", _("Sign out the device")
        CREATE_BRANCH = "CREATE_BRANCH", _("Open a branch")
        CREATE_TERMINAL = "CREATE_TERMINAL", _("Make a terminal")
        OPEN_SESSION = "OPEN_SESSION", _("Ask for a payment")
        RECONCILE = "RECONCILE", _("Reconcile")
        START_PAYMENT = "START_PAYMENT", _("Start a payment")
        PREPARE_PAYMENT = "PREPARE_PAYMENT", _("Prepare a payment")
        READY_PAYMENT = "READY_PAYMENT", _("Set a payment’s amount")
        CAPTURE_PAYMENT = "CAPTURE_PAYMENT", _("Capture a payment")
        CANCEL_PAYMENT = "CANCEL_PAYMENT", _("Cancel a payment")
        REFUND_PAYMENT = "REFUND_PAYMENT", _("Refund a payment")
        CAPTURE_REFUND = "CAPTURE_REFUND", _("Complete a refund")
        CANCEL_REFUND = "CANCEL_REFUND", _("Cancel a refund")
        CREATE_POINT = "CREATE_POINT", _("Give it a point of sale")
        DELETE_POINT = "DELETE_POINT", _("Remove its point of sale")
        RENEW_POINT = "RENEW_POINT", _("Make its point of sale anew")
        CREATE_TOKEN = "CREATE_TOKEN", _("Make an access token")
        RESET_TOKEN = "RESET_TOKEN", _("Replace the access token")

    class State(models.TextChoices):
        REQUESTED = "REQUESTED", _("Waits to be sent")
        SENT = "SENT", _("Sent")
        CONFIRMED = "CONFIRMED", _("Done")
        REFUSED = "REFUSED", _("Refused")
        UNKNOWN = "UNKNOWN", _("Not known yet")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn")

    KEY_LASTS: ClassVar = timedelta(hours=72)
    SECOND: ClassVar = timedelta(hours=12)
    OPEN: ClassVar = (State.REQUESTED, State.SENT, State.UNKNOWN)
    # Which move money, and need the right to; and which give a sale back.
    PAYMENTS: ClassVar = (
        Kind.OPEN_SESSION, Kind.START_PAYMENT, Kind.PREPARE_PAYMENT, Kind.READY_PAYMENT,
        Kind.CAPTURE_PAYMENT, Kind.CANCEL_PAYMENT, Kind.REFUND_PAYMENT, Kind.CAPTURE_REFUND,
        Kind.CANCEL_REFUND,
    )  # fmt: skip
    # Which give an account its credentials, and are sent where it has none that are taken.
    TOKENS: ClassVar = (Kind.CREATE_TOKEN, Kind.RESET_TOKEN)
    REFUNDS: ClassVar = (Kind.OPEN_SESSION, Kind.REFUND_PAYMENT)

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    subject_kind = models.CharField(max_length=20)
    # None: what is to be made is not there yet.
    subject_id = models.BigIntegerField(null=True)
    asked = models.JSONField(default=dict)
    # The form's or the caller's own, so that the same wish sent twice is one operation; it is let
    # go of after `KEY_LASTS`. The digest tells another wish with the same key.
    key = models.CharField(max_length=100, null=True)
    digest = models.BinaryField(max_length=32, null=True)
    requested_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    # One that takes two people waits, unsent, until another has agreed, and ends after `SECOND`.
    needs_second = models.BooleanField(default=False, db_default=False)
    agreed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # When it is sent, or looked at, next. None: a person must decide.
    next_at = models.DateTimeField(null=True, default=timezone.now)
    # How often it was sent, and looked at since.
    tries = models.PositiveSmallIntegerField(default=0)
    looks = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    # The same by language, where the provider's words are known in more than one.
    words = models.JSONField(default=dict, db_default={})
    # What was made: `{"kind", "id"}`.
    outcome = models.JSONField(default=dict)
    # What reading back has shown: `[{"at", "found"}]`.
    evidence = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                # One that waits for a second person keeps nobody from anything.
                condition=Q(state__in=("REQUESTED", "SENT", "UNKNOWN"), needs_second=False),
                name="one_open_operation_per_subject",
            ),
            models.UniqueConstraint(fields=["merchant", "key"], name="one_operation_per_key"),
            models.CheckConstraint(
                condition=Q(state__in=("CONFIRMED", "REFUSED", "WITHDRAWN")) ^ Q(finished_at=None),
                name="only_an_open_operation_has_no_end",
            ),
            models.CheckConstraint(
                condition=Q(subject_id__isnull=False)
                | Q(kind__in=("CREATE_BRANCH", "CREATE_TERMINAL")),
                name="only_what_is_to_be_made_is_not_there",
            ),
            models.CheckConstraint(
                condition=Q(state="REQUESTED") | Q(state="WITHDRAWN") | Q(sent_at__isnull=False),
                name="what_was_sent_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(needs_second=False) | Q(state__in=("REQUESTED", "WITHDRAWN")),
                name="what_takes_two_is_not_sent_by_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=Q(state__in=("REQUESTED", "SENT", "UNKNOWN")),
                name="open_operation_by_account",
            ),
            models.Index(
                fields=["merchant", "subject_kind", "subject_id", "id"],
                name="operation_by_subject",
            ),
            models.Index(
                fields=["requested_at"], condition=Q(key__isnull=False), name="operation_with_key"
            ),
            models.Index(
                fields=["requested_at"],
                condition=Q(needs_second=True, state="REQUESTED"),
                name="operation_for_a_second",
            ),
            # Of which sale a refund is asked, and which session was made.
            models.Index(
                F("account"),
                KeyTransform("sale", "asked"),
                name="operation_by_sale",
                condition=Q(kind__in=("OPEN_SESSION", "REFUND_PAYMENT")),
            ),
            models.Index(
                F("account"),
                KeyTransform("id", "outcome"),
                name="operation_by_session",
                condition=Q(kind="OPEN_SESSION"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    def get_state_display(self) -> str:  # type: ignore[no-redef]
        """The state in words: that somebody else has to agree is one to people, not to programs."""
        if self.needs_second and self.state == self.State.REQUESTED:
            return gettext("Waits for a second person")
        return str(self.State(self.state).label)

    @property
    def said(self) -> str:
        """What was said of it, in the reader's language where it is known in that."""
        return self.words.get(get_language() or "en") or self.message

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def needs_a_person(self) -> bool:
        return self.state == self.State.UNKNOWN and self.next_at is None
