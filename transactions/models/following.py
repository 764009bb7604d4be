"""What is followed to its end, where a provider tells of a payment only who asks for it."""

from django.db import models

from merchants.models import Merchant, ProviderAccount
from portal.rows import OfMerchant
from transactions.models.rows import Kind


class Following(OfMerchant):
    """A payment or refund that is to be asked for again; gone once nothing can become of it."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    ref = models.CharField(max_length=200)
    # Whether a payment or a refund is asked for under it.
    kind = models.CharField(
        max_length=8, choices=Kind, default=Kind.PURCHASE, db_default="PURCHASE"
    )
    next_at = models.DateTimeField()
    # How often it was asked for.
    asks = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_following_per_account_and_ref"
            )
        ]
        indexes = [models.Index(fields=["account", "next_at"], name="following_by_time")]

    def __str__(self) -> str:
        return self.ref
