"""Reconciliations: a terminal's close, with what it and the host counted for each scheme."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from merchants.models import Branch, Merchant, ProviderAccount
from portal.rows import OfMerchant
from terminals.models import Terminal
from transactions.models import Scheme

SCHEME_LABELS = dict(Scheme.choices)


class Reconciliation(OfMerchant):
    """One close of one terminal. Amounts are minor units of `currency`; `total_minor` is net."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True)
    ref = models.CharField(max_length=200)
    tid = models.CharField(max_length=200, null=True)
    stan = models.CharField(max_length=200, null=True)
    occurred_at = models.DateTimeField()
    business_day = models.DateField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    currency = models.CharField(max_length=3)
    balanced = models.BooleanField()
    purchase_count = models.BigIntegerField()
    purchase_minor = models.BigIntegerField()
    purchase_reversal_count = models.BigIntegerField()
    purchase_reversal_minor = models.BigIntegerField()
    refund_count = models.BigIntegerField()
    refund_minor = models.BigIntegerField()
    refund_reversal_count = models.BigIntegerField()
    refund_reversal_minor = models.BigIntegerField()
    total_count = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    # The allow-listed printed fields.
    printed = models.JSONField(default=dict)
    content_hash = models.BinaryField(max_length=16)
    version_at = models.DateTimeField(null=True)
    learned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_reconciliation_per_account_and_ref"
            ),
            models.CheckConstraint(
                condition=Q(
                    purchase_count__gte=0,
                    purchase_reversal_count__gte=0,
                    refund_count__gte=0,
                    refund_reversal_count__gte=0,
                    total_count__gte=0,
                ),
                name="a_close_counts_up_from_nothing",
            ),
        ]
        indexes = [
            models.Index(
                "merchant", F("occurred_at").desc(), F("id").desc(), name="reconciliation_newest"
            ),
            models.Index(
                "terminal", F("occurred_at").desc(), F("id").desc(), name="reconciliation_by_till"
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class SchemeTotal(OfMerchant):
    """One scheme of a close: what the terminal (POS) counted and what the host did."""

    reconciliation = models.ForeignKey(Reconciliation, models.CASCADE, related_name="schemes")
    position = models.PositiveSmallIntegerField()
    scheme = models.CharField(max_length=10)
    # The provider's own word for the scheme.
    word = models.CharField(max_length=20)
    pos_debit_count = models.BigIntegerField()
    pos_debit_minor = models.BigIntegerField()
    pos_credit_count = models.BigIntegerField()
    pos_credit_minor = models.BigIntegerField()
    host_debit_count = models.BigIntegerField()
    host_debit_minor = models.BigIntegerField()
    host_credit_count = models.BigIntegerField()
    host_credit_minor = models.BigIntegerField()
    pos_total_count = models.BigIntegerField()
    pos_total_minor = models.BigIntegerField()
    host_total_count = models.BigIntegerField()
    host_total_minor = models.BigIntegerField()
    balanced = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reconciliation", "position"], name="one_scheme_total_per_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reconciliation_id} {self.scheme}"

    @property
    def label(self) -> str:
        """The scheme's name in the reader's language."""
        return str(SCHEME_LABELS.get(self.scheme, self.word))

    @property
    def used(self) -> bool:
        """Whether either side counted anything."""
        return not self.balanced or bool(self.pos_total_count or self.host_total_count)

    @property
    def difference_minor(self) -> int:
        """How much more the host counted than the terminal, in minor units."""
        return self.host_total_minor - self.pos_total_minor

    @property
    def out_by_minor(self) -> int:
        """The same, whoever counted more."""
        return abs(self.difference_minor)
