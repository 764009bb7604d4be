"""Closes: what was reported of a branch's business day or month, frozen for good.

Each branch has one chain of documents. A close freezes rows; what comes or changes after it stands
in adjustments, each a document of its own; opening again is a document too. The application may
add documents and rows, and change or remove none. No personal data is in them, so that erasing a
person never changes their bytes.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from merchants.models import Branch, Merchant, User
from portal.rows import OfMerchant


class Document(OfMerchant):
    """One link of a branch's chain.

    `digest` is the SHA-256 of `manifest`, which names the file's own SHA-256 and the digest of the
    document before. `standing` is what the days add up to with this document: by currency what the
    roll-ups count.
    """

    class Kind(models.TextChoices):
        CLOSE = "CLOSE", _("Close")
        ADJUSTMENT = "ADJUSTMENT", _("Adjustment")
        REOPENING = "REOPENING", _("Opened again")

    class Span(models.TextChoices):
        DAY = "DAY", _("Day")
        MONTH = "MONTH", _("Month")

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    branch = models.ForeignKey(Branch, models.PROTECT)
    # Its place in the branch's chain, from 1.
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    span = models.CharField(max_length=5, choices=Span)
    # Business days, half-open.
    since = models.DateField()
    until = models.DateField()
    made_at = models.DateTimeField()
    # A person who is erased leaves their number.
    made_by = models.ForeignKey(
        User, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    # Why it was opened again, or closed though something may be missing.
    reason = models.CharField(max_length=200, blank=True)
    rows = models.BigIntegerField()
    standing = models.JSONField(default=dict)
    manifest = models.JSONField()
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "number"], name="one_document_per_place_in_a_chain"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("CLOSE", "ADJUSTMENT", "REOPENING"))
                & Q(span__in=("DAY", "MONTH")),
                name="document_words_are_ours",
            ),
            models.CheckConstraint(condition=Q(since__lt=F("until")), name="closed_days_are_some"),
        ]
        indexes = [
            models.Index(fields=["merchant", "since", "branch"], name="document_by_day"),
            models.Index(fields=["digest"], name="document_by_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.branch_id}:{self.number}"

    @property
    def name(self) -> str:
        """What its file is called: no name of a branch or person is in it."""
        days = f"{self.since:%Y-%m}" if self.span == self.Span.MONTH else self.since.isoformat()
        return f"{self.kind.lower()}-{self.branch_id}-{days}-{self.number}.csv"


class ClosedRow(OfMerchant):
    """A transaction as a document has it: its money, state and time, and what it counts.

    `sales` to `refunds_minor` are what it adds: of a close all that it counts, of an adjustment
    only the difference. The transaction may have moved to another day since: no key leads to it.
    """

    class What(models.TextChoices):
        FROZEN = "FROZEN", _("As closed")
        LATE = "LATE", _("Came late")
        CHANGED = "CHANGED", _("Changed")
        GONE = "GONE", _("Not of this day any more")

    pk = models.CompositePrimaryKey("document_id", "position")
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False, db_constraint=False)
    document = models.ForeignKey(
        Document, models.PROTECT, related_name="closed_rows", db_index=False
    )
    position = models.IntegerField()
    what = models.CharField(max_length=7, choices=What)
    transaction_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=8)
    status = models.CharField(max_length=10)
    scheme = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    sales = models.SmallIntegerField()
    sales_minor = models.BigIntegerField()
    refunds = models.SmallIntegerField()
    refunds_minor = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.document_id}:{self.position}"
