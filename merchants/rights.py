"""What people may do: the rights, the roles that hold them, and who holds what in words."""

from django.db.models import TextChoices
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Right(TextChoices):
    """One thing that a person may do. What is not named here is open to nobody."""

    LOOK_UP = "LOOK_UP", _("Look up transactions, receipts, terminals and people")
    FIGURES = "FIGURES", _("See totals, reconciliations and reports")
    EXPORT = "EXPORT", _("Download rows and reports")
    CLOSE = "CLOSE", _("Close business days and months")
    REOPEN = "REOPEN", _("Open closed days again")
    PERSONAL = "PERSONAL", _("See mobile numbers and e-mails in full")
    REVEAL = "REVEAL", _("See one person in full after giving a reason")
    CARDS = "CARDS", _("See the first six digits of cards")
    FLEET = "FLEET", _("Change terminals and who holds them")
    PAYMENTS = "PAYMENTS", _("Ask terminals for payments and refunds")
    ACCOUNTS = "ACCOUNTS", _("Manage accounts at providers")
    TEAM = "TEAM", _("Invite and change members of the team")
    TOKENS = "TOKENS", _("Make keys to the API")
    TRAIL = "TRAIL", _("Read the trail of who did and saw what")

    @property
    def needs_every_branch(self) -> bool:
        """Whether it is about the merchant as a whole: a part of its branches is not enough."""
        return self in (Right.ACCOUNTS, Right.TEAM, Right.TRAIL)


class Role(TextChoices):
    OWNER = "OWNER", _("Owner")
    ADMIN = "ADMIN", _("Admin")
    ACCOUNTANT = "ACCOUNTANT", _("Accountant")
    SUPPORT = "SUPPORT", _("Support agent")
    CUSTOM = "CUSTOM", _("Own role")

    @classmethod
    def holding(cls, right: "Right") -> list["Role"]:
        """The usual roles that have a right."""
        return [role for role, rights in OF_ROLES.items() if right in rights]


OF_ROLES: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right) - {Right.TRAIL},
    Role.ACCOUNTANT: frozenset(
        {Right.LOOK_UP, Right.FIGURES, Right.EXPORT, Right.CLOSE, Right.TOKENS}
    ),
    Role.SUPPORT: frozenset({Right.LOOK_UP, Right.REVEAL}),
    Role.CUSTOM: frozenset(),
}


def holders_of(right: Right) -> str:
    """The usual roles that have a right, in words."""
    roles = [str(role.label) for role in Role.holding(right)]
    return get_text_list(roles, gettext("and"))
