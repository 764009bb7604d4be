"""What a list of branches can show."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.lists import Column, List


def _known_to(row: Any) -> str:
    return ", ".join(f"{each.account.name}: {each.ref}" for each in row.identities.all())


BRANCHES = List(
    "branches",
    (
        Column("name", _("Name"), lambda row: row.name, fixed=True),
        Column("arabic", _("Arabic name"), lambda row: row.name_ar),
        Column("known", _("Known to"), _known_to),
        Column("zone", _("Zone"), lambda row: row.zone),
        Column("begins", _("Day begins"), lambda row: f"{row.cut_off:%H:%M}"),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
    },
    fields=("name",),
)
