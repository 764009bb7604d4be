"""Terminals, the people who hold them, and the devices they run on."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.actions.trail import scene
from merchants.models import Branch, Membership, Merchant, Operation, ProviderAccount
from portal.folding import words_column
from portal.rows import OfMerchant
from portal.templatetags.show import masked_name


class TerminalUser(OfMerchant):
    """A person whom a provider lets use a terminal. They do not sign in here."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    ref = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    mobile = models.CharField(max_length=200, null=True)
    email = models.CharField(max_length=200, null=True)
    content_hash = models.BinaryField(max_length=16, null=True)
    learned_at = models.DateTimeField(default=timezone.now)
    # When it was forgotten who this is.
    erased_at = models.DateTimeField(null=True)
    words = words_column("name")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_terminal_user_per_account_and_ref"
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(name="", mobile=None, email=None),
                name="an_erased_person_has_no_name",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "name", "id"], name="terminal_user_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def shown(self) -> str:
        """The name as whoever looks may see it; a job and a command see all of it."""
        if self.erased_at is not None:
            return gettext("Erased person")
        member = scene().member
        name = self.name or self.ref
        return name if member is None or member.sees_personal else masked_name(name)

    @property
    def initials(self) -> str:
        """The name as a look in passing shows it, whoever looks: that leaves no entry."""
        return self.shown if self.erased_at else masked_name(self.name or self.ref)


class Terminal(OfMerchant):
    """What takes payments. One seen first in a transaction has no `ref` until it is listed."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True, related_name="terminals")
    ref = models.CharField(max_length=200, null=True)
    tid = models.CharField(max_length=200)
    name = models.CharField(max_length=200, null=True)
    terminal_user = models.ForeignKey(
        TerminalUser, models.PROTECT, null=True, related_name="terminals"
    )
    # When both sides last agreed on who holds it; what was read before says nothing new of that.
    agreed_at = models.DateTimeField(null=True)
    connected = models.BooleanField(null=True)
    # When it last took a payment, as far as we know.
    last_seen_at = models.DateTimeField(null=True)
    provider_created_at = models.DateTimeField(null=True)
    content_hash = models.BinaryField(max_length=16, null=True)
    version_at = models.DateTimeField(null=True)
    learned_at = models.DateTimeField(default=timezone.now)
    # In which hours it usually sells, told from its sales once a day: for each day of the week,
    # from Monday, a bit for each hour of its branch's clock. None before that.
    usual_hours = ArrayField(models.IntegerField(), size=7, null=True)
    hours_told_at = models.DateTimeField(null=True)
    # The merchant's own words: no provider knows of them, and no reading changes them.
    label = models.CharField(max_length=100, blank=True, default="", db_default="")
    note = models.CharField(max_length=1000, blank=True, default="", db_default="")
    # When what goes on there was last looked at, and is to be looked at again; None: its provider
    # lists payments by itself, or it was not looked at yet.
    looked_at = models.DateTimeField(null=True)
    look_at = models.DateTimeField(null=True)
    # Lies in a drawer, to be handed out.
    spare = models.BooleanField(default=False, db_default=False)
    words = words_column("name", "label")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "tid"], name="one_terminal_per_account_and_tid"
            ),
            models.UniqueConstraint(
                fields=["account", "ref"],
                condition=Q(ref__isnull=False),
                name="one_terminal_per_account_and_ref",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "tid", "id"], name="terminal_by_tid"),
            models.Index(fields=["branch", "tid"], name="terminal_by_branch"),
            models.Index(fields=["account", "look_at"], name="terminal_by_look"),
        ]

    def __str__(self) -> str:
        return self.name or self.tid


class Alias(OfMerchant):
    """What a provider called a terminal before: it was made anew there, and is the same here."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="aliases")
    ref = models.CharField(max_length=200)
    # When it was learned that it is no longer so called.
    until_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="one_alias_per_account_and_ref")
        ]

    def __str__(self) -> str:
        return self.ref


