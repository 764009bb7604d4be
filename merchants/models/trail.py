"""The trail: who did and who saw what. The application may add to it, and nothing else."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from merchants.models.people import Merchant, User
from portal.rows import OfMerchant


class Door(models.TextChoices):
    """By which way somebody came."""

    PAGE = "PAGE", _("Page")
    API = "API", _("API")
    COMMAND = "COMMAND", _("Command")
    JOB = "JOB", _("Job")


# What can be done and seen, in words.
ACTIONS = {
    "account.connected": _("Connected an account"),
    "account.changed": _("Changed an account"),
    "account.token_changed": _("Had an account’s token replaced"),
    "account.paused": _("Paused an account"),
    "account.resumed": _("Went on with an account"),
    "account.removed": _("Removed an account"),
    "account.sync_asked": _("Asked for a sync"),
    "branch.joined": _("Made one branch of two"),
    "branch.parted": _("Parted a branch"),
    "branch.day_changed": _("Changed when a branch’s day begins"),
    "branch.days_moved": _("Moved rows to their business days"),
    "day.closed": _("Closed a day or a month"),
    "day.adjusted": _("Wrote down what changed after a close"),
    "day.close_asked": _("Asked for the months of all branches to be closed"),
    "day.reopened": _("Opened a closed day or month again"),
    "day.file_fetched": _("Downloaded the file of a close"),
    "gap.asked": _("Asked for a gap to be read"),
    "payments.looked_for": _("Looked for payments that a till has lost"),
    "operation.requested": _("Asked the provider for a change"),
    "operation.withdrawn": _("Withdrew what was asked"),
    "operation.agreed": _("Agreed, as the second person, to what was asked"),
    "operation.confirmed": _("The provider has done it"),
    "operation.refused": _("The provider refused it"),
    "operation.unknown": _("What became of it is not known"),
    "operation.decided": _("Decided what became of it"),
    "drift.taken": _("Took what the provider says"),
    "drift.ignored": _("Left a difference alone"),
    "terminals.added": _("Added terminals by their numbers"),
    "terminal.described": _("Changed the words about a terminal"),
    "bulk.made": _("Prepared a change of many terminals"),
    "bulk.started": _("Started a change of many terminals"),
    "bulk.again": _("Had what failed wait once more"),
    "person.off_boarded": _("Took back everything that somebody holds"),
    "bulk.stopped": _("Stopped a change of many terminals"),
    "alerts.chosen": _("Chose how to hear of what waits"),
    "view.saved": _("Saved a view"),
    "view.removed": _("Removed a view"),
    "person.signed_in": _("Signed in"),
    "person.refused": _("Tried to sign in"),
    "person.signed_out": _("Signed out"),
    "person.locked_out": _("Was locked out after ten failures"),
    "person.signed_out_everywhere": _("Signed out everywhere"),
    "person.set_password": _("Set a password"),
    "person.asked_for_link": _("Asked for a link to a new password"),
    "person.factor_added": _("Added a second factor"),
    "person.factor_removed": _("Took a second factor away"),
    "person.factor_renamed": _("Renamed a second factor"),
    "person.codes_made": _("Made new recovery codes"),
    "person.confirmed": _("Confirmed that it is them"),
    "person.switched": _("Switched to this merchant"),
    "person.looked_at_branch": _("Kept lists to a branch"),
    "person.seen": _("Saw a person in full"),
    "person.revealed": _("Saw a person in full for a reason"),
    "person.erased": _("Erased a person"),
    "person.exported": _("Handed over what is kept of a person"),
    "merchant.keeping_changed": _("Changed how long personal data is kept"),
    "people.listed": _("Saw people in full in a list"),
    "team.invited": _("Invited somebody"),
    "team.withdrawn": _("Withdrew an invitation"),
    "team.joined": _("Joined the team"),
    "team.changed": _("Changed a member"),
    "team.ended": _("Ended a membership"),
    "team.left": _("Left the team"),
    "role.made": _("Made a role"),
    "role.changed": _("Changed a role"),
    "token.made": _("Made a key to the API"),
    "token.revoked": _("Revoked a key to the API"),
    "receipt.seen": _("Saw a receipt"),
    "receipt.shared": _("Made a link to a receipt"),
    "receipt.mailed": _("Mailed a receipt"),
    "receipt.share_revoked": _("Revoked a link to a receipt"),
    "receipt.opened": _("Somebody opened a shared receipt"),
    "report.asked": _("Asked for a report"),
    "report.made": _("A report was made"),
    "report.fetched": _("Downloaded a report"),
    "report.cancelled": _("Cancelled a report"),
    "layout.made": _("Made a layout of a report"),
    "layout.changed": _("Changed a layout of a report"),
    "layout.removed": _("Removed a layout of a report"),
    "schedule.made": _("Had a report come by itself"),
    "schedule.paused": _("Paused a schedule of a report"),
    "schedule.resumed": _("Went on with a schedule of a report"),
    "schedule.took_layout": _("Let a schedule take a newer layout"),
    "schedule.removed": _("Removed a schedule of a report"),
    "schedule.delivered": _("A scheduled report was delivered"),
    "schedule.failed": _("A scheduled report failed"),
    "report.link_opened": _("Somebody fetched a report by its link"),
    "destination.added": _("Added a server that files go to"),
    "destination.removed": _("Removed a server that files went to"),
    "changes.looked_at": _("Looked at what has changed"),
    "journal.mapped": _("Changed the accounts of the journal"),
    "refunds.limited": _("Changed how much a role may give back"),
    "receipt.withdrawn": _("Withdrew a receipt"),
    "note.added": _("Noted something"),
    "rows.exported": _("Downloaded rows"),
    "rows.searched": _("Searched"),
}
SUBJECTS = {
    "provideraccount": _("Account"),
    "branch": _("Branch"),
    "transaction": _("Transaction"),
    "terminaluser": _("Person"),
    "terminal": _("Terminal"),
    "user": _("Member"),
    "merchant": _("Merchant"),
    "membership": _("Member"),
    "savedview": _("View"),
    "bulkchange": _("Change of many terminals"),
    "invitation": _("Invitation"),
    "customrole": _("Role"),
    "apitoken": _("Key to the API"),
    "gap": _("Gap"),
}


class AuditEntry(OfMerchant):
    """One thing that somebody did or saw.

    `facts` hold text, whole numbers and truth values by name; a change is `[before, after]`, and a
    personal value only its digest (`AuditValue` has the value).
    """

    # None for what is of no merchant, as a failed sign-in is.
    merchant = models.ForeignKey(Merchant, models.PROTECT, null=True, db_index=False)
    at = models.DateTimeField(default=timezone.now)
    # Who it was; a person who is erased leaves their number.
    actor = models.ForeignKey(
        User, models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    door = models.CharField(max_length=8, choices=Door)
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(door__in=Door.values), name="door_is_known")
        ]
        indexes = [
            models.Index(fields=["merchant", "at", "id"], name="trail_by_time"),
            models.Index(fields=["merchant", "actor", "at", "id"], name="trail_by_actor"),
            models.Index(fields=["merchant", "action", "at", "id"], name="trail_by_action"),
            models.Index(
                fields=["merchant", "subject_kind", "subject_id", "at", "id"],
                name="trail_by_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"


class AuditSeal(OfMerchant):
    """An entry's place in its merchant's chain: its hash is over the one before and the entry."""

    entry = models.OneToOneField(
        AuditEntry, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="seal"
    )
    # The merchant's number, 0 for what is of none.
    chain = models.BigIntegerField()
    number = models.BigIntegerField()
    previous = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "number"], name="one_seal_per_place")
        ]

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}"


class AuditPending(OfMerchant):
    """An entry that is not sealed yet; the database adds it with the entry."""

    entry = models.OneToOneField(
        AuditEntry, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="pending"
    )
    chain = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return str(self.entry_id)


class AuditHead(OfMerchant):
    """Where a chain ends, signed, so that an end that was cut off is missed."""

    chain = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=36)

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}"


class AuditStub(OfMerchant):
    """What is left of the beginning of a chain that was removed for its age, signed."""

    chain = models.BigIntegerField(primary_key=True)
    # The last place that was removed, and its hash, from which the chain goes on.
    number = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    removed_at = models.DateTimeField()
    signature = models.BinaryField(max_length=36)

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}"


class PersonKey(models.Model):
    """The key that opens what the trail holds of one person. Destroying it erases all of that."""

    kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    # Sealed with ENCRYPTION_KEYS; None once the person was erased.
    sealed = models.BinaryField(null=True)
    made_at = models.DateTimeField(default=timezone.now)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject_id"], name="one_key_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject_id}"


class AuditValue(OfMerchant):
    """A personal value of an entry, encrypted with its person's key."""

    entry = models.ForeignKey(AuditEntry, models.DO_NOTHING, db_constraint=False)
    name = models.CharField(max_length=40)
    key = models.ForeignKey(PersonKey, models.DO_NOTHING, db_constraint=False)
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.entry_id}:{self.name}"


class Letter(models.Model):
    """A mail that waits to be sent: encrypted, as its links are secrets, and removed once sent."""

    sealed = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
    # None once it was tried for so long that it is not tried any more.
    next_try_at = models.DateTimeField(default=timezone.now, db_index=True, null=True)
    failed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"letter {self.pk}"
