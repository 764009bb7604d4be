"""What a list of reconciliations can show."""

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import keyset
from portal.columns import Column, amount, at_branch, called, identifier, timed
from portal.lists import List
from portal.templatetags.show import (
    count,
    day,
    stamp,
)


def _result(row: Any) -> SafeString:
    if row.balanced:
        return stamp("BALANCED", gettext("Balanced"))
    return stamp("UNBALANCED", gettext("Out of balance"))


RECONCILIATIONS = List(
    "reconciliations",
    _("Reconciliations"),
    (
        timed("closed", _("Closed at"), lambda row: row.occurred_at, fixed=True, css="keep o1"),
        Column(
            "balanced",
            _("Balanced"),
            lambda row: row.balanced,
            _result,
            fixed=True,
            css="end keep o4",
        ),
        amount("net", _("Net"), "total_minor", fixed=True, css="num keep o2"),
        Column("currency", _("Currency"), lambda row: row.currency, None, fixed=True),
        identifier("tid", _("Terminal id"), lambda row: row.tid, css="o3"),
        at_branch(),
        Column(
            "count",
            _("Count"),
            lambda row: row.total_count,
            lambda row: SafeString(count(row.total_count)),
            css="num",
            named=True,
        ),
        amount("purchases", _("Purchases"), "purchase_minor", usual=False, css="num"),
        amount("refunds", _("Refunds"), "refund_minor", usual=False, css="num"),
        amount("reversals", _("Reversals"), "purchase_reversal_minor", usual=False, css="num"),
        identifier("stan", _("STAN"), lambda row: row.stan, usual=False),
        Column(
            "day",
            _("Business day"),
            lambda row: row.business_day.isoformat(),
            lambda row: SafeString(day(row.business_day, "d MMM")),
            usual=False,
        ),
        called("provider", _("Provider"), lambda row: row.account.title, usual=False),
        identifier("ref", _("Reference"), lambda row: row.ref, usual=False),
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
