"""What came late, and what changed after it was stored: rows are added, and never changed."""

from django.db import models

from merchants.models import Branch, Merchant
from portal.rows import OfMerchant
from transactions.models.rows import Status, Transaction


class Change(OfMerchant):
    """One time that a transaction came late, or was said to be otherwise than before.

    Of a late one there is nothing before. Amounts are minor units of `currency`; a day and a branch
    are those in which it counts.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False, db_constraint=False)
    transaction = models.ForeignKey(
        Transaction, models.CASCADE, db_index=False, db_constraint=False, related_name="changes"
    )
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    branch_before = models.ForeignKey(
        Branch, models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    day_before = models.DateField(null=True)
    kind_before = models.CharField(max_length=8, null=True)
    status_before = models.CharField(max_length=10, null=True)
    captured_before = models.BigIntegerField(null=True)
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    day = models.DateField()
    kind = models.CharField(max_length=8)
    status = models.CharField(max_length=10)
    captured = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["merchant", "at", "id"], name="change_by_time"),
            models.Index(fields=["transaction", "id"], name="change_by_transaction"),
            models.Index(fields=["branch", "day"], name="change_by_branch_day"),
            models.Index(fields=["branch_before", "day_before"], name="change_by_day_before"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_id} {self.at}"

    def get_status_before(self) -> str:
        return str(Status(self.status_before).label) if self.status_before else ""

    def get_status(self) -> str:
        return str(Status(self.status).label)

    @property
    def is_late(self) -> bool:
        return self.day_before is None
