"""Where a provider says otherwise than was agreed: somebody changed it in its own dashboard."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.operations import Operation
from merchants.models.people import Merchant, User
from merchants.models.sync import ProviderAccount
from portal.rows import OfMerchant


class Drift(OfMerchant):
    """One field of one thing on which the provider and we differ, until somebody decides.

    What is ours stays as it was meanwhile. `agreed` is what both sides said last, `theirs` what the
    provider says now: a text, the pk of who holds it or of its branch, or None.
    """

    class Field(models.TextChoices):
        HOLDER = "HOLDER", _("Held by")
        BRANCH = "BRANCH", _("Branch")
        NAME = "NAME", _("Name")
        NAME_AR = "NAME_AR", _("Name in Arabic")
        REFERENCE = "REFERENCE", _("Reference")
        MOBILE = "MOBILE", _("Mobile")
        EMAIL = "EMAIL", _("E-mail")
        GONE = "GONE", _("Whether it is there")

    class Ending(models.TextChoices):
        TAKEN = "TAKEN", _("Theirs was taken")
        PUSHED = "PUSHED", _("Ours was pushed")
        BACK = "BACK", _("They agree again")

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    field = models.CharField(max_length=9, choices=Field)
    agreed = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    found_at = models.DateTimeField()
    # Until when it is left alone.
    ignored_until = models.DateTimeField(null=True)
    # What was asked of the provider to make it agree with us.
    operation = models.ForeignKey(Operation, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=6, choices=Ending, blank=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "subject_kind", "subject_id", "field"],
                condition=Q(ended_at=None),
                name="one_open_drift_per_field",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) ^ ~Q(ending=""), name="only_an_open_drift_has_no_ending"
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "id"], condition=Q(ended_at=None), name="open_drift_of_merchant"
            ),
            models.Index(
                fields=["merchant", "subject_kind", "subject_id", "id"], name="drift_by_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_id} {self.field}"
