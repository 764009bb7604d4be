"""Reports of closes, of terminals and of who held them."""

from django.utils.translation import gettext_lazy as _

from merchants.models import Right
from reports.catalogue.columns import Column, Kind
from reports.catalogue.report import Report
from reports.catalogue.tables import (
    CLOCK,
    DAY,
    HOLDER,
    IN,
    IN_DAYS,
    OWN,
    PERSON,
    PLACE,
    SOURCE,
    TILL,
    count,
    money,
)

RECONCILIATIONS = Report(
    name="reconciliations",
    title=_("Reconciliations"),
    about=_("Each close by scheme: what the terminal counted against what the host did."),
    columns=(
        DAY, Column("occurred_at", _("Time"), Kind.MOMENT, "t.occurred_at"),
        Column("local_time", _("Time on the branch’s clock"), Kind.WALL, "t.occurred_at"), *PLACE,
        Column("terminal", _("Terminal"), Kind.TEXT, "coalesce(m.tid, t.tid)"),
        Column("scheme", _("Scheme"), Kind.WORD, "s.scheme"),
        count("pos_count", _("Terminal, number"), "s.pos_total_count"),
        *money("pos_total", _("Terminal, total"), "s.pos_total_minor"),
        count("host_count", _("Host, number"), "s.host_total_count"),
        *money("host_total", _("Host, total"), "s.host_total_minor"),
        *money("difference", _("Difference"), "s.host_total_minor - s.pos_total_minor"), IN,
        Column("balanced", _("Balanced"), Kind.YES, "s.balanced"),
        Column("ref", _("Reference"), Kind.TEXT, "t.ref"), SOURCE, *CLOCK,
    ),
    rows=f"""
        from settlements_reconciliation t
        join settlements_schemetotal s on s.reconciliation_id = t.id
        left join merchants_branch b on b.id = t.branch_id
        left join merchants_provideraccount a on a.id = t.account_id
        left join terminals_terminal m on m.id = t.terminal_id
        where {OWN} and {IN_DAYS}
    """,
    order="t.occurred_at, t.id, s.position",
    totals=("currency",),
)  # fmt: skip
FLEET = Report(
    name="fleet",
    title=_("Terminals"),
    about=_("Every terminal as it is now: where it is, who holds it, when it last sold."),
    columns=(
        *TILL, *PLACE, HOLDER,
        Column("mobile", _("Mobile"), Kind.TEXT,
               "case when %(personal)s then p.mobile when p.mobile is not null"
               " then left(p.mobile, 5) || '…' || right(p.mobile, 2) end"),
        Column("connected", _("Connected"), Kind.YES, "coalesce(m.connected, false)"),
        Column("spare", _("Spare"), Kind.YES, "m.spare"),
        Column("last_seen_at", _("Last sold"), Kind.MOMENT, "m.last_seen_at"),
        Column("note", _("Note"), Kind.TEXT, "m.note"),
        Column("ref", _("Reference"), Kind.TEXT, "m.ref"), SOURCE, *CLOCK,
    ),
    rows=f"""
        from (select *, id as terminal_id from terminals_terminal) t
        join terminals_terminal m on m.id = t.id
        left join merchants_branch b on b.id = t.branch_id
        left join merchants_provideraccount a on a.id = t.account_id
        left join terminals_terminaluser p on p.id = t.terminal_user_id
        where {OWN}
    """,
    order="m.tid, m.id",
    right=Right.LOOK_UP,
    by_day=False,
)  # fmt: skip
ASSIGNMENTS = Report(
    name="assignments",
    title=_("Who held what"),
    about=_("From when on who held each terminal, as far as it is kept."),
    columns=(
        *TILL, *PLACE, Column("held_by", _("Held by"), Kind.TEXT, PERSON),
        Column("since", _("Since"), Kind.MOMENT, "h.since_at"),
        Column("local_time", _("Time on the branch’s clock"), Kind.WALL, "h.since_at"),
        Column("learned_at", _("Learned"), Kind.MOMENT, "h.learned_at"), SOURCE, *CLOCK,
    ),
    rows=f"""
        from terminals_holding h join terminals_terminal m on m.id = h.terminal_id
        join lateral (select m.merchant_id, m.branch_id, h.account_id) t on true
        left join merchants_branch b on b.id = t.branch_id
        left join merchants_provideraccount a on a.id = t.account_id
        left join terminals_terminaluser p on p.id = h.terminal_user_id
        where {OWN} and h.since_at >= (%(since)s::date)::timestamp at time zone %(zone)s
            and h.since_at < (%(until)s::date)::timestamp at time zone %(zone)s
    """,
    order="h.since_at, h.id",
    right=Right.LOOK_UP,
)  # fmt: skip

REPORTS = (RECONCILIATIONS, FLEET, ASSIGNMENTS)
