"""Reading a list page by page from a provider whose order, page size and filters are not known.

Nothing is assumed; the walk learns from what comes:

* The end is an empty page, or `current >= total` where the provider says a total. An empty page
  is asked for again, and followed by the next one where the list should go on.
* A list is read newest first, oldest first (then from its last page backwards, because it grows
  at its end) or, where neither shows or the last page cannot be told, wholly.
* Before it stops early, it looks at pages further on: a list sorted by something else only looks
  sorted for a while.
* Page numbers shift when rows are added or removed. Rows that are met twice are dropped; when
  they show a shift that additions alone do not explain, the walk goes over the list once more.
* A page that brings nothing new is asked for again; a list that goes in circles ends the walk,
  which then does not claim to be complete.
"""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import msgspec

from providers.base.errors import Unreadable
from providers.base.reading import Item

# Rows may stand this far from where their time would put them: providers accept late rows.
MOST_DISORDER = timedelta(hours=72)
# Pages that must lie wholly before the period before the walk believes it has passed it.
PAGES_PASSED = 2
# Where in the rest of the list it then looks. Uneven on purpose: a list of equal blocks, terminal
# after terminal, could look sorted to even steps.
PROBES = (0.07, 0.19, 0.31, 0.46, 0.58, 0.71, 0.83, 1.0)
MOST_CIRCLES = 3
# How often one page is asked for before it is believed that it brings nothing new.
MOST_ASKED = 4
# Pages in a row, empty however often they are asked for, that end a list before its total.
MOST_EMPTY = 4
MOST_PASSES = 3
MOST_PAGES = 1_000_000


class Order(Enum):
    """How a list turned out to be sorted."""

    NEWEST_FIRST = "newest first"
    OLDEST_FIRST = "oldest first"
    UNSORTED = "unsorted"
    UNKNOWN = "too short to tell"


class Page(msgspec.Struct, frozen=True):
    """One page as it came. `total` is its number of pages where the provider says one."""

    number: int
    items: list[Item]
    total: int | None = None
    at: datetime | None = None
    # The number under which the provider itself gave it, where it says so.
    current: int | None = None


@dataclass(frozen=True)
class Batch:
    """New items of one page. `complete_to` is set on the last one only, and only when all of the
    period has been delivered: everything up to that time on the provider's clock."""

    items: list[Item]
    page: int
    pages: int | None
    read: int
    complete_to: datetime | None = None
    order: Order = Order.UNKNOWN
    # Whether every row of the list was delivered, and not only those of the period.
    whole: bool = False
    # The terminals that were looked at wholly, and those of which the provider would not say what
    # has ended; by tid.
    looked: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


Fetch = Callable[[int], Page]


def walk(fetch: Fetch, *, since: datetime | None, fetchers: int = 4) -> Generator[Batch]:
    """Deliver every item whose time is at or after `since` (or all), and some before it."""
    with ThreadPoolExecutor(max(fetchers, 1), thread_name_prefix="fetch") as pool:
        walker = _Walk(fetch, since, fetchers, pool)
        try:
            yield from walker.run()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Trend:
    """How well the times met so far agree with one order."""

    def __init__(self) -> None:
        self.rising = self.falling = 0
        self._last: datetime | None = None
        self._edge: datetime | None = None
        self.disorder = timedelta(0)

    def add(self, times: Iterable[datetime]) -> None:
        for at in times:
            if self._last is not None:
                self.rising += at > self._last
                self.falling += at < self._last
            self._last = at

    def spread(self, times: Iterable[datetime]) -> None:
        """Note how far each time stands behind the walk, which goes towards the past."""
        for at in times:
            if self._edge is None or at < self._edge:
                self._edge = at
            elif at - self._edge > self.disorder:
                self.disorder = at - self._edge

    def order(self) -> Order:
        steps = self.rising + self.falling
        if steps < 3:
            return Order.UNKNOWN
        if self.falling >= 0.9 * steps:
            return Order.NEWEST_FIRST
        if self.rising >= 0.9 * steps:
            return Order.OLDEST_FIRST
        return Order.UNSORTED


