"""Two who store the same rows at once, with real commits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connection
from msgspec import structs

from merchants.actions.accounts import opened
from merchants.models import Merchant, ProviderAccount
from merchants.sync import run_sync
from portal import isolation
from providers.base.reading import Item
from tests.conftest import NOON, QUICK
from tests.test_rollups import of_rollups, of_rows
from transactions.actions import prepare, store_transactions
from transactions.models import Transaction
from transactions.receipts import Example


def test_each_counts_a_row_out_of_the_day_where_the_other_put_it(
    committed: None, play: Any
) -> None:
    """A hint and a reading may move the same rows; no day in between goes on counting them."""
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    account = play(transactions=300).connect(merchant)
    run_sync(account.pk, limits=QUICK)
    connector: Any
    with opened(account, QUICK) as connector:
        refs = Transaction.objects.order_by("pk").values_list("ref", flat=True)[:20]
        found = [connector.find_transaction(ref) for ref in refs]

    def move(begin: int) -> None:
        own = ProviderAccount.objects.get(pk=account.pk)
        for step in range(12):
            records = []
            for record in found:
                at = record.occurred_at + timedelta(days=begin + step)
                moved = structs.replace(record, occurred_at=at, version_at=None)
                digest = f"{begin}:{step}".encode().ljust(16)
                records.append(
                    (
                        Item(record.ref, at, digest, b""),
                        prepare(moved, Example.of_provider("nearpay")),
                    )
                )
            store_transactions(own, records, NOON)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(isolation.everywhere()(move), (100, 200)))
    assert of_rollups() == of_rows()
