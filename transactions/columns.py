"""What a list of transactions can show, and in which orders."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.lists import Column, List, major, moment
from transactions.models import Kind


def _zone(row: Any) -> str | None:
    return row.branch.zone if row.branch else None


def _signed(row: Any) -> Any:
    """The amount as the list shows it: what was given back has a minus."""
    sign = -1 if row.kind == Kind.REFUND else 1
    return major(sign * row.amount_minor, row.currency)


def _refunded(row: Any) -> Any:
    if row.refunded_minor is None:
        return row.get_refunded_display()
    return major(row.refunded_minor, row.currency)


COLUMNS = (
    Column("time", _("Time"), lambda row: moment(row.occurred_at, _zone(row)), fixed=True),
    Column("status", _("Status"), lambda row: row.get_status_display(), fixed=True),
    Column("amount", _("Amount"), _signed, fixed=True, css="num"),
    Column("currency", _("Currency"), lambda row: row.currency, fixed=True),
    Column("kind", _("Kind"), lambda row: row.get_kind_display()),
    Column("scheme", _("Card"), lambda row: row.get_scheme_display()),
    Column("last4", _("Last four digits"), lambda row: row.pan_last4, usual=False),
    Column("branch", _("Branch"), lambda row: row.branch.name if row.branch else None),
    Column("terminal", _("Terminal"), lambda row: row.terminal and row.terminal.tid, usual=False),
    Column(
        "holder", _("Held by"), lambda row: row.terminal_user and row.terminal_user.name, css="drop"
    ),
    Column("rrn", _("RRN"), lambda row: row.rrn, css="drop"),
    Column("stan", _("STAN"), lambda row: row.stan, usual=False),
    Column("approval", _("Approval code"), lambda row: row.approval_code, usual=False),
    Column("action", _("Action code"), lambda row: row.action_code, usual=False),
    Column("refunded", _("Refunded"), _refunded, usual=False, css="num"),
    Column("reference", _("Customer reference"), lambda row: row.reference, usual=False),
    Column("day", _("Business day"), lambda row: row.business_day.isoformat(), usual=False),
    Column("provider", _("Provider"), lambda row: row.account.title, usual=False),
    Column("learned", _("We learned"), lambda row: moment(row.learned_at, _zone(row)), usual=False),
    Column("ref", _("Reference"), lambda row: row.ref, usual=False),
)
TRANSACTIONS = List(
    "transactions",
    COLUMNS,
    {
        "newest": (_("Newest first"), keyset.Keys("occurred_at")),
        "oldest": (_("Oldest first"), keyset.Keys("occurred_at", descending=False)),
        "largest": (_("Largest amount first"), keyset.Keys("amount_minor")),
        "smallest": (_("Smallest amount first"), keyset.Keys("amount_minor", descending=False)),
    },
    fields=(
        "day_from",
        "day_to",
        "status",
        "kind",
        "scheme",
        "branch",
        "rrn",
        "pan_last4",
    ),
)
