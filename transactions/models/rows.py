"""Transactions with their receipts, and payment sessions."""

from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from merchants.models import Branch, Merchant, ProviderAccount
from portal.rows import OfMerchant
from terminals.models import Device, Terminal, TerminalUser


class Kind(models.TextChoices):
    PURCHASE = "PURCHASE", _("Purchase")
    REFUND = "REFUND", _("Refund")
    OTHER = "OTHER", _("Other")


class Status(models.TextChoices):
    PENDING = "PENDING", _("Pending")
    AUTHORISED = "AUTHORISED", _("Authorised")
    APPROVED = "APPROVED", _("Approved")
    DECLINED = "DECLINED", _("Declined")
    CANCELLED = "CANCELLED", _("Cancelled")
    EXPIRED = "EXPIRED", _("Expired")
    REVERSED = "REVERSED", _("Reversed")
    UNMAPPED = "UNMAPPED", _("Unmapped")


class Refunded(models.TextChoices):
    NONE = "NONE", _("Not refunded")
    PART = "PART", _("Refunded in part")
    FULL = "FULL", _("Refunded in full")
    SOME = "SOME", _("Refunded, amount unknown")


class Scheme(models.TextChoices):
    MADA = "MADA", _("mada")
    VISA = "VISA", _("Visa")
    VISA_DEBIT = "VISA_DEBIT", _("Visa Debit")
    MASTERCARD = "MASTERCARD", _("Mastercard")
    MAESTRO = "MAESTRO", _("Maestro")
    AMEX = "AMEX", _("American Express")
    UNIONPAY = "UNIONPAY", _("UnionPay")
    JCB = "JCB", _("JCB")
    DISCOVER = "DISCOVER", _("Discover")
    GCCNET = "GCCNET", _("GCCNET")
    WALLET = "WALLET", _("Wallet")
    UNMAPPED = "UNMAPPED", _("Unmapped scheme")


class SessionStatus(models.TextChoices):
    OPEN = "OPEN", _("Open")
    CLOSED = "CLOSED", _("Closed")
    EXPIRED = "EXPIRED", _("Expired")
    UNMAPPED = "UNMAPPED", _("Unmapped")


class Transaction(OfMerchant):
    """One card transaction. Amounts are minor units of `currency`; None: the provider did not say.

    `business_day` is the branch's day, computed from its zone and cut-off when the row is stored.
    """

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False, db_constraint=False)
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, db_index=False, db_constraint=False
    )
    # A trigger checks these for all rows of a statement at once, and that they are of the same
    # merchant, which foreign keys cannot say.
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    terminal = models.ForeignKey(
        Terminal, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    terminal_user = models.ForeignKey(
        TerminalUser, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    device = models.ForeignKey(
        Device, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=10, choices=Status)
    provider_status = models.CharField(max_length=200)
    amount_minor = models.BigIntegerField()
    authorised_minor = models.BigIntegerField(null=True)
    captured_minor = models.BigIntegerField(null=True)
    refunded_minor = models.BigIntegerField(null=True)
    refunded = models.CharField(max_length=4, choices=Refunded)
    currency = models.CharField(max_length=3)
    scheme = models.CharField(max_length=10, choices=Scheme)
    pan_last4 = models.CharField(max_length=4, null=True)
    rrn = models.CharField(max_length=200, null=True)
    stan = models.CharField(max_length=200, null=True)
    approval_code = models.CharField(max_length=200, null=True)
    action_code = models.CharField(max_length=200, null=True)
    aid = models.CharField(max_length=200, null=True)
    entry_mode = models.CharField(max_length=200, null=True)
    verification = models.CharField(max_length=200, null=True)
    reference = models.CharField(max_length=200, null=True)
    # Of a refund: the reference of the sale that it gives back, where the provider names it.
    sale_ref = models.CharField(max_length=200, null=True)
    network = models.CharField(max_length=200, null=True)
    reconciled = models.BooleanField()
    occurred_at = models.DateTimeField()
    business_day = models.DateField()
    content_hash = models.BinaryField(max_length=16)
    version_at = models.DateTimeField(null=True)
    learned_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_transaction_per_account_and_ref"
            ),
            models.CheckConstraint(
                condition=Q(pan_last4__isnull=True) | Q(pan_last4__regex=r"^[0-9]{4}$"),
                name="only_the_last_four_digits_are_kept",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="amount_has_no_sign"),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values)
                & Q(status__in=Status.values)
                & Q(refunded__in=Refunded.values)
                & Q(scheme__in=Scheme.values),
                name="transaction_words_are_ours",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex="^[A-Z]{3}$"), name="transaction_currency_is_a_code"
            ),
        ]
        indexes = [
            models.Index("merchant", F("occurred_at").desc(), F("id").desc(), name="txn_newest"),
            models.Index("branch", F("occurred_at").desc(), F("id").desc(), name="txn_by_branch"),
            models.Index("terminal", F("occurred_at").desc(), name="txn_by_terminal"),
            models.Index("terminal_user", F("occurred_at").desc(), name="txn_by_terminal_user"),
            models.Index(fields=["merchant", "business_day"], name="txn_by_business_day"),
            # A number of twelve digits is hardly another's too.
            HashIndex(fields=["rrn"], name="txn_by_rrn"),
            # Behind the merchant, so that a look-up is as fast with many merchants as with one.
            models.Index(fields=["merchant", "stan"], name="txn_by_merchant_stan"),
            models.Index(
                fields=["merchant", "approval_code"],
                condition=Q(approval_code__isnull=False),
                name="txn_by_merchant_approval",
            ),
            models.Index("merchant", "pan_last4", F("occurred_at").desc(), name="txn_by_last_four"),
            models.Index("merchant", "amount_minor", F("occurred_at").desc(), name="txn_by_amount"),
            models.Index(
                fields=["merchant", "reference"],
                condition=Q(reference__isnull=False),
                name="txn_by_reference",
            ),
            # What something has still to become of: few, however long the history is.
            models.Index(
                fields=["merchant", "occurred_at"],
                condition=Q(status__in=("PENDING", "AUTHORISED")),
                name="txn_not_over",
            ),
            models.Index(
                fields=["account", "sale_ref"],
                condition=Q(sale_ref__isnull=False),
                name="txn_by_sale",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def is_timed_by_us(self) -> bool:
        """Whether its time is when it was heard of, because the provider tells none."""
        return self.occurred_at == self.learned_at

    @property
    def signed_minor(self) -> int:
        """The amount as pages show it: what was given back has a minus."""
        return -self.amount_minor if self.kind == Kind.REFUND else self.amount_minor


class ReceiptDictionary(OfMerchant):
    """An example against which receipts are compressed.

    A trigger refuses to change or delete one: stored receipts need it.
    """

    digest = models.BinaryField(max_length=16, unique=True)
    example = models.BinaryField()
    # What receipts of this account have in common; None: an invented one of the provider.
    merchant = models.ForeignKey(Merchant, models.PROTECT, null=True)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, null=True)

    def __str__(self) -> str:
        return f"dictionary {self.pk}"


class Receipt(OfMerchant):
    """One printed slip: its allow-listed fields as canonical JSON, compressed.

    The provider's own bytes are not kept, so a receipt can be rewritten to erase a person.
    """

    pk = models.CompositePrimaryKey("transaction_id", "position")
    transaction = models.ForeignKey(
        Transaction, models.CASCADE, related_name="receipts", db_index=False
    )
    position = models.PositiveSmallIntegerField()
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind)
    # A trigger keeps dictionaries as they are, which a foreign key would check for every receipt.
    dictionary = models.ForeignKey(
        ReceiptDictionary, models.PROTECT, db_index=False, db_constraint=False
    )
    body = models.BinaryField()

    class Meta:
        # By its hash a reference of 36 signs takes as little as any other.
        indexes = [HashIndex(fields=["ref"], name="receipt_by_ref")]

    def __str__(self) -> str:
        return self.ref


