"""What people do with a receipt: hand it to a customer, vouch for it, and note what was said."""

from django.db import models
from django.db.models import F, Q

from merchants.models import Merchant, User
from portal.rows import OfMerchant
from transactions.models.rows import Transaction


class SharedReceipt(OfMerchant):
    """A link that shows one transaction's receipts, and nothing else, to whoever has it."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False)
    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="shared")
    # Only the link's hash is kept.
    digest = models.BinaryField(max_length=32, unique=True)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    # Whether it went out by mail; to whom stands in the trail alone.
    mailed = models.BooleanField(default=False)
    opened = models.IntegerField(default=0)
    opened_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="a_shared_receipt_ends"
            )
        ]

    def __str__(self) -> str:
        return f"shared receipt {self.pk}"


class IssuedReceipt(OfMerchant):
    """A receipt that left with our code on it: what it said, until it is withdrawn."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False)
    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="issued")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    issued_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["transaction", "amount_minor", "currency"],
                condition=Q(withdrawn_at=None),
                name="one_receipt_in_force_per_amount",
            )
        ]

    def __str__(self) -> str:
        return f"issued receipt {self.pk}"


class Note(OfMerchant):
    """What somebody noted about a transaction; it is added, and never changed."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False)
    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="notes")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    text = models.CharField(max_length=2000, blank=True)
    # The number of a case in the merchant's own books.
    case = models.CharField(max_length=100, blank=True)
    # One word by which such transactions are found again.
    tag = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(text="", case="", tag=""), name="a_note_says_something"
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "tag"], condition=~Q(tag=""), name="note_by_tag"),
            models.Index(fields=["merchant", "case"], condition=~Q(case=""), name="note_by_case"),
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"
