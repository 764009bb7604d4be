"""What a list of reconciliations can show."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.lists import Column, List, major, moment


def _zone(row: Any) -> str | None:
    return row.branch.zone if row.branch else None


RECONCILIATIONS = List(
    "reconciliations",
    (
        Column("closed", _("Closed at"), lambda r: moment(r.occurred_at, _zone(r)), fixed=True),
        Column("balanced", _("Balanced"), lambda row: row.balanced, fixed=True),
        Column("net", _("Net"), lambda row: major(row.total_minor, row.currency), fixed=True),
        Column("currency", _("Currency"), lambda row: row.currency, fixed=True),
        Column("tid", _("Terminal id"), lambda row: row.tid),
        Column("branch", _("Branch"), lambda row: row.branch and row.branch.name),
        Column("count", _("Count"), lambda row: row.total_count, css="num"),
        Column(
            "purchases",
            _("Purchases"),
            lambda row: major(row.purchase_minor, row.currency),
            usual=False,
            css="num",
        ),
        Column(
            "refunds",
            _("Refunds"),
            lambda row: major(row.refund_minor, row.currency),
            usual=False,
            css="num",
        ),
        Column(
            "reversals",
            _("Reversals"),
            lambda row: major(row.purchase_reversal_minor, row.currency),
            usual=False,
            css="num",
        ),
        Column("stan", _("STAN"), lambda row: row.stan, usual=False),
        Column("day", _("Business day"), lambda row: row.business_day.isoformat(), usual=False),
        Column("provider", _("Provider"), lambda row: row.account.title, usual=False),
        Column("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "newest": (_("Newest first"), keyset.Keys("occurred_at")),
        "oldest": (_("Oldest first"), keyset.Keys("occurred_at", descending=False)),
    },
    fields=("day_from", "day_to", "branch", "balanced"),
)