class Session(OfMerchant):
    """A payment session that was opened for a terminal."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True)
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=8, choices=SessionStatus)
    provider_status = models.CharField(max_length=200)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=200, null=True)
    # The provider's reference of the transaction that answered it; its row may come later.
    transaction_ref = models.CharField(max_length=200, null=True)
    occurred_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    content_hash = models.BinaryField(max_length=16)
    version_at = models.DateTimeField(null=True)
    learned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_session_per_account_and_ref"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values) & Q(status__in=SessionStatus.values),
                name="session_words_are_ours",
            ),
        ]
        indexes = [
            models.Index(
                "merchant", F("occurred_at").desc(), F("id").desc(), name="session_newest"
            ),
            models.Index(fields=["account", "transaction_ref"], name="session_by_transaction"),
        ]

    def __str__(self) -> str:
        return self.ref


class Total(OfMerchant):
    """A part of what one branch's business day adds up to; kept by `rollups`."""

    # Made from transactions, whose references are checked.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_index=False, db_constraint=False)
    account = models.ForeignKey(
        ProviderAccount, models.PROTECT, db_index=False, db_constraint=False
    )
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    day = models.DateField()
    currency = models.CharField(max_length=3)

    class Meta:
        abstract = True


class DayTotal(Total):
    """What a branch's business day adds up to, by scheme and currency.

    Sales are approved purchases, refunds approved refunds, both by what was captured. `reversed`
    counts what was undone, `other` what is none of these.
    """

    scheme = models.CharField(max_length=12, choices=Scheme)
    sales = models.IntegerField()
    sales_minor = models.BigIntegerField()
    refunds = models.IntegerField()
    refunds_minor = models.BigIntegerField()
    declined = models.IntegerField()
    reversed = models.IntegerField()
    other = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "day", "account", "branch", "scheme", "currency"],
                nulls_distinct=False,
                name="one_day_total_per_cell",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.scheme} {self.currency}"


class HourTotal(Total):
    """What an hour of a branch's business day sold, on the branch's own clock."""

    hour = models.SmallIntegerField()
    sales = models.IntegerField()
    sales_minor = models.BigIntegerField()
    declined = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "day", "account", "branch", "hour", "currency"],
                nulls_distinct=False,
                name="one_hour_total_per_cell",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.hour}:00 {self.currency}"


class DeclineTotal(Total):
    """How many purchases a branch's business day saw declined for a reason; '' is none given."""

    action_code = models.CharField(max_length=200)
    declined = models.IntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "day", "account", "branch", "action_code", "currency"],
                nulls_distinct=False,
                name="one_decline_total_per_cell",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.action_code} {self.currency}"
