"""What a report is: its columns, the rows that it is of, and what its totals are by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merchants.models import Membership, Right
from reports.catalogue.columns import Column, Kind
from reports.periods import Period

# The clock of a row: its branch's, and where it has none its provider's.
ZONE = "coalesce(b.zone, %(zone)s)"


@dataclass(frozen=True)
class Asked:
    """For whom a report is made, of which days and branches, and in which form.

    `branches` are those that the person may see and asked for; None: all, and what has none.
    """

    member: Membership
    period: Period
    zone: str
    moment: datetime
    branches: tuple[int, ...] | None = None
    comma: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """The values of a report's statement."""
        return {
            "merchant": self.member.merchant_id, "since": self.period.since,
            "until": self.period.until, "zone": self.zone, "moment": self.moment,
            "branches": list(self.branches or ()), "every": self.branches is None,
            "personal": self.member.sees_personal, "before": self.period.before().since,
        }  # fmt: skip


@dataclass(frozen=True)
class Report:
    """One kind of report.

    `rows` is the part of a statement from `from` on, with `{own}` where rows are narrowed to who
    asks. `totals` are the columns by which control totals are grouped; of money, `currency` is one
    of them.
    """

    name: str
    title: Any
    about: Any
    columns: tuple[Column, ...]
    rows: str
    order: str
    totals: tuple[str, ...] = ()
    right: Right = Right.FIGURES
    # Of a state of things there are no days: it is as it is now.
    by_day: bool = True
    zone: str = ZONE
    # The columns that paper has where none was chosen.
    paper: tuple[str, ...] = ()
    # Of another program's form: a line before the head of a CSV, its alphabet, and its marks.
    before: Callable[[Asked], str] | None = None
    encoding: str = "utf-8-sig"
    marks: Mapping[str, bool] | None = None

    @property
    def by_name(self) -> dict[str, Column]:
        return {each.name: each for each in self.columns}

    def chosen(self, names: tuple[str, ...]) -> list[Column]:
        """Columns by their names in that order; all where none is named."""
        own = self.by_name
        return [own[name] for name in names if name in own] or list(self.columns)

    def statement(self, columns: list[Column], write: Callable[[Column], str]) -> str:
        """What reads the rows, each column as `write` says."""
        listed = ", ".join(f"{write(each)} as {each.name}" for each in columns)
        return f"select {listed} {self.rows} order by {self.order}"

    def control(self) -> str:
        """What counts the rows and adds up all money, by what totals are by."""
        own = self.by_name
        sums = {name: own[name.removesuffix("_minor")].sql if name not in own else own[name].sql
                for name in self.summed}  # fmt: skip
        inner = ", ".join(
            f"{sql} as {name}"
            for name, sql in {**{key: own[key].sql for key in self.totals}, **sums}.items()
        ) or "1 as one"  # fmt: skip
        keys = ", ".join(self.totals)
        summed = "".join(f", coalesce(sum({name}), 0)" for name in sums)
        outer = f"{keys}, " if keys else ""
        group = f" group by {keys} order by {keys}" if keys else ""
        return f"select {outer}count(*){summed} from (select {inner} {self.rows}) r{group}"

    @property
    def summed(self) -> list[str]:
        """What control totals add up: money in minor units, and counts."""
        own = self.by_name
        return [
            each.name if each.kind != Kind.MAJOR else f"{each.name}_minor"
            for each in self.columns
            if each.kind in (Kind.MINOR, Kind.COUNT)
            # An amount that has no column in minor units is added up all the same.
            or (each.kind == Kind.MAJOR and f"{each.name}_minor" not in own)
        ]
