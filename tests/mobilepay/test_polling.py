"""Two thousand points of sale, of which one in twenty is busy: how much is asked, and how old is
what is known.

The clock is the test's own: a look takes as long as the account's limit lets its requests take.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.models import Bookmark, Membership, ProviderAccount
from terminals.models import Terminal
from tests.conftest import PROVE
from transactions.actions.following import LOOK_BUSY, LOOK_QUIET, note_looks, watch_of

PER_MINUTE, BUSY_ONES = 1200, 20
ALL = 2000 if PROVE else 1000
TICK, FIRST = timedelta(seconds=5), timedelta(minutes=20)
HOURS = 2 if PROVE else 1


@pytest.fixture
def account(play: Any, merchant: Any) -> ProviderAccount:
    found: ProviderAccount = play(now=None, transactions=50).connect_mobilepay(merchant)
    Terminal.objects.filter(account=found).delete()
    at = timezone.now()
    Terminal.objects.bulk_create(
        Terminal(
            merchant=merchant, account=found, tid=f"T{number}", ref=f"pos-{number}", learned_at=at,
            # It sells all the time.
            last_seen_at=at + timedelta(days=1) if number % BUSY_ONES == 0 else None,
        )
        for number in range(ALL)
    )  # fmt: skip
    return found


def test_they_are_looked_at_within_the_limit_and_nothing_is_known_for_long(
    account: ProviderAccount, alice: Membership, client: Client
) -> None:
    assert ProviderAccount._meta.get_field("requests_per_minute").get_default() == PER_MINUTE
    account.requests_per_minute = PER_MINUTE
    account.save(update_fields=["requests_per_minute"])
    begin = now = timezone.now()
    asked: list[tuple[float, int]] = []
    oldest = {True: timedelta(0), False: timedelta(0)}
    while now < begin + timedelta(hours=HOURS):
        watch = watch_of(account, now, fetchers=4)
        requests = 2 * len(watch.tids) + len(watch.payments)
        took = timedelta(minutes=requests / PER_MINUTE)
        for tid, looked_at, seen in Terminal.objects.filter(
            account=account, tid__in=watch.tids
        ).values_list("tid", "looked_at", "last_seen_at"):
            assert tid
            # The first round over all of them takes its time.
            if looked_at is not None and now - begin > FIRST:
                oldest[seen is not None] = max(oldest[seen is not None], now + took - looked_at)
        account.known["looked"].update(asked=[], looked=list(watch.tids), missed=[])
        complete_to = note_looks(account, now + took)
        asked.append(((now - begin).total_seconds(), requests))
        now += max(took, TICK)
    assert complete_to is not None
    minutes = [
        sum(count for at, count in asked if 60 * minute <= at < 60 * (minute + 1))
        for minute in range(FIRST.seconds // 60, 60 * HOURS)
    ]
    # In the steady state it is far below, and never above.
    assert max(minutes) <= PER_MINUTE
    assert sum(minutes) / len(minutes) < 0.6 * PER_MINUTE
    assert oldest[True] < LOOK_BUSY + timedelta(seconds=45)
    assert oldest[False] < LOOK_QUIET + timedelta(seconds=45)
    mark = Bookmark.objects.get(account=account, resource="transactions")
    assert now - mark.complete_to < LOOK_QUIET + timedelta(minutes=1)
    # And how old it is stands on the page.
    client.force_login(alice.user)
    page = client.get(reverse("terminals:list")).content.decode()
    assert re.search(r"complete to <b>", page)
