"""Columns of lists: what a page shows of a row, and what a download writes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal.templatetags.show import (
    NONE,
    at,
    branch_name,
    branch_text,
    ident,
    isolated,
    money,
    places,
)

Of = Callable[[Any], Any]


def plain(row: Any) -> SafeString:
    """Stands for: the value itself, escaped."""
    return NONE


@dataclass(frozen=True)
class Column:
    """One column: its name in the address, its heading, and what a download writes of a row."""

    name: str
    label: Any
    value: Callable[[Any], Any]
    # What the page shows of a row, escaped where it is not marked as safe; one that is None
    # is for downloads only.
    cell: Callable[[Any], str] | None = plain
    # Whether it is there where nobody has chosen, and whether it can be taken away.
    usual: bool = True
    fixed: bool = False
    # The class of its cells; `num` is of its heading too.
    css: str = ""
    # Whether a phone shows its name beside the value.
    named: bool = False
    # Whether it shows who somebody is, to who may see that.
    personal: bool = False


def major(minor: int | None, currency: str) -> Decimal | None:
    """An amount in a download: major units with all of its decimals, exactly."""
    return None if minor is None else Decimal(minor).scaleb(-places(currency))


def moment(at: datetime | None, zone: str | None) -> str | None:
    """A time in a download: the branch's wall clock with its offset."""
    if at is None:
        return None
    return at.astimezone(ZoneInfo(zone or "UTC")).isoformat(timespec="seconds")


def zone_of(row: Any) -> str | None:
    """On whose clock a row's times are said: its branch's."""
    branch = getattr(row, "branch", None)
    return branch.zone if branch else None


def identifier(name: str, label: Any, of: Of, **how: Any) -> Column:
    """A column of an identifier."""
    return Column(name, label, of, lambda row: ident(of(row)), **how)


def called(name: str, label: Any, of: Of, **how: Any) -> Column:
    """A column of a name, in whichever script it is written."""
    return Column(name, label, of, lambda row: isolated(of(row)) if of(row) else NONE, **how)


def timed(name: str, label: Any, of: Of, form: str = "full", **how: Any) -> Column:
    """A column of a moment on the clock of the row's branch."""
    return Column(
        name,
        label,
        lambda row: moment(of(row), zone_of(row)),
        lambda row: at(of(row), zone_of(row), form),
        **how,
    )


def amount(name: str, label: Any, field: str, **how: Any) -> Column:
    """A column of minor units in the row's currency."""
    return Column(
        name,
        label,
        lambda row: major(getattr(row, field), row.currency),
        lambda row: money(getattr(row, field), row.currency),
        **how,
    )


def at_branch(**how: Any) -> Column:
    """The column of a row's branch, in the reader's language."""
    return Column(
        "branch",
        _("Branch"),
        lambda row: branch_text(row.branch) if row.branch else None,
        lambda row: branch_name(row.branch) if row.branch else NONE,
        **how,
    )
