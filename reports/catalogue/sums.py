"""Reports of what days add up to: by branch, terminal, person and scheme, and a till's Z report."""

from django.utils.translation import gettext_lazy as _

from reports.catalogue.columns import Column, Kind
from reports.catalogue.report import Report
from reports.catalogue.tables import (
    CLOCK,
    DAY,
    HELD,
    HOLDER,
    IN,
    IN_DAYS,
    OWN,
    PLACE,
    SOURCE,
    TILL,
    count,
    money,
)

_SCHEME = Column("scheme", _("Scheme"), Kind.WORD, "t.scheme")
_FIGURES = (
    count("sales_count", _("Number of sales"), "t.sales"),
    *money("sales", _("Sales"), "t.sales_minor"),
    count("refunds_count", _("Number of refunds"), "t.refunds"),
    *money("refunds", _("Refunds"), "t.refunds_minor"),
    *money("net", _("Net"), "t.sales_minor - t.refunds_minor"),
    IN,
    count("declined_count", _("Declined"), "t.declined"),
    count("reversed_count", _("Reversed"), "t.reversed"),
    count("other_count", _("Other"), "t.other"),
)
# As the roll-ups count them; what money means is one definition.
_COUNTED = """
    count(*) filter (where kind = 'PURCHASE' and status = 'APPROVED') as sales,
    coalesce(sum(captured_minor)
        filter (where kind = 'PURCHASE' and status = 'APPROVED'), 0)::bigint as sales_minor,
    count(*) filter (where kind = 'REFUND' and status = 'APPROVED') as refunds,
    coalesce(sum(captured_minor) filter (where kind = 'REFUND' and status = 'APPROVED'), 0)::bigint
        as refunds_minor,
    count(*) filter (where kind = 'PURCHASE' and status = 'DECLINED') as declined,
    count(*) filter (where status = 'REVERSED' and kind <> 'OTHER') as reversed,
    count(*) filter (where status not in ('APPROVED', 'DECLINED', 'REVERSED') or kind = 'OTHER'
        or (kind = 'REFUND' and status = 'DECLINED')) as other
"""


def _by(*keys: str) -> str:
    """What the rows add up to by day, account, branch, currency and further keys."""
    listed = ", ".join(("business_day", "account_id", "branch_id", "currency", *keys))
    return f"""
        from (
            select {listed}, {_COUNTED} from transactions_transaction t
            where {OWN} and {IN_DAYS} group by {listed}
        ) t
        left join merchants_branch b on b.id = t.branch_id
        left join merchants_provideraccount a on a.id = t.account_id
    """


_DAILY = f"""
    from (
        select day as business_day, account_id, branch_id, currency, scheme, sales, sales_minor,
            refunds, refunds_minor, declined, reversed, other
        from transactions_daytotal t where {OWN} and t.day >= %(since)s and t.day < %(until)s
    ) t
    left join merchants_branch b on b.id = t.branch_id
    left join merchants_provideraccount a on a.id = t.account_id
"""
_TERMINAL = "left join terminals_terminal m on m.id = t.terminal_id"

DAILY = Report(
    name="daily-sales",
    title=_("Daily sales"),
    about=_("What each business day of each branch sold, by scheme."),
    columns=(DAY, *PLACE, _SCHEME, *_FIGURES, SOURCE, *CLOCK),
    rows=_DAILY,
    order="t.business_day, b.name, t.branch_id, t.scheme, t.currency, t.account_id",
    totals=("currency",),
    paper=(
        "business_day",
        "branch",
        "branch_ar",
        "scheme",
        "sales_count",
        "sales",
        "refunds",
        "net",
        "currency",
    ),
)
BY_TERMINAL = Report(
    name="sales-by-terminal",
    title=_("Sales by terminal"),
    about=_("What each terminal sold on each business day."),
    columns=(DAY, *PLACE, *TILL, *_FIGURES, SOURCE, *CLOCK),
    rows=_by("terminal_id") + _TERMINAL,
    order="t.business_day, b.name, t.branch_id, m.tid, t.terminal_id, t.currency",
    totals=("currency",),
    paper=(
        "business_day",
        "branch",
        "terminal",
        "sales_count",
        "sales",
        "refunds",
        "net",
        "currency",
    ),
)
BY_PERSON = Report(
    name="sales-by-person",
    title=_("Sales by person"),
    about=_("What each person’s terminals sold on each business day, by the provider’s word."),
    columns=(DAY, *PLACE, HOLDER, *_FIGURES, SOURCE, *CLOCK),
    rows=_by("terminal_user_id") + HELD,
    order="t.business_day, b.name, t.branch_id, t.terminal_user_id, t.currency, t.account_id",
    totals=("currency",),
    paper=(
        "business_day",
        "branch",
        "held_by",
        "sales_count",
        "sales",
        "refunds",
        "net",
        "currency",
    ),
)
Z = Report(
    name="z",
    title=_("Z report"),
    about=_("Each terminal’s day by scheme, as a till prints it at its end."),
    columns=(DAY, *PLACE, *TILL, _SCHEME, *_FIGURES, SOURCE, *CLOCK),
    rows=_by("terminal_id", "scheme") + _TERMINAL,
    order="t.business_day, b.name, t.branch_id, m.tid, t.terminal_id, t.scheme, t.currency",
    totals=("currency",),
    paper=(
        "business_day",
        "terminal",
        "scheme",
        "sales_count",
        "sales",
        "refunds",
        "net",
        "declined_count",
        "currency",
    ),
)
_WHICH = Column("period", _("Period"), Kind.WORD, "case when t.now then 'this' else 'before' end")
SUMMARY = Report(
    name="summary",
    title=_("Summary with comparison"),
    about=_("What a period adds up to by branch, beside the period before it."),
    columns=(_WHICH, *PLACE, *_FIGURES, SOURCE, *CLOCK),
    rows=f"""
        from (
            select day >= %(since)s as now, account_id, branch_id, currency,
                sum(sales) as sales, sum(sales_minor)::bigint as sales_minor,
                sum(refunds) as refunds, sum(refunds_minor)::bigint as refunds_minor,
                sum(declined) as declined, sum(reversed) as reversed, sum(other) as other
            from transactions_daytotal t
            where {OWN} and t.day >= %(before)s and t.day < %(until)s
            group by 1, 2, 3, 4
        ) t
        left join merchants_branch b on b.id = t.branch_id
        left join merchants_provideraccount a on a.id = t.account_id
    """,
    order="b.name, t.branch_id, t.currency, t.account_id, t.now",
    totals=("period", "currency"),
    paper=(
        "period",
        "branch",
        "branch_ar",
        "sales_count",
        "sales",
        "refunds",
        "net",
        "declined_count",
        "currency",
    ),
)

REPORTS = (DAILY, BY_TERMINAL, BY_PERSON, Z, SUMMARY)
