"""What the lists of terminals and of people can show."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.lists import Column, List, moment


def _zone(row: Any) -> str | None:
    return row.branch.zone if row.branch else None


TERMINALS = List(
    "terminals",
    (
        Column("tid", _("Terminal id"), lambda row: row.tid, fixed=True),
        Column("name", _("Name"), lambda row: row.name, usual=False),
        Column("state", _("Connected"), lambda row: row.connected, fixed=True),
        Column("holder", _("Held by"), lambda row: row.terminal_user and row.terminal_user.name),
        Column("branch", _("Branch"), lambda row: row.branch and row.branch.name),
        Column("seen", _("Last payment"), lambda row: moment(row.last_seen_at, _zone(row))),
        Column("provider", _("Provider"), lambda row: row.account.title),
        Column("account", _("Account"), lambda row: row.account.name, usual=False),
        Column("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "tid": (_("By terminal id"), keyset.Keys("tid", descending=False)),
        "tid-last": (_("By terminal id, last first"), keyset.Keys("tid")),
    },
    fields=("branch", "connected", "assigned", "tid"),
)
PEOPLE = List(
    "people",
    (
        Column("name", _("Name"), lambda row: row.name, fixed=True),
        Column(
            "terminals", _("Terminals"), lambda row: " ".join(t.tid for t in row.terminals.all())
        ),
        Column("provider", _("Provider"), lambda row: row.account.title),
        Column("account", _("Account"), lambda row: row.account.name, usual=False),
        Column("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
    },
    fields=("name", "holds"),
)
