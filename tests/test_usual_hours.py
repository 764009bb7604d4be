"""Usual hours: told from sales once a day, and what makes a terminal silent."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from merchants.models import Membership, ProviderAccount
from merchants.sync import run_sync
from reports.queries import attention, clocks_of
from terminals.models import Terminal
from tests.conftest import NOON, QUICK
from transactions.models import Transaction
from transactions.usual import tell_usual_hours

pytestmark = pytest.mark.django_db
RIYADH = ZoneInfo("Asia/Riyadh")
# Hours 9 to 20.
SHOP = sum(1 << hour for hour in range(9, 21))


@pytest.fixture
def account(play: Any, alice: Membership) -> ProviderAccount:
    made: ProviderAccount = play(transactions=4000, terminals=6).connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


def passed(usual: list[int], last: str, moment: str) -> int:
    """Both are on Riyadh's clock."""
    times = [datetime.fromisoformat(each).replace(tzinfo=RIYADH) for each in (last, moment)]
    with connection.cursor() as cursor:
        cursor.execute(
            "select terminals_usual_hours_passed(%s, %s, %s, 'Asia/Riyadh')", [usual, *times]
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("last", "moment", "hours"),
    [
        # 18 November 2026 is a Wednesday; the shop is closed on Fridays.
        ("2026-11-18T10:59", "2026-11-18T11:01", 0),
        ("2026-11-18T10:10", "2026-11-18T14:50", 3),
        ("2026-11-18T20:59", "2026-11-19T08:59", 0),
        ("2026-11-18T18:30", "2026-11-19T11:00", 4),
        ("2026-11-19T20:30", "2026-11-21T08:00", 0),
        ("2026-11-18T20:30", "2026-11-21T10:15", 13),
        # No more than seven days are looked at: six whole ones of which one is a Friday, and 09.
        ("2026-10-01T12:00", "2026-11-18T10:00", 61),
    ],
)
def test_usual_hours_that_have_passed_are_counted(
    db: None, last: str, moment: str, hours: int
) -> None:
    assert passed([SHOP] * 4 + [0] + [SHOP] * 2, last, moment) == hours


def test_they_are_told_from_four_weeks_of_sales(account: ProviderAccount) -> None:
    busy, quiet = Terminal.objects.filter(branch__isnull=False).order_by("pk")[:2]
    Transaction.objects.filter(terminal=quiet).update(status="DECLINED")
    assert tell_usual_hours(NOON) == Terminal.objects.count()
    days: dict[tuple[int, int], set[Any]] = defaultdict(set)
    assert busy.branch is not None
    sales = Transaction.objects.filter(terminal=busy, status="APPROVED", occurred_at__lt=NOON)
    for row in sales.filter(occurred_at__gte=NOON - timedelta(weeks=4)):
        local = row.occurred_at.astimezone(ZoneInfo(busy.branch.zone))
        days[local.isoweekday(), local.hour].add(local.date())
    expected = [0] * 7
    for (weekday, hour), found in days.items():
        if len(found) >= 3:
            expected[weekday - 1] |= 1 << hour
    busy.refresh_from_db()
    quiet.refresh_from_db()
    assert any(expected)
    assert busy.usual_hours == expected
    assert quiet.usual_hours is None
    assert quiet.hours_told_at == NOON


def test_they_are_told_once_a_day(account: ProviderAccount) -> None:
    assert tell_usual_hours(NOON) > 0
    assert tell_usual_hours(NOON + timedelta(hours=23)) == 0
    assert tell_usual_hours(NOON + timedelta(hours=25)) > 0


HOURS = [
    # At 15 o'clock in Riyadh: it usually sells all day, and has not since 10, or since 13.
    ([SHOP] * 7, 5, True),
    ([SHOP] * 7, 2, False),
    # It does not usually sell today or yesterday.
    ([0] * 7, 40, False),
    # Nothing is known of it yet: a day is waited for.
    (None, 23, False),
    (None, 25, True),
]


def test_a_terminal_is_silent_in_its_usual_hours(
    account: ProviderAccount, alice: Membership
) -> None:
    for usual, ago, silent in HOURS:
        moment = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
        Terminal.objects.update(last_seen_at=moment, connected=True, usual_hours=[SHOP] * 7)
        chosen = Terminal.objects.filter(branch__isnull=False).order_by("pk")[0]
        Terminal.objects.filter(pk=chosen.pk).update(
            usual_hours=usual, last_seen_at=moment - timedelta(hours=ago)
        )
        clocks, _branches = clocks_of(alice, moment)
        found = {each.reason: each.terminals for each in attention(alice, clocks, moment)}
        assert [each.pk for each in found.get("SILENT", [])] == ([chosen.pk] if silent else [])
