"""What waits for somebody, each thing once, and how each person wants to hear of it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.drift import Drift
from merchants.models.operations import Operation
from merchants.models.people import Branch, Membership, Merchant
from portal.rows import OfMerchant


class Alert(OfMerchant):
    """One thing that is wrong, from when it was found until it was so no more."""

    class Rule(models.TextChoices):
        SILENT = "SILENT", _("Silent in its usual hours")
        BEHIND = "BEHIND", _("Usually sells by now, and has not today")
        DISCONNECTED = "DISCONNECTED", _("Disconnected")
        UNASSIGNED = "UNASSIGNED", _("Held by nobody, and selling")
        IDLE = "IDLE", _("Held by somebody, and silent for days")
        OPEN = "OPEN", _("Sold yesterday and not reconciled")
        NAMESAKE = "NAMESAKE", _("Two branches with one Arabic name")
        DRIFT = "DRIFT", _("The provider says otherwise")
        STUCK = "STUCK", _("Nobody knows what became of what was asked")
        SECOND = "SECOND", _("A refund waits for a second person")

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    rule = models.CharField(max_length=12, choices=Rule)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    # Who may see it is who may see its branch; None: who sees every branch.
    branch = models.ForeignKey(Branch, models.PROTECT, null=True)
    # What the subject is called (of a difference and an operation its word, which pages say in
    # their language), and figures that belong to it: texts and whole numbers.
    facts = models.JSONField(default=dict)
    found_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "rule", "subject_kind", "subject_id"],
                condition=Q(ended_at=None),
                name="one_open_alert_per_thing",
            )
        ]
        indexes = [
            models.Index(
                fields=["merchant", "rule", "subject_kind", "subject_id", "-id"],
                name="alert_by_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject_kind} {self.subject_id}"

    @property
    def called(self) -> str:
        """What the subject is called, in the reader's language where it has no name of its own."""
        name = str(self.facts.get("name", ""))
        words = {"drift": Drift.Field, "operation": Operation.Kind}.get(self.subject_kind)
        return str(words(name).label) if words is not None and name in words.values else name


class AlertChoice(OfMerchant):
    """How one person hears of one kind of alert; without a row it stands in the portal."""

    class Way(models.TextChoices):
        NONE = "NONE", _("Not at all")
        PORTAL = "PORTAL", _("In the portal")
        MAIL = "MAIL", _("In the portal and by mail")

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="alert_choices")
    rule = models.CharField(max_length=12, choices=Alert.Rule)
    way = models.CharField(max_length=6, choices=Way)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "rule"], name="one_choice_per_rule")
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} {self.rule} {self.way}"
