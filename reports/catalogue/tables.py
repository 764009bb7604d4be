"""The rows of reports, narrowed to whose they are and to the branches that the asker may see."""

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from reports.catalogue.columns import Column, Kind

# Of a row with a branch those that were asked for; of one without only where all were.
OWN = "t.merchant_id = %(merchant)s and (%(every)s or t.branch_id = any(%(branches)s::bigint[]))"
IN_DAYS = "t.business_day >= %(since)s and t.business_day < %(until)s"
JOINED = """
    left join merchants_branch b on b.id = t.branch_id
    left join merchants_provideraccount a on a.id = t.account_id
    left join terminals_terminal m on m.id = t.terminal_id
"""
HELD = "left join terminals_terminaluser p on p.id = t.terminal_user_id"
# A person as who asks may see them: in full, or by the first letter of each name.
PERSON = (
    "case when p.id is null or p.erased_at is not null then ''"
    " when %(personal)s then coalesce(nullif(p.name, ''), p.ref)"
    r" else regexp_replace(coalesce(nullif(p.name, ''), p.ref), '(\S)\S*', '\1…', 'g') end"
)

PLACE = (
    Column("branch", _("Branch"), Kind.TEXT, "b.name"),
    Column("branch_ar", _("Branch in Arabic"), Kind.TEXT, "b.name_ar"),
)
CLOCK = (
    Column("zone", _("Zone"), Kind.WORD, "coalesce(b.zone, %(zone)s)"),
    Column(
        "day_begins", _("Day begins"), Kind.WORD,
        "to_char(coalesce(b.cut_off, '00:00'::time), 'HH24:MI')",
    ),
)  # fmt: skip
TILL = (
    Column("terminal", _("Terminal"), Kind.TEXT, "m.tid"),
    Column(
        "terminal_name", _("Terminal’s name"), Kind.TEXT, "coalesce(nullif(m.label, ''), m.name)"
    ),
)
HOLDER = Column("held_by", _("Held by"), Kind.TEXT, PERSON)
SOURCE = Column("provider", _("Provider"), Kind.WORD, "a.provider")
IN = Column("currency", _("Currency"), Kind.WORD, "t.currency")
DAY = Column("business_day", _("Business day"), Kind.DAY, "t.business_day")


def money(name: str, title: Any, sql: str) -> tuple[Column, Column]:
    """An amount as people write it, and in minor units."""
    minor = format_lazy("{} {}", title, _("(minor units)"))
    return Column(name, title, Kind.MAJOR, sql), Column(f"{name}_minor", minor, Kind.MINOR, sql)


def count(name: str, title: Any, sql: str) -> Column:
    """How many there are."""
    return Column(name, title, Kind.COUNT, sql)
