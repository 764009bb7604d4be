"""How much of one sale the people of a role may give back."""

from django.db import models
from django.db.models import F, Q

from merchants.models import CustomRole, Merchant, Role
from portal.rows import OfMerchant


class RefundLimit(OfMerchant):
    """A role's limits in one currency, in minor units of one sale given back in all."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, db_index=False)
    role = models.CharField(max_length=12, choices=Role)
    custom_role = models.ForeignKey(CustomRole, models.CASCADE, null=True)
    currency = models.CharField(max_length=3)
    # The most there is, and from where on somebody else has to agree; None: no such limit.
    most_minor = models.BigIntegerField(null=True)
    alone_minor = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "role", "custom_role", "currency"],
                nulls_distinct=False,
                name="one_refund_limit_per_role_and_currency",
            ),
            models.CheckConstraint(
                condition=Q(role=Role.CUSTOM) ^ Q(custom_role=None),
                name="a_limit_of_a_custom_role_names_it",
            ),
            models.CheckConstraint(
                condition=Q(alone_minor__isnull=True)
                | Q(most_minor__isnull=True)
                | Q(alone_minor__lte=F("most_minor")),
                name="alone_is_at_most_all",
            ),
            models.CheckConstraint(
                condition=~Q(most_minor=None, alone_minor=None), name="a_limit_limits"
            ),
        ]

    def __str__(self) -> str:
        return f"refund limit {self.pk}"
