"""What a list of reconciliations can show."""

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.lists import Column, List, major, moment
from portal.templatetags.show import (
    NONE,
    at,
    branch_name,
    count,
    day,
    ident,
    isolated,
    money,
    stamp,
)


def _zone(row: Any) -> str | None:
    return row.branch.zone if row.branch else None


def _result(row: Any) -> SafeString:
    if row.balanced:
        return stamp("BALANCED", now_("Balanced"))
    return stamp("UNBALANCED", now_("Out of balance"))


def _sum(name: str, label: Any, field: str, **how: Any) -> Column:
    return Column(
        name,
        label,
        lambda row: major(getattr(row, field), row.currency),
        lambda row: money(getattr(row, field), row.currency),
        **how,
    )


RECONCILIATIONS = List(
    "reconciliations",
    _("Reconciliations"),
    (
        Column(
            "closed",
            _("Closed at"),
            lambda r: moment(r.occurred_at, _zone(r)),
            lambda r: at(r.occurred_at, _zone(r)),
            fixed=True,
            css="keep o1",
        ),
        Column(
            "balanced",
            _("Balanced"),
            lambda row: row.balanced,
            _result,
            fixed=True,
            css="end keep o4",
        ),
        _sum("net", _("Net"), "total_minor", fixed=True, css="num keep o2"),
        Column("currency", _("Currency"), lambda row: row.currency, None, fixed=True),
        Column("tid", _("Terminal id"), lambda row: row.tid, lambda row: ident(row.tid), css="o3"),
        Column(
            "branch",
            _("Branch"),
            lambda row: row.branch and row.branch.name,
            lambda row: branch_name(row.branch) if row.branch else NONE,
        ),
        Column(
            "count",
            _("Count"),
            lambda row: row.total_count,
            lambda row: SafeString(count(row.total_count)),
            css="num",
            named=True,
        ),
        _sum("purchases", _("Purchases"), "purchase_minor", usual=False, css="num"),
        _sum("refunds", _("Refunds"), "refund_minor", usual=False, css="num"),
        _sum("reversals", _("Reversals"), "purchase_reversal_minor", usual=False, css="num"),
        Column("stan", _("STAN"), lambda row: row.stan, lambda row: ident(row.stan), usual=False),
        Column(
            "day",
            _("Business day"),
            lambda row: row.business_day.isoformat(),
            lambda row: SafeString(day(row.business_day, "d MMM")),
            usual=False,
        ),
        Column(
            "provider",
            _("Provider"),
            lambda row: row.account.title,
            lambda row: isolated(row.account.title),
            usual=False,
        ),
        Column("ref", _("Reference"), lambda row: row.ref, lambda row: ident(row.ref), usual=False),
    ),
    {
        "newest": (_("Newest first"), keyset.Keys("occurred_at")),
        "oldest": (_("Oldest first"), keyset.Keys("occurred_at", descending=False)),
    },
    address="settlements:list",
    detail="settlements:detail",
    form="settlements/fields.html",
    empty=(
        _("No reconciliation fits"),
        _("A terminal's close appears here after the provider's account has been read."),
    ),
    fields=("day_from", "day_to", "branch", "balanced"),
)
