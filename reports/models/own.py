"""Up to when somebody has looked at what changed, and the accounts of a merchant’s books."""

from django.db import models

from merchants.models import Membership, Merchant
from portal.rows import OfMerchant


class Looked(OfMerchant):
    """When a person last said that they have seen what changed."""

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    member = models.OneToOneField(Membership, models.CASCADE, related_name="looked")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.member_id} {self.at}"


class JournalAccount(OfMerchant):
    """The account of a merchant's books that a kind of journal line goes to, and its numbers."""

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    # `sales`, `refunds`, `clearing` or `clearing:<scheme>`; and what a form of books wants besides.
    key = models.CharField(max_length=30)
    code = models.CharField(max_length=30)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="one_journal_account_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.code}"
