"""What a list of branches can show."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.columns import Column, called, identifier
from portal.lists import List
from portal.templatetags.show import NONE, ident, isolated


def _known_to(row: Any) -> str:
    return ", ".join(f"{each.account.name}: {each.ref}" for each in row.identities.all())


def _accounts(row: Any) -> SafeString:
    own = [
        (isolated(each.account.name), ident(each.reference) if each.reference else "")
        for each in row.identities.all()
    ]
    return format_html_join(" ", "{} {}", own)


def _arabic(row: Any) -> SafeString:
    return format_html('<bdi lang="ar">{}</bdi>', row.name_ar) if row.name_ar else NONE


BRANCHES = List(
    "branches",
    _("Branches"),
    (
        called("name", _("Name"), lambda row: row.name, fixed=True, css="keep"),
        Column("arabic", _("Arabic name"), lambda row: row.name_ar, _arabic, css="end keep"),
        Column("known", _("Known to"), _known_to, _accounts),
        identifier("zone", _("Zone"), lambda row: row.zone, css="end"),
        identifier("begins", _("Day begins"), lambda row: f"{row.cut_off:%H:%M}", css="drop"),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
    },
    address="merchants:branches",
    detail="merchants:branch",
    form="merchants/branch_fields.html",
    empty=(
        _("No branch fits"),
        _("Connect an account; its branches are read first."),
    ),
    fields=("name",),
)
