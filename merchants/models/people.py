"""Who works for which merchant, where, and with which rights."""

from datetime import date, datetime, time
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.rights import OF_ROLES, Right, Role, holders_of
from portal.business import begins, business_day
from portal.folding import words_column
from portal.rows import OfMerchant


class Users(BaseUserManager["User"]):
    """Makes users; an e-mail is one person whatever its capitals."""

    def create_user(self, email: str, name: str = "", password: str | None = None) -> "User":
        user = self.model(email=email.strip().lower(), name=name)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in to the portal."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)
    # A program that reads for a merchant, and nobody who signs in.
    is_service = models.BooleanField(default=False)
    # How often every session of theirs was ended at once.
    sessions_ended = models.PositiveIntegerField(default=0)

    objects: ClassVar[Users] = Users()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="email_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must have been begun with: the password, and no end of all since."""
        return f"{super().get_session_auth_hash()}:{self.sessions_ended}"

    @property
    def initials(self) -> str:
        """One or two letters for the person's badge."""
        words = (self.name or self.email.partition("@")[0]).split()
        return "".join(word[0] for word in words[:2]).upper()


class Merchant(OfMerchant):
    """A business that signs in: the tenant."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    name_ar = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When its owners were last mailed what stands in the trail.
    digest_sent_at = models.DateTimeField(default=timezone.now)
    # Whether anybody may ask whether a receipt is genuine.
    answers_checks = models.BooleanField(default=True, db_default=True)
    # After so many months a sale no longer says in whose hands it was; None keeps it.
    personal_months = models.PositiveSmallIntegerField(null=True)

    def __str__(self) -> str:
        return self.name


class Branch(OfMerchant):
    """One of a merchant's locations; its zone and cut-off say which business day a moment is of."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="branches")
    name = models.CharField(max_length=200)
    name_ar = models.CharField(max_length=200, blank=True)
    zone = models.CharField(max_length=64, default="Asia/Riyadh")
    cut_off = models.TimeField(default=time(0))
    created_at = models.DateTimeField(default=timezone.now)
    words = words_column("name", "name_ar")

    class Meta:
        indexes = [models.Index(fields=["merchant", "name", "id"], name="branch_by_name")]

    def __str__(self) -> str:
        return self.name

    def business_day(self, at: datetime) -> date:
        """The business day that a moment belongs to: the local day, begun at the cut-off."""
        return business_day(self.zone, self.cut_off, at)

    def begins(self, day: date) -> datetime:
        """When a business day begins, and the one before it ends."""
        return begins(self.zone, self.cut_off, day)


class CustomRole(OfMerchant):
    """Rights that a merchant has put together under a name of its own."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="custom_roles")
    name = models.CharField(_("name"), max_length=60)
    rights = ArrayField(models.CharField(max_length=20, choices=Right))
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "name"], name="one_custom_role_per_name"),
            models.CheckConstraint(
                condition=Q(rights__contained_by=Right.values), name="rights_are_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(OfMerchant):
    """What a person is at a merchant, of which branches, and until when."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    custom_role = models.ForeignKey(CustomRole, models.PROTECT, null=True, related_name="members")
    # Those of `branches` only, where this is false.
    every_branch = models.BooleanField(default=True)
    branches = models.ManyToManyField(Branch, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Of a program: whose it is, as far as two people are needed for something.
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # When it ends by itself, as an external bookkeeper's does, and when it was ended by a person.
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # The branch that a signed-in person has chosen to look at, for one request; None is all.
    here: Branch | None = None
    # For one request by a key to the API: the rights and the branches that the key is kept to.
    kept_to: frozenset[Right] | None = None
    kept_to_branches: frozenset[int] | None = None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "merchant"], name="one_membership_per_person_and_merchant"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
            models.CheckConstraint(
                condition=Q(role=Role.CUSTOM) ^ Q(custom_role=None),
                name="a_custom_role_is_named",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.merchant}"

    @property
    def rights(self) -> frozenset[Right]:
        """Everything that this person may do."""
        if self.custom_role is not None:
            return frozenset(Right(each) for each in self.custom_role.rights)
        return OF_ROLES[Role(self.role)]

    @property
    def role_name(self) -> str:
        """What the person is, in words."""
        return str(self.custom_role or self.get_role_display())

    def may(self, right: str) -> bool:
        """Whether the person has a right. What is of no branch needs all of them."""
        held = Right(right)
        if self.kept_to is not None and held not in self.kept_to:
            return False
        return held in self.rights and (self.sees_every_branch or not held.needs_every_branch)

    @property
    def sees_every_branch(self) -> bool:
        return self.every_branch and self.kept_to_branches is None

    def need(self, right: str) -> None:
        """Raise PermissionDenied, naming the right, where the person does not have it."""
        if not self.may(right):
            wanted = Right(right)
            raise PermissionDenied(
                gettext("This needs the right “%(right)s”. Those who have it: %(roles)s.")
                % {"right": wanted.label, "roles": holders_of(wanted)}
            )

    @property
    def needs_factor(self) -> bool:
        """Whether a password alone is not enough for what this person may see and do."""
        return bool(self.rights - {Right.LOOK_UP, Right.REVEAL})

    @property
    def may_see_accounts(self) -> bool:
        return self.may(Right.ACCOUNTS)

    @property
    def sees_personal(self) -> bool:
        """Whether mobile numbers and e-mails of terminal users are shown unmasked."""
        return self.may(Right.PERSONAL)


class Invitation(OfMerchant):
    """A place at a merchant that somebody may take, by the link that went to their mail."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(max_length=12, choices=Role)
    custom_role = models.ForeignKey(CustomRole, models.PROTECT, null=True, related_name="+")
    every_branch = models.BooleanField(default=True)
    branches = models.ManyToManyField(Branch, blank=True)
    # When the membership will end by itself.
    expires_at = models.DateTimeField(null=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # Only the link's hash is kept.
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    open_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "email"], name="one_invitation_per_merchant_and_email"
            ),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="invited_in_lower_case"),
            models.CheckConstraint(
                condition=Q(role=Role.CUSTOM) ^ Q(custom_role=None),
                name="an_invited_custom_role_is_named",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def role_name(self) -> str:
        """What the person will be, in words."""
        return str(self.custom_role or self.get_role_display())


class SavedView(OfMerchant):
    """A list's filters, columns and sort under a name: one person's, or shared with the team."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="saved_views")
    # None where a shared one has outlived its author.
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="saved_views")
    list = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "list", "author", "name"], name="one_view_per_author_and_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ApiToken(OfMerchant):
    """A key to the API, of one membership; only its hash is kept.

    It may do what its member may, and of that only what it is kept to.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=60, blank=True)
    digest = models.BinaryField(max_length=32, unique=True)
    # The first signs, by which a person tells their keys apart.
    begins = models.CharField(max_length=8, blank=True)
    # None is everything that the member may do, or every branch of theirs.
    rights = ArrayField(models.CharField(max_length=20, choices=Right), null=True)
    branches = ArrayField(models.BigIntegerField(), null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"
