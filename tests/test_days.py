"""Business days: their maths against a slow clock, and rows that are moved when they change."""

import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from merchants.actions.accounts import opened
from merchants.actions.branches import ensure_branches
from merchants.actions.days import StillMoving, change_day, move_days, open_changes
from merchants.models import AuditEntry, Branch, DayChange, Membership, ProviderAccount
from merchants.sync import Ask, run_sync
from portal.business import begins, business_day
from providers.base.provider import Period
from settlements.models import Reconciliation
from tests.conftest import PROVE, QUICK, confirm
from tests.test_rollups import of_rollups, of_rows
from transactions.actions import prepare_all, store_transactions
from transactions.models import Transaction

INSTANTS = 10_000 if PROVE else 500
ZONES = (
    "Asia/Riyadh", "Europe/Copenhagen", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe",
    "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Atlantic/Azores",
    "America/Santiago", "Asia/Tehran", "UTC",
)  # fmt: skip
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def told_by_a_clock(zone: str, cut_off: time, at: datetime) -> date:
    """The business day as somebody tells it who watches the clock on the wall all the time."""
    there = ZoneInfo(zone)
    moment = (at - 2 * DAY).replace(second=0, microsecond=0)
    wall = moment.astimezone(there).replace(tzinfo=None)
    day = wall.date() if wall.time() >= cut_off else wall.date() - DAY
    while moment <= at:
        wall = moment.astimezone(there).replace(tzinfo=None)
        while wall >= datetime.combine(day + DAY, cut_off):
            day += DAY
        moment += MINUTE
    return day


def changes_of_clock(zone: str, year: int) -> list[datetime]:
    """The moments in a year at which a zone's clocks are put on or back."""
    there = ZoneInfo(zone)
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=each) for each in range(8760)]
    return [
        later
        for earlier, later in pairwise(hours)
        if earlier.astimezone(there).utcoffset() != later.astimezone(there).utcoffset()
    ]


class TestMaths:
    def test_is_what_a_clock_on_the_wall_tells(self) -> None:
        rng = random.Random(7)
        for number in range(INSTANTS):
            zone = rng.choice(ZONES)
            cut_off = time(rng.randrange(24), rng.choice((0, 0, 15, 30, 59)))
            at = datetime(rng.randrange(2005, 2031), 1, 1, tzinfo=UTC)
            at += timedelta(seconds=rng.randrange(365 * 86_400))
            changed = changes_of_clock(zone, at.year) if number % 2 else []
            if changed:
                # Half of them around the nights that are longer or shorter.
                at = rng.choice(changed) + timedelta(seconds=rng.randrange(-100_000, 100_000))
            told = business_day(zone, cut_off, at)
            assert told == told_by_a_clock(zone, cut_off, at), (zone, cut_off, at)
            assert begins(zone, cut_off, told) <= at < begins(zone, cut_off, told + DAY)

    def test_days_are_as_long_as_the_clocks_make_them(self) -> None:
        def hours(day: date, cut_off: int) -> float:
            first, last = (begins("Europe/Copenhagen", time(cut_off), each)
                           for each in (day, day + DAY))  # fmt: skip
            return (last - first) / timedelta(hours=1)

        spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
        assert (hours(spring, 0), hours(autumn, 0), hours(date(2026, 5, 1), 0)) == (23, 25, 24)
        # The night belongs to the day before where the day begins at four.
        assert (hours(spring - DAY, 4), hours(spring, 4)) == (23, 24)
        assert (hours(autumn - DAY, 4), hours(autumn, 4)) == (25, 24)


@pytest.fixture
def account(play: Any, alice: Membership) -> ProviderAccount:
    made: ProviderAccount = play(transactions=900, terminals=14).connect(alice.merchant)
    run_sync(made.pk, limits=QUICK)
    return made


def by_the_rule(branch: Branch) -> None:
    """Every row of a branch is of the day that its rule says, and the roll-ups are its sums."""
    branch.refresh_from_db()
    for model in (Transaction, Reconciliation):
        for row in model.objects.filter(branch=branch):
            assert row.business_day == branch.business_day(row.occurred_at)
    assert of_rollups() == of_rows()


