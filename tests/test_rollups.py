"""Roll-ups equal the sums of the rows after every sync, whatever has happened to the rows."""

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from merchants.models import Branch
from merchants.sync import Ask, run_sync
from tests.conftest import NOON, PROVE, QUICK
from transactions.models import DayTotal, DeclineTotal, HourTotal, Transaction
from transactions.rollups import refresh

pytestmark = pytest.mark.django_db


def of_rows() -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """What the rows add up to, told row by row."""
    days: Counter[Any] = Counter()
    hours: Counter[Any] = Counter()
    declines: Counter[Any] = Counter()
    for row in Transaction.objects.select_related("branch").order_by("pk"):
        cell = (row.account_id, row.branch_id, row.business_day)
        day = (*cell, row.scheme, row.currency)
        zone = ZoneInfo(row.branch.zone if row.branch else "Asia/Riyadh")
        hour = (*cell, row.occurred_at.astimezone(zone).hour, row.currency)
        captured = row.captured_minor or 0
        word = (row.kind, row.status)
        if word == ("PURCHASE", "APPROVED"):
            days[*day, "sales"] += 1
            days[*day, "sales_minor"] += captured
            hours[*hour, "sales"] += 1
            hours[*hour, "sales_minor"] += captured
        elif word == ("REFUND", "APPROVED"):
            days[*day, "refunds"] += 1
            days[*day, "refunds_minor"] += captured
        elif word == ("PURCHASE", "DECLINED"):
            days[*day, "declined"] += 1
            hours[*hour, "declined"] += 1
            declines[*cell, row.action_code or "", row.currency, "declined"] += 1
            declines[*cell, row.action_code or "", row.currency, "amount_minor"] += row.amount_minor
        elif row.status == "REVERSED" and row.kind != "OTHER":
            days[*day, "reversed"] += 1
        else:
            days[*day, "other"] += 1
    return +days, +hours, +declines


def stored(model: Any, key: str, names: tuple[str, ...]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for row in model.objects.order_by("pk"):
        cell = (row.account_id, row.branch_id, row.day, getattr(row, key), row.currency)
        for name in names:
            found[*cell, name] += getattr(row, name)
    return +found


def of_rollups() -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    days = ("sales", "sales_minor", "refunds", "refunds_minor", "declined", "reversed", "other")
    return (
        stored(DayTotal, "scheme", days),
        stored(HourTotal, "hour", ("sales", "sales_minor", "declined")),
        stored(DeclineTotal, "action_code", ("declined", "amount_minor")),
    )


def test_a_first_sync_and_a_day_of_changes(play: Any, merchant: Any) -> None:
    nearpay = play(transactions=6000 if PROVE else 1500)
    account = nearpay.connect(merchant)
    run_sync(account.pk, limits=QUICK)
    assert of_rollups() == of_rows()
    assert of_rows()[0]
    nearpay.sandbox.clock.move(timedelta(hours=30))
    run_sync(account.pk, limits=QUICK)
    assert of_rollups() == of_rows()


@pytest.mark.parametrize("fault", ["late", "shift", "enum", "missing"])
def test_late_rows_and_rows_that_change_their_meaning(play: Any, merchant: Any, fault: str) -> None:
    nearpay = play(transactions=1500, faults={fault: 0.3})
    account = nearpay.connect(merchant)
    run_sync(account.pk, limits=QUICK)
    assert of_rollups() == of_rows()
    nearpay.sandbox.faults.rates = {}
    nearpay.sandbox.world.held_back, nearpay.sandbox.world.late_rate = 0, 0
    run_sync(account.pk, Ask(deep=True), limits=QUICK)
    assert of_rollups() == of_rows()


def test_a_row_that_moves_to_another_day_and_branch_leaves_its_old_ones(
    play: Any, merchant: Any
) -> None:
    """What the next sync corrects had been counted where it stood."""
    nearpay = play(transactions=600)
    account = nearpay.connect(merchant)
    run_sync(account.pk, limits=QUICK)
    rows = list(Transaction.objects.order_by("pk")[:40])
    other = Branch.objects.create(merchant=merchant, name="Elsewhere", zone="Asia/Riyadh")
    cells = {(row.branch_id, row.business_day) for row in rows}
    moved = {(other.pk, NOON.date())}
    with transaction.atomic():
        Transaction.objects.filter(pk__in=[row.pk for row in rows]).update(
            branch=other, business_day=NOON.date(), content_hash=b"x" * 16, version_at=None
        )
        refresh(account, cells | moved, "Asia/Riyadh")
    assert of_rollups() == of_rows()
    assert DayTotal.objects.filter(branch=other).exists()
    run_sync(account.pk, Ask(deep=True), limits=QUICK)
    assert not Transaction.objects.filter(branch=other).exists()
    assert of_rollups() == of_rows()
    assert not DayTotal.objects.filter(branch=other).exists()


def test_a_batch_costs_the_same_queries_whatever_it_touches(
    play: Any, merchant: Any, django_assert_max_num_queries: Any
) -> None:
    nearpay = play(transactions=600)
    account = nearpay.connect(merchant)
    run_sync(account.pk, limits=QUICK)
    cells = set(Transaction.objects.values_list("branch_id", "business_day").distinct().order_by())
    assert len(cells) > 50
    # Four, and two for the transaction.
    with django_assert_max_num_queries(6), transaction.atomic():
        refresh(account, cells, "Asia/Riyadh")
    assert of_rollups() == of_rows()
