"""Gaps: shown day by day, priced, and closed by a job that survives whatever happens."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from merchants.actions.accounts import ask_to_close
from merchants.calendar import calendar, cost_of
from merchants.models import Bookmark, Gap, Membership, ProviderAccount, SyncRun, SyncStep
from merchants.sync import AlreadyRunning, NotActive, close_gaps, run_sync
from merchants.tasks import close_asked_gaps, sync_account
from providers.nearpay.sandbox import DEMO_KEY
from tests.conftest import NOON, QUICK, Played
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=900)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def gap(account: ProviderAccount) -> Gap:
    """Three days of which nothing is stored, though the bookmark stands after them."""
    since, until = NOON - timedelta(days=9), NOON - timedelta(days=6)
    Transaction.objects.filter(occurred_at__range=(since, until)).delete()
    made: Gap = account.gaps.create(resource="transactions", since=since, until=until)
    return made


class TestClosing:
    def test_a_wish_is_a_row_and_a_job_that_reads_what_is_missing(
        self, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        before = Transaction.objects.count()
        ask_to_close(gap=gap, by=alice, at=NOON)
        gap.refresh_from_db()
        assert (gap.asked_at, gap.asked_by) == (NOON, alice.user)
        assert close_asked_gaps(account.pk) == 1
        assert not account.gaps.exists()
        assert Transaction.objects.filter(occurred_at__range=(gap.since, gap.until)).exists()
        assert Transaction.objects.count() > before
        run = SyncRun.objects.order_by("-pk")[0]
        assert (run.reason, run.requested_by, run.steps.get().since) == (
            "BUTTON", alice.user, gap.since,
        )  # fmt: skip

    def test_without_a_wish_nothing_is_read(self, account: ProviderAccount, gap: Gap) -> None:
        runs = SyncRun.objects.count()
        assert close_asked_gaps(account.pk) == 0
        assert SyncRun.objects.count() == runs

    def test_one_that_comes_while_the_account_is_read_waits_for_the_next_reading(
        self, account: ProviderAccount, alice: Membership, gap: Gap, monkeypatch: Any
    ) -> None:
        ask_to_close(gap=gap, by=alice, at=NOON)

        def busy(*_given: Any) -> None:
            raise AlreadyRunning("This account is being synced already.")

        with monkeypatch.context() as patch:
            patch.setattr("merchants.sync.gaps.run_sync", busy)
            assert close_asked_gaps(account.pk) == 0
        assert Gap.objects.get().asked_at == NOON
        assert sync_account(account.pk, "SCHEDULE") == "DONE"
        assert not account.gaps.exists()

    def test_a_reading_that_fails_keeps_the_gap_and_the_wish(
        self, nearpay: Played, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        ask_to_close(gap=gap, by=alice, at=NOON)
        del nearpay.sandbox.worlds[DEMO_KEY]
        (run,) = close_gaps(account.pk)
        assert run.state == "FAILED"
        assert Gap.objects.get().asked_at == NOON

    def test_one_reading_closes_every_later_gap_of_the_same_resource(
        self, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        later = account.gaps.create(
            resource="transactions", since=NOON - timedelta(days=4), until=NOON - timedelta(days=3)
        )
        ask_to_close(gap=later, by=alice, at=NOON)
        ask_to_close(gap=gap, by=alice, at=NOON)
        assert len(close_gaps(account.pk)) == 1
        assert not account.gaps.exists()

    def test_one_from_the_beginning_reads_everything(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        Transaction.objects.all().delete()
        gap = account.gaps.create(resource="transactions", since=None, until=NOON)
        ask_to_close(gap=gap, by=alice, at=NOON)
        (run,) = close_gaps(account.pk)
        assert run.steps.get().since is None
        assert not account.gaps.exists()
        assert Transaction.objects.count() == run.steps.get().stored > 500

    def test_a_second_wish_changes_nothing(
        self, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        ask_to_close(gap=gap, by=alice, at=NOON)
        ask_to_close(gap=gap, by=alice, at=NOON + timedelta(hours=1))
        gap.refresh_from_db()
        assert gap.asked_at == NOON

    def test_a_paused_account_keeps_it(
        self, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        ask_to_close(gap=gap, by=alice, at=NOON)
        ProviderAccount.objects.update(state="PAUSED")
        with pytest.raises(NotActive):
            close_gaps(account.pk)
        assert close_asked_gaps(account.pk) == 0
        assert Gap.objects.get().asked_at == NOON

    def test_the_page_has_a_button_and_says_what_it_costs(
        self, account: ProviderAccount, alice: Membership, gap: Gap
    ) -> None:
        browser = Client()
        browser.force_login(alice.user)
        page = browser.get(f"/accounts/{account.pk}/").content.decode()
        assert f'action="/accounts/gaps/{gap.pk}/close/"' in page
        assert "Closing it reads about" in page
        assert browser.post(f"/accounts/gaps/{gap.pk}/close/").status_code == 302
        after = browser.get(f"/accounts/{account.pk}/").content.decode()
        assert f'action="/accounts/gaps/{gap.pk}/close/"' not in after
        assert "it is read as soon as a worker is free" in after


def test_the_head_of_a_list_says_when_a_gap_is_and_leads_managers_to_its_repair(
    account: ProviderAccount, alice: Membership, gap: Gap
) -> None:
    browser = Client()
    browser.force_login(alice.user)

    def head() -> str:
        text = browser.get("/transactions/").content.decode()
        found = text[text.index('class="fresh"') :]
        return found[: found.index("</div>")]

    # Twelve o'clock in Riyadh, six and nine days ago.
    assert re.findall(r"(\d+ Nov) <bdi[^>]*>([\d:]+)<", head())[-2:] == [
        ("12 Nov", "12:00"), ("15 Nov", "12:00"),
    ]  # fmt: skip
    assert f'href="/accounts/{account.pk}/"' in head()
    alice.role = "SUPPORT"
    alice.save()
    assert "15 Nov" in head()
    assert "/accounts/" not in head()


class TestCalendar:
    def states(self, account: ProviderAccount, zone: str = "Asia/Riyadh") -> dict[date, str]:
        marks = list(Bookmark.objects.filter(account=account, resource="transactions"))
        (row,) = calendar(marks, list(account.gaps.all()), zone, NOON)
        assert len(row.cells) == 30
        return {cell.day: cell.state for cell in row.cells}

    def test_a_day_with_a_gap_in_it_has_one(self, account: ProviderAccount, gap: Gap) -> None:
        states = self.states(account)
        assert {day for day, state in states.items() if state == "gap"} == {
            NOON.date() - timedelta(days=each) for each in (6, 7, 8, 9)
        }
        assert states[NOON.date()] == "part"
        assert states[NOON.date() - timedelta(days=1)] == "complete"

    def test_days_are_those_of_the_zone(self, account: ProviderAccount) -> None:
        """A gap from 20:30 to 20:45 UTC is of one day in Riyadh; from 21:15 of the next."""
        begin = NOON.replace(hour=20, minute=30) - timedelta(days=3)
        for hours, day in ((0, 18), (1, 19)):
            account.gaps.all().delete()
            since = begin + timedelta(hours=hours)
            account.gaps.create(
                resource="transactions", since=since, until=since + timedelta(minutes=15)
            )
            found = [day for day, state in self.states(account).items() if state == "gap"]
            assert found == [date(2026, 11, day)]

    def test_what_lies_behind_the_bookmark_is_not_read_yet(self, account: ProviderAccount) -> None:
        Bookmark.objects.update(complete_to=NOON - timedelta(days=3))
        states = self.states(account)
        assert [states[NOON.date() - timedelta(days=each)] for each in (4, 3, 2, 0)] == [
            "complete", "part", "later", "later",
        ]  # fmt: skip


class TestCost:
    def step(self, **given: Any) -> SyncStep:
        usual = {
            "resource": "transactions", "read": 30, "pages": 400, "state": "DONE",
            "since": NOON - timedelta(days=3), "started_at": NOON,
            "finished_at": NOON + timedelta(seconds=60), "order": "newest first",
        }  # fmt: skip
        return SyncStep(**{**usual, **given})

    def gap(self, days: float | None) -> Gap:
        since = None if days is None else NOON - timedelta(days=days)
        return Gap(resource="transactions", since=since, until=NOON)

    def test_is_by_the_density_of_the_last_window(self) -> None:
        cost = cost_of(self.gap(6), [self.step()], NOON)
        assert cost is not None
        assert (cost.pages, cost.seconds, cost.long) == (61, 122, False)

    def test_is_never_more_than_the_list(self) -> None:
        cost = cost_of(self.gap(300), [self.step()], NOON)
        assert cost is not None
        assert (cost.pages, cost.whole, cost.long) == (400, False, True)

    @pytest.mark.parametrize(("days", "given"), [(None, {}), (6, {"order": "unsorted"})])
    def test_is_all_of_it_where_the_list_is_read_wholly(self, days: Any, given: Any) -> None:
        cost = cost_of(self.gap(days), [self.step(**given)], NOON)
        assert cost is not None
        assert (cost.pages, cost.whole, cost.long) == (400, True, True)

    def test_is_at_most_all_of_it_before_a_window_was_read(self) -> None:
        """And no claim is made that the whole list has to be read."""
        first = self.step(since=None)
        cost = cost_of(self.gap(6), [first], NOON)
        assert cost is not None
        assert (cost.pages, cost.whole) == (400, False)
        later = cost_of(self.gap(6), [first, self.step()], NOON)
        assert later is not None
        assert later.pages == 61

    def test_is_not_known_before_the_first_reading(self) -> None:
        assert cost_of(self.gap(6), [self.step(resource="terminals")], NOON) is None