class Holding(OfMerchant):
    """From when somebody, or nobody, held a terminal: a ledger to which rows are only added.

    What was true when, and when we learned it, stand apart; who held it at a time is the last row
    whose `since_at` is not later. Once a person is too long ago to be kept, the row says nobody.
    """

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="holdings")
    terminal_user = models.ForeignKey(
        TerminalUser, models.PROTECT, null=True, related_name="holdings"
    )
    # The provider's time where it says one, else ours; never before the row before.
    since_at = models.DateTimeField()
    provider_at = models.DateTimeField(null=True)
    learned_at = models.DateTimeField()
    # What we had asked for; None where the provider told us of it.
    operation = models.ForeignKey(Operation, models.PROTECT, null=True, related_name="+")
    # When it was let go who this was.
    let_go_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(let_go_at=None) | Q(terminal_user=None),
                name="who_was_let_go_is_not_named",
            )
        ]
        indexes = [
            models.Index(
                "terminal", F("since_at").desc(), F("id").desc(), name="holding_by_terminal"
            ),
            models.Index(fields=["terminal_user", "since_at"], name="holding_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.since_at}"


class Device(OfMerchant):
    """The phone or reader on which a terminal ran when it was last seen."""

    # The database checks both as one: a row's merchant is its account's.
    merchant = models.ForeignKey(Merchant, models.PROTECT, db_constraint=False)
    account = models.ForeignKey(ProviderAccount, models.PROTECT, db_constraint=False)
    ref = models.CharField(max_length=200)
    kind = models.CharField(max_length=200, null=True)
    status = models.CharField(max_length=200, null=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True, related_name="devices")
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "ref"], name="one_device_per_account_and_ref"
            )
        ]

    def __str__(self) -> str:
        return self.ref


class BulkChange(OfMerchant):
    """Many terminals changed at once: from a file, or chosen from the list."""

    class State(models.TextChoices):
        DRAFT = "DRAFT", _("To be checked")
        RUNNING = "RUNNING", _("Running")
        STOPPED = "STOPPED", _("Stopped")
        DONE = "DONE", _("Done")

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    # As whom it is done: their rights when each row is asked for decide.
    by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Operation.Kind)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=7, choices=State, default=State.DRAFT)
    # The file's first row, and which of its columns is what: field -> position.
    header = models.JSONField(default=list)
    columns = models.JSONField(default=dict)
    key = models.CharField(max_length=100)
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Why it was stopped, where nobody did it.
    said = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="one_bulk_change_per_key"),
        ]
        indexes = [
            models.Index(fields=["merchant", "-id"], name="bulk_change_newest"),
            models.Index(
                fields=["id"], condition=Q(state__in=("RUNNING", "STOPPED")), name="bulk_change_on"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class BulkRow(OfMerchant):
    """One terminal of a bulk change, and what became of it."""

    class State(models.TextChoices):
        BAD = "BAD", _("Wrong")
        WAITING = "WAITING", _("Waits")
        ASKED = "ASKED", _("Asked")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    change = models.ForeignKey(BulkChange, models.PROTECT, related_name="rows")
    # Its place in the file, from 1.
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    cells = models.JSONField(default=list)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True, related_name="+")
    # Who is to hold it, as it will be asked for; let go of once it is over.
    asked = models.JSONField(default=dict)
    # Why it is wrong, or has failed.
    said = models.CharField(max_length=500, blank=True)
    operation = models.ForeignKey(Operation, models.PROTECT, null=True, related_name="+")
    # How often it was asked for: what was withdrawn by a stop is asked for again.
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "position"], name="one_bulk_row_per_place"),
            models.CheckConstraint(
                condition=Q(terminal__isnull=False) | Q(state__in=("BAD", "WAITING")),
                name="a_row_without_a_terminal_is_not_asked_for",
            ),
        ]
        indexes = [models.Index(fields=["change", "state", "position"], name="bulk_row_by_state")]

    def __str__(self) -> str:
        return f"{self.change_id} {self.position}"

    @property
    def told(self) -> str:
        """Why it is wrong, or has failed: a provider's words in the reader's language."""
        failed = self.operation if self.state == self.State.FAILED else None
        return (failed.said if failed is not None else "") or self.said
