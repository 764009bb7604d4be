"""Columns of reports: what each holds, and how the database itself writes it.

Files are written by the database as it reads, so what a spreadsheet must not take for a formula,
how money is written and whose clock a time is by is said in SQL here. It is decided by a column's
kind and never by how a value looks, so that -5.00 stays a number.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from providers.base.money import currencies_with

# What a spreadsheet takes for the beginning of a formula: = + - @, a tab, the ends of a line, and
# the wide forms of the four that some take for the same.
_FORMULA = ", ".join(str(ord(each)) for each in "=+-@\t\r\n＝＋－＠")
_OFFSETS = ("03:00", "01:00", "02:00", "00:00", "04:00")
# Decimals of most currencies, and of the others.
USUAL, UNUSUAL = 2, (0, 3, 4)


class Kind(StrEnum):
    """What a column holds."""

    # What people have typed, or a provider has sent.
    TEXT = "text"
    # A word of ours, or digits that the database has checked: it needs no guard.
    WORD = "word"
    COUNT = "count"
    # Money in minor units, and the same as people write it.
    MINOR = "minor"
    MAJOR = "major"
    # A time with its offset, and the same as the clock on the branch's wall showed it.
    MOMENT = "moment"
    WALL = "wall"
    DAY = "day"
    YES = "yes"


@dataclass(frozen=True)
class Column:
    """One column: a name that stays, a heading that is translated, and where it comes from.

    `sql` is an expression over the report's own tables, of a fixed text that no request reaches.
    Of money `currency` is the expression that says of which.
    """

    name: str
    title: Any
    kind: Kind
    sql: str
    currency: str = "t.currency"

    def typed(self, zone: str) -> str:
        """The value as a cell of a spreadsheet has it."""
        if self.kind == Kind.MAJOR:
            return f"({self.sql})::numeric / {power(self.currency)}"
        if self.kind == Kind.MOMENT:
            # A spreadsheet's times have no zone, so this one stays a text.
            return with_offset(self.sql, zone)
        if self.kind == Kind.WALL:
            return f"date_trunc('second', {self.sql} at time zone {zone})"
        if self.kind == Kind.YES:
            # Some programs make a formula of a truth.
            return self.written(zone, comma=False)
        return self.sql

    def plain(self, zone: str) -> str:
        """The value as JSON has it."""
        if self.kind in (Kind.MOMENT, Kind.WALL, Kind.MAJOR):
            return self.written(zone, comma=False)
        return self.sql

    def written(self, zone: str, comma: bool) -> str:
        """The value as a text of a file."""
        if self.kind == Kind.TEXT:
            return guarded(self.sql)
        if self.kind == Kind.MAJOR:
            text = major(self.sql, self.currency)
            return f"replace({text}, '.', ',')" if comma else text
        if self.kind == Kind.MOMENT:
            return with_offset(self.sql, zone)
        if self.kind == Kind.WALL:
            return f"date_trunc('second', {self.sql} at time zone {zone})::text"
        if self.kind == Kind.YES:
            return f"case when {self.sql} then 'yes' else 'no' end"
        return self.sql


def guarded(sql: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    # By the number of its first sign, which costs a third of cutting it off.
    return f"case when ascii({sql}) in ({_FORMULA}) then '''' || {sql} else {sql} end"


def major(sql: str, currency: str) -> str:
    """Minor units as people write them, with as many places as the currency has."""
    # A product has as many places as its factor.
    others = " ".join(
        f"when {currency} in ({_listed(places)}) then {_unit(places)}" for places in UNUSUAL
    )
    return f"(({sql})::numeric * case {others} else {_unit(USUAL)} end)::text"


def _unit(places: int) -> str:
    return f"{10**-places:.{places}f}"


def power(currency: str) -> str:
    """How many minor units make one major, as a number of the database."""
    others = " ".join(
        f"when {currency} in ({_listed(places)}) then {10**places}" for places in UNUSUAL
    )
    return f"case {others} else {10**USUAL} end"


def _listed(places: int) -> str:
    return ", ".join(f"'{code}'" for code in currencies_with(places))


def with_offset(sql: str, zone: str) -> str:
    """A time by ISO 8601 as the clock of a zone shows it, with its offset."""
    wall = f"({sql} at time zone {zone})"
    ahead = f"({wall} - ({sql} at time zone 'UTC'))"
    minutes = f"(extract(epoch from {ahead})::int / 60)"
    # Writing an offset takes as long as all the rest: those that are met are known by heart.
    usual = " ".join(f"when interval '{each}' then '+{each}'" for each in _OFFSETS)
    other = (
        f"case when {minutes} < 0 then '-' else '+' end"
        f" || to_char(abs({minutes}) / 60, 'FM00')"
        f" || ':' || to_char(mod(abs({minutes}), 60), 'FM00')"
    )
    return (
        f"replace(date_trunc('second', {wall})::text, ' ', 'T')"
        f" || case {ahead} {usual} else {other} end"
    )