@pytest.mark.django_db
class TestChange:
    def test_moves_what_was_before_and_says_what(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        branch = Branch.objects.order_by("pk")[0]
        before = dict(Transaction.objects.filter(branch=branch).values_list("pk", "business_day"))
        assert before
        change = change_day(
            branch=branch, zone=branch.zone, cut_off=time(4), by=alice, at=timezone.now()
        )
        assert change is not None
        assert open_changes() == [change.pk]
        # Somebody dies after three days, and another goes on.
        assert move_days(change.pk, timezone.now, most=3) == 3
        assert of_rollups() == of_rows()
        with pytest.raises(StillMoving):
            change_day(branch=branch, zone="UTC", cut_off=time(0), by=alice, at=timezone.now())
        move_days(change.pk, timezone.now)
        assert open_changes() == []
        by_the_rule(branch)
        after = dict(Transaction.objects.filter(branch=branch).values_list("pk", "business_day"))
        moved = [pk for pk, day in after.items() if before[pk] != day]
        assert moved
        change.refresh_from_db()
        assert change.moved["transactions"] == len(moved)
        assert sum(rows for *_days, rows, _minor in change.moved["sales"]) == len(moved)
        sold = Transaction.objects.filter(pk__in=moved, kind="PURCHASE", status="APPROVED")
        assert sum(minor for *_all, minor in change.moved["sales"]) == sum(
            each.captured_minor or 0 for each in sold
        )
        entry = AuditEntry.objects.get(action="branch.days_moved")
        assert entry.facts["transactions"] == len(moved)
        # Back again, and nothing is left of it.
        back = change_day(
            branch=branch, zone=branch.zone, cut_off=time(0), by=alice, at=timezone.now()
        )
        assert back is not None
        move_days(back.pk, timezone.now)
        assert (
            dict(Transaction.objects.filter(branch=branch).values_list("pk", "business_day"))
            == before
        )

    def test_to_another_zone_moves_the_hours_too(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        branch = Branch.objects.order_by("pk")[1]
        change = change_day(
            branch=branch, zone="Europe/Copenhagen", cut_off=time(3), by=alice, at=timezone.now()
        )
        assert change is not None
        move_days(change.pk, timezone.now)
        by_the_rule(branch)

    def test_of_which_a_reading_does_not_know_yet_holds_for_what_it_stores(
        self, play: Any, alice: Membership
    ) -> None:
        account = play(transactions=200, terminals=6).connect(alice.merchant)
        run_sync(account.pk, Ask(only=frozenset({"branches", "terminals"})), limits=QUICK)
        with opened(account, QUICK) as connector:
            batch = next(iter(connector.list_transactions(Period())))  # type: ignore[attr-defined]
            read = prepare_all(connector.read_transactions(batch.items), account)  # type: ignore[attr-defined]
        known = ensure_branches(
            account, [r.record.branch for _, r in read.records if r.record.branch]
        )
        for branch in Branch.objects.order_by("pk"):
            assert change_day(
                branch=branch, zone=branch.zone, cut_off=time(13), by=alice, at=timezone.now()
            )
        assert {each.cut_off for each in known.values()} == {time(0)}
        store_transactions(account, read.records, timezone.now())
        assert Transaction.objects.exists()
        for branch in Branch.objects.order_by("pk"):
            by_the_rule(branch)

    def test_is_made_on_the_branchs_page(self, account: ProviderAccount, alice: Membership) -> None:
        branch = Branch.objects.order_by("pk")[0]
        client = Client()
        client.force_login(alice.user)
        address = f"/branches/{branch.pk}/day/"
        form = {"zone": "Asia/Riyadh", "cut_off": "04:00"}
        assert client.post(address, form)["Location"].startswith("/sign-in/again/")
        confirm(client, alice.user)
        for wrong in ({"zone": "Mars/Base"}, {"cut_off": "04:30"}, {"cut_off": "x"}):
            assert client.post(address, form | wrong).status_code == 422
        assert not DayChange.objects.exists()
        assert client.post(address, form).status_code == 302
        page = client.get(address).content.decode()
        assert "Being moved" in page
        assert "every 2s" in page
        assert client.post(address, form | {"cut_off": "05:00"}).status_code == 422
        move_days(DayChange.objects.get().pk, timezone.now)
        page = client.get(address).content.decode()
        assert "are of another day now" in page
        # What is so already is no change.
        assert client.post(address, form).status_code == 302
        assert DayChange.objects.count() == 1
