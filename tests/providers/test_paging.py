"""A walk over pages delivers every row of any list, or says that it did not (F7, F8)."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base.errors import Unreadable
from providers.base.paging import Batch, Order, Page, walk
from providers.base.reading import Item

START = datetime(2026, 1, 1, tzinfo=UTC)


def row(number: int, minutes: float) -> Item:
    return Item(f"r{number}", START + timedelta(minutes=minutes), str(number).encode(), b"")


class Provider:
    """A list in memory that is cut into pages as some provider might."""

    def __init__(
        self, rows: list[Item], *, order: str = "newest", size: int = 10, total: bool = True
    ) -> None:
        self.rows, self.order, self.size, self.total = list(rows), order, size, total
        self.asked = 0
        self.between: list[Item] = []
        self.random = random.Random(5)
        self.per_page = 0

    def fetch(self, number: int) -> Page:
        self.asked += 1
        for _ in range(min(self.per_page, len(self.between))):
            self.rows.append(self.between.pop())
        rows = self._sorted()
        first = (number - 1) * self.size
        pages = max(1, -(-len(rows) // self.size))
        found = rows[first : first + self.size]
        return Page(number, found, pages if self.total else None, START + timedelta(days=365))

    def _sorted(self) -> list[Item]:
        def at(item: Item) -> datetime:
            assert item.at is not None
            return item.at

        if self.order == "newest":
            return sorted(self.rows, key=at, reverse=True)
        if self.order == "oldest":
            return sorted(self.rows, key=at)
        if self.order == "ties":
            return sorted(
                self.rows,
                key=lambda item: (-int(at(item).timestamp() // 3600), self.random.random()),
            )
        return sorted(self.rows, key=lambda item: hash((item.ref, 3)))


def read(provider: Provider, since: datetime | None = None) -> tuple[set[str], list[Batch]]:
    batches = list(walk(provider.fetch, since=since, fetchers=1))
    refs = [item.ref for batch in batches for item in batch.items if item.ref]
    assert len(refs) == len(set(refs)), "a row was delivered twice"
    return set(refs), batches


class TestWholeList:
    @pytest.mark.parametrize("order", ["newest", "oldest", "hashed"])
    @pytest.mark.parametrize("total", [True, False])
    @pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95, 100])
    def test_is_delivered_once(self, order: str, total: bool, count: int) -> None:
        provider = Provider([row(i, i) for i in range(count)], order=order, total=total)
        refs, batches = read(provider)
        assert refs == {f"r{i}" for i in range(count)}
        last = batches[-1]
        assert last.complete_to == START + timedelta(days=365)
        assert last.whole

    @given(
        count=st.integers(0, 120),
        size=st.integers(3, 30),
        order=st.sampled_from(["newest", "oldest", "hashed"]),
        total=st.booleans(),
        added=st.integers(0, 60),
        per_page=st.integers(1, 50),
    )
    def test_survives_rows_added_while_it_is_read(
        self, count: int, size: int, order: str, total: bool, added: int, per_page: int
    ) -> None:
        """F8: of the rows that were there when the walk began, none is missing."""
        provider = Provider([row(i, i) for i in range(count)], order=order, size=size, total=total)
        provider.between = [row(1000 + i, 10_000 + i) for i in range(added)]
        provider.per_page = per_page
        try:
            refs, _ = read(provider)
        except Unreadable:
            # A list that moved by whole pages under the walk: it does not claim to be complete.
            assert added >= size
            return
        if order != "hashed":
            assert refs >= {f"r{i}" for i in range(count)}
        provider.per_page = 0
        again, _ = read(provider)
        assert again == {item.ref for item in provider.rows}

    @given(count=st.integers(20, 80), size=st.integers(4, 15))
    def test_ties_are_found_by_reading_again(self, count: int, size: int) -> None:
        provider = Provider([row(i, i // 6 * 60) for i in range(count)], order="ties", size=size)
        found: set[str] = set()
        for _ in range(40):
            refs, _ = read(provider)
            found |= refs
            if len(found) == count:
                return
        raise AssertionError("a row stayed hidden")


class TestPeriod:
    def test_newest_first_stops_after_the_period(self) -> None:
        provider = Provider([row(i, i * 60) for i in range(3000)])
        refs, batches = read(provider, since=START + timedelta(minutes=60 * 2900))
        assert refs >= {f"r{i}" for i in range(2900, 3000)}
        assert provider.asked < 40
        assert batches[-1].order is Order.NEWEST_FIRST
        assert not batches[-1].whole

    def test_oldest_first_is_read_from_its_end(self) -> None:
        provider = Provider([row(i, i * 60) for i in range(3000)], order="oldest")
        refs, _ = read(provider, since=START + timedelta(minutes=60 * 2900))
        assert refs >= {f"r{i}" for i in range(2900, 3000)}
        assert provider.asked < 40

    def test_unsorted_is_read_whole(self) -> None:
        provider = Provider([row(i, i * 600) for i in range(500)], order="hashed")
        refs, batches = read(provider, since=START + timedelta(minutes=600 * 490))
        assert len(refs) == 500
        assert batches[-1].order is Order.UNSORTED

    def test_a_list_that_only_looks_sorted_is_found_out(self) -> None:
        """Terminal after terminal, each newest first: its first pages look like the whole."""
        rows = [row(t * 1000 + i, i * 60) for t in range(5) for i in range(400)]

        class ByTerminal(Provider):
            def _sorted(self) -> list[Item]:
                def key(item: Item) -> tuple[int, float]:
                    assert item.ref is not None
                    assert item.at is not None
                    return int(item.ref[1:]) // 1000, -item.at.timestamp()

                return sorted(self.rows, key=key)

        since = START + timedelta(minutes=60 * 350)
        refs, _ = read(ByTerminal(rows), since=since)
        assert refs >= {item.ref for item in rows if item.at and item.at >= since}

    def test_late_rows_in_the_order_of_their_arrival_are_met(self) -> None:
        rows = [row(i, i * 60) for i in range(1000)]
        late = row(5000, 960 * 60)

        class ByArrival(Provider):
            def _sorted(self) -> list[Item]:
                return [late, *super()._sorted()]

        refs, _ = read(ByArrival(rows), since=START + timedelta(minutes=60 * 950))
        assert "r5000" in refs


class TestCircles:
    def test_one_page_for_ever_is_not_complete(self) -> None:
        stuck = Page(7, [row(i, -i) for i in range(10)], 40, None, 7)
        with pytest.raises(Unreadable):
            list(walk(lambda number: stuck, since=None, fetchers=2))

    def test_one_page_for_ever_without_a_total_is_not_complete(self) -> None:
        stuck = Page(7, [row(i, -i) for i in range(10)], None, None)
        with pytest.raises(Unreadable):
            list(walk(lambda number: stuck, since=None, fetchers=1))

    def test_a_page_that_comes_twice_once_is_asked_for_again(self) -> None:
        provider = Provider([row(i, i) for i in range(50)])
        slips = {3}

        def fetch(number: int) -> Page:
            wrong = number - 1 if number in slips else number
            slips.discard(number)
            page = provider.fetch(wrong)
            return Page(number, page.items, page.total, page.at, wrong)

        batches = list(walk(fetch, since=None, fetchers=1))
        assert {item.ref for batch in batches for item in batch.items} == {
            f"r{i}" for i in range(50)
        }

    def test_the_fetchers_stop_when_the_reader_does(self) -> None:
        provider = Provider([row(i, i) for i in range(500)])
        batches = walk(provider.fetch, since=None, fetchers=4)
        next(batches)
        next(batches)
        batches.close()
        assert provider.asked <= 8


class TestWhatCannotBeTold:
    @pytest.mark.parametrize("order", ["newest", "oldest", "hashed"])
    @pytest.mark.parametrize("total", [True, False])
    @pytest.mark.parametrize("apart", [1, 60])
    def test_no_new_row_is_missed(self, order: str, total: bool, apart: int) -> None:
        """A list that grows at an end which nobody names is read to that end."""
        rows = [row(i, i * apart) for i in range(3000)]
        since = START + timedelta(minutes=2800 * apart)
        refs, batches = read(Provider(rows, order=order, total=total), since)
        assert {f"r{i}" for i in range(2800, 3000)} <= refs
        assert batches[-1].complete_to is not None

    @pytest.mark.parametrize("total", [True, False])
    def test_a_page_under_its_neighbours_number_is_noticed(self, total: bool) -> None:
        provider = Provider([row(i, i) for i in range(300)], total=total)
        fetch, wrong = provider.fetch, {5: 1}

        def swapped(number: int) -> Page:
            if wrong.get(number):
                wrong[number] -= 1
                return Page(number, fetch(number + 1).items, fetch(number).total, START)
            return fetch(number)

        found = {i.ref for batch in walk(swapped, since=None, fetchers=1) for i in batch.items}
        assert found == {f"r{i}" for i in range(300)}

    def test_one_empty_page_is_not_the_end(self) -> None:
        provider = Provider([row(i, i) for i in range(300)])
        fetch, empty = provider.fetch, [5]

        def once(number: int) -> Page:
            page = fetch(number)
            if number in empty:
                empty.remove(number)
                return Page(number, [], page.total, page.at)
            return page

        found = {i.ref for batch in walk(once, since=None, fetchers=1) for i in batch.items}
        assert found == {f"r{i}" for i in range(300)}
        empty += [5] * 20
        with pytest.raises(Unreadable):
            list(walk(once, since=None, fetchers=1))

    @pytest.mark.parametrize("order", ["newest", "oldest"])
    @pytest.mark.parametrize("number", [1, 2, 29, 30])
    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_a_page_that_is_empty_for_a_while_is_read_wherever_it_stands(
        self, order: str, number: int, times: int
    ) -> None:
        provider = Provider([row(i, i) for i in range(300)], order=order)
        fetch, left = provider.fetch, [times]

        def once(asked: int) -> Page:
            page = fetch(asked)
            if asked == number and left[0]:
                left[0] -= 1
                return Page(asked, [], page.total, page.at)
            return page

        found = {i.ref for batch in walk(once, since=None, fetchers=1) for i in batch.items}
        assert found == {f"r{i}" for i in range(300)}

    def test_an_empty_list_is_asked_for_no_more_than_it_must(self) -> None:
        provider = Provider([])
        batches = list(walk(provider.fetch, since=None, fetchers=1))
        assert [item for batch in batches for item in batch.items] == []
        assert batches[-1].whole
        assert provider.asked <= 4

    @pytest.mark.parametrize("order", ["newest", "oldest"])
    def test_some_empty_pages_in_a_row_are_not_the_end_either(self, order: str) -> None:
        """Asked for again they stay empty, so the rows behind them show that some are missing."""
        provider = Provider([row(i, i) for i in range(300)], order=order)
        fetch = provider.fetch

        def holes(number: int) -> Page:
            page = fetch(number)
            return Page(number, [] if number in (7, 8, 9) else page.items, page.total, page.at)

        with pytest.raises(Unreadable):
            list(walk(holes, since=None, fetchers=1))

    @pytest.mark.parametrize("order", ["newest", "oldest"])
    def test_a_total_that_counts_rows_costs_a_few_calls(self, order: str) -> None:
        provider = Provider([row(i, i) for i in range(300)], order=order)
        fetch = provider.fetch

        def mistaken(number: int) -> Page:
            page = fetch(number)
            return Page(number, page.items, 10**9, page.at)

        found = {i.ref for batch in walk(mistaken, since=None, fetchers=1) for i in batch.items}
        assert found == {f"r{i}" for i in range(300)}
        assert provider.asked < 130

    def test_one_page_in_twenty_that_repeats_does_not_end_a_long_list(self) -> None:
        for seed in range(5):
            provider = Provider([row(i, i) for i in range(5000)])
            rng = random.Random(seed)
            fetch = provider.fetch

            def repeating(number: int, rng: random.Random = rng, fetch: Any = fetch) -> Page:
                shown = number - 1 if number > 1 and rng.random() < 0.05 else number
                page = fetch(shown)
                return Page(number, page.items, page.total, page.at, shown)

            batches = walk(repeating, since=None, fetchers=1)
            found = {i.ref for batch in batches for i in batch.items}
            assert len(found) == 5000