class _Walk:
    def __init__(
        self, fetch: Fetch, since: datetime | None, fetchers: int, pool: ThreadPoolExecutor
    ) -> None:
        self.fetch, self.since, self.ahead, self.pool = fetch, since, fetchers, pool
        # 64-bit hashes: a set of a million texts would weigh ten times as much.
        self.seen: set[int] = set()
        # The same for the present pass alone: a second pass meets what the first has delivered.
        self.met: set[int] = set()
        self.read = 0
        self.shifted = False
        self.circling = False
        self.backwards = False
        # Whether the page before brought nothing new, though it was not empty.
        self.stale = False
        self.astray = 0
        self.total: int | None = None
        self.order = Order.UNKNOWN

    def run(self) -> Generator[Batch]:
        first = self._first()
        started_at = first.at or max((i.at for i in first.items if i.at), default=None)
        newest = started_at
        whole = True
        for _ in range(MOST_PASSES):
            self.shifted = self.stale = False
            fresh = 0
            trend = _Trend()
            trend.add(_times(first))
            self.order = trend.order()
            self.backwards = self.order is Order.OLDEST_FIRST and (self.total or 0) > 1
            pages = self._backwards(first) if self.backwards else self._forwards(first)
            passed = 0
            whole = True
            for page in pages:
                new = self._new(page)
                fresh += len(new)
                times = _times(page)
                newest = max([newest, *times]) if newest else max(times, default=None)
                trend.spread(reversed(times) if self.backwards else times)
                yield Batch(new, page.number, self.total, self.read, order=self.order)
                passed = passed + 1 if self._lies_before(page, trend) else 0
                if passed >= PAGES_PASSED and self._rest_lies_before(page):
                    whole = False
                    break
            if self.circling or self.astray:
                raise Unreadable(
                    "The provider's list goes in circles: its pages bring nothing new."
                )
            if not self.shifted or not fresh:
                break
            # Still moving after the last pass: what it hid is for another whole reading to find.
            whole = False
            self.met = set()
            first = self._first()
        complete_to = first.at if started_at is None else started_at
        yield Batch([], 0, self.total, self.read, complete_to or newest, self.order, whole)

    def _first(self) -> Page:
        """The first page, which is empty only where the list is."""
        return self._believed(self._get(1))

    def _get(self, number: int) -> Page:
        page = self.fetch(number)
        self._note(page)
        return page

    def _note(self, page: Page) -> None:
        self.read += 1
        if page.total is not None:
            if self.total is not None and page.total < self.total:
                self.shifted = True
            self.total = page.total

    def _forwards(self, first: Page) -> Iterator[Page]:
        yield first
        if self._ends(first):
            return
        circles = empty = 0
        for page in self._ahead(itertools.count(2)):
            page = self._believed(page)
            if not page.items:
                empty += 1
                # Some providers count rows where they should count pages, and end like this too.
                if self._ends(page) or self.total is None or empty >= MOST_EMPTY:
                    return
                continue
            # The list goes on behind a page that stayed empty: its rows are missing.
            self.astray += empty
            empty = 0
            circles = 0 if self._has_new(page) else circles + 1
            if circles >= MOST_CIRCLES:
                # A short page met again and again is how some providers answer past the end.
                self.circling = self.total is not None or len(page.items) >= len(first.items)
                return
            yield page
            if self._ends(page) or page.number >= MOST_PAGES:
                return

    def _believed(self, page: Page) -> Page:
        """Ask again for a page that is empty, another, or brings nothing new."""
        for asked in range(1, MOST_ASKED):
            if not page.items:
                # What lies beyond the total is empty, and without one the second answer counts.
                # A page that the total counts has rows, so it is asked for as often as may be.
                if page.number > self.total if self.total is not None else asked > 1:
                    return page
            elif not self._is_another(page) and self._has_new(page):
                return page
            page = self._get(page.number)
        self.astray += self._is_another(page)
        return page

    def _is_another(self, page: Page) -> bool:
        """Whether a page within the list came under another number than was asked for."""
        return page.current not in (None, page.number) and page.number <= (self.total or 0)

    def _ends(self, page: Page) -> bool:
        return self.total is not None and page.number >= self.total

    def _backwards(self, first: Page) -> Iterator[Page]:
        circles = 0
        done, last = 1, self._last(1)
        while last > done:
            for page in self._ahead(iter(range(last, done, -1))):
                page = self._believed(page)
                if not page.items:
                    self.astray += page.number < last
                    continue
                circles = 0 if self._has_new(page) else circles + 1
                if circles >= MOST_CIRCLES:
                    self.circling = True
                    return
                yield page
            # The list may have grown past what was its last page.
            done, last = last, self._last(last)
        yield first

    def _last(self, known: int) -> int:
        """The last page that has rows, at least `known`; the total is not always one of pages."""
        total = min(self.total or known, MOST_PAGES)
        if total <= known or self._has_rows(total):
            return max(total, known)
        while total - known > 1:
            middle = (known + total) // 2
            known, total = (middle, total) if self._has_rows(middle) else (known, middle)
        return known

    def _has_rows(self, number: int) -> bool:
        return bool(self._get(number).items or self._get(number).items)

    def _ahead(self, numbers: Iterator[int]) -> Iterator[Page]:
        """Fetch pages in order, some at once."""
        under_way: deque[Future[Page]] = deque()
        try:
            while True:
                while len(under_way) < self.ahead:
                    number = next(numbers, None)
                    if number is None or (self.total is not None and number > self.total):
                        break
                    under_way.append(self.pool.submit(self.fetch, number))
                if not under_way:
                    return
                page = under_way.popleft().result()
                self._note(page)
                yield page
        finally:
            for future in under_way:
                future.cancel()

    def _has_new(self, page: Page) -> bool:
        return any(hash(item.ref or item.digest) not in self.met for item in page.items)

    def _new(self, page: Page) -> list[Item]:
        new: list[Item] = []
        met: list[bool] = []
        for item in page.items:
            key = hash(item.ref or item.digest)
            met.append(key in self.met)
            self.met.add(key)
            if key not in self.seen:
                self.seen.add(key)
                new.append(item)
        if page.items and all(met):
            self.stale = True
        elif self.stale:
            # A page stood under its neighbour's number as well, and what it hid is met next time.
            self.shifted, self.stale = True, False
        if any(met) and not all(met):
            # Rows added at the head push others onto the next page: they stand at its top.
            pushed = met.index(False)
            if self.order is not Order.NEWEST_FIRST or any(met[pushed:]):
                self.shifted = True
        return new

    def _lies_before(self, page: Page, trend: _Trend) -> bool:
        # A list whose newest rows stand at an end that cannot be told is read wholly.
        if self.since is None or not (self.backwards or self.order is Order.NEWEST_FIRST):
            return False
        if trend.disorder > MOST_DISORDER:
            self.order = Order.UNSORTED
            return False
        times = _times(page)
        # A row whose time is unclear could be of the period.
        if len(times) < len(page.items):
            return False
        return bool(times) and max(times) < self.since - trend.disorder

    def _rest_lies_before(self, page: Page) -> bool:
        """Look at pages further on: in the order that was learned, all of them are older."""
        assert self.since is not None
        if self.backwards:
            far = [int(page.number * (1 - part)) for part in PROBES[:-1]] + [1]
        elif self.total is not None:
            rest = self.total - page.number
            far = [page.number + int(rest * part) for part in PROBES]
        else:
            far = [page.number + 2**step for step in range(1, 15)]
        edge = max(_times(page))
        for probe in self.pool.map(self.fetch, [n for n in dict.fromkeys(far) if n > 0]):
            self.read += 1
            times = _times(probe)
            if not probe.items:
                break
            if len(times) < len(probe.items) or max(times) > edge + MOST_DISORDER:
                self.order = Order.UNSORTED
                return False
            if max(times) >= self.since:
                return False
            edge = max(times)
        return True


def _times(page: Page) -> list[datetime]:
    return [item.at for item in page.items if item.at is not None]
