"""Changing when a branch's business day begins, and moving what is kept by day.

Each app's `days.py` lists MOVES: what it keeps by a branch's business day. From the commit of a
change on, new rows are stored by the new rule; the rows before it are moved a day at a time, each
in a transaction of its own, so that after a kill the next day is gone on with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import Branch, DayChange, Membership, Right
from portal.celery import wake
from portal.conflicts import Conflict

DAY = timedelta(days=1)


class StillMoving(Conflict):
    """The rows of the last change are not all moved yet."""


@dataclass(frozen=True)
class Moved:
    """Rows that have left a day: of which, how many, and what they count as sold."""

    before: date
    currency: str
    rows: int
    sales_minor: int = 0


@dataclass(frozen=True)
class Move:
    """What an app keeps by a branch's business day.

    `first` is when its oldest row is of, and `move` gives a day to all rows of a branch in a time,
    in the caller's transaction.
    """

    name: str
    first: Callable[[Branch], datetime | None]
    move: Callable[[Branch, date, datetime, datetime], Iterable[Moved]]


@cache
def moves() -> list[Move]:
    """What is kept by business day, as every installed app says it, found by its module's name."""
    found: list[Move] = []
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.days") is not None:
            found += import_module(f"{app.name}.days").MOVES
    return found


def change_day(
    *, branch: Branch, zone: str, cut_off: time, by: Membership, at: datetime
) -> DayChange | None:
    """Let a branch's business day begin at another time; None where it does already.

    Raises StillMoving while the rows of the last change are not all moved.
    """
    by.need(Right.FLEET)
    try:
        with transaction.atomic():
            own = Branch.objects.select_for_update(no_key=True).get(pk=branch.pk)
            if (own.zone, own.cut_off) == (zone, cut_off):
                return None
            made = DayChange.objects.create(
                merchant_id=own.merchant_id, branch=own, zone_before=own.zone,
                cut_off_before=own.cut_off, zone=zone, cut_off=cut_off, by=by.user, at=at,
            )  # fmt: skip
            own.zone, own.cut_off = zone, cut_off
            own.save(update_fields=["zone", "cut_off"])
            facts = {
                "zone": [made.zone_before, zone],
                "cut_off": [f"{made.cut_off_before:%H:%M}", f"{cut_off:%H:%M}"],
            }
            record("branch.day_changed", subject=own, facts=facts)
            wake("merchants.move_days", made.pk)
    except IntegrityError:
        raise StillMoving(
            _("The rows of the last change are still being moved. Try again in a moment.")
        ) from None
    return made


def move_days(pk: int, clock: Callable[[], datetime], most: int = 10_000) -> int:
    """Move the rows of a change to their days; how many days were done.

    Whoever finds another at work leaves it to them.
    """
    days = 0
    while days < most and _one_day(pk, clock):
        days += 1
    return days


@transaction.atomic
def _one_day(pk: int, clock: Callable[[], datetime]) -> bool:
    own = DayChange.objects.select_for_update(skip_locked=True, of=("self",))
    change = own.select_related("branch").filter(pk=pk, done_at=None).first()
    if change is None:
        return False
    branch = change.branch
    if change.next_day is None:
        _begin(change, branch, clock())
    day, last = change.next_day, change.last_day
    if day is None or last is None or day > last:
        change.done_at = clock()
        change.save(update_fields=["done_at"])
        rows = {each.name: change.moved.get(each.name, 0) for each in moves()}
        about = ("branch", branch.pk)
        record("branch.days_moved", about=about, merchant=branch.merchant_id, facts=rows)
        return False
    since, until = branch.begins(day), branch.begins(day + DAY)
    for each in moves():
        for moved in each.move(branch, day, since, until):
            _note(change, each.name, day, moved)
    change.next_day = day + DAY
    change.save(update_fields=["first_day", "next_day", "last_day", "moved"])
    return True


def _begin(change: DayChange, branch: Branch, now: datetime) -> None:
    """From the day of the oldest row to the one that has begun by now, and the next for safety."""
    oldest = [found for each in moves() if (found := each.first(branch)) is not None]
    if oldest:
        change.first_day = change.next_day = branch.business_day(min(oldest)) - DAY
        change.last_day = branch.business_day(now) + DAY


def _note(change: DayChange, name: str, day: date, moved: Moved) -> None:
    change.moved[name] = change.moved.get(name, 0) + moved.rows
    if name == "transactions":
        change.moved.setdefault("sales", []).append(
            [moved.before.isoformat(), day.isoformat(), moved.currency, moved.rows,
             moved.sales_minor]
        )  # fmt: skip


def open_changes() -> list[int]:
    """The changes whose rows are not all moved, for whoever looks after them."""
    return list(DayChange.objects.filter(done_at=None).order_by("pk").values_list("pk", flat=True))
