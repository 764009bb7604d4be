"""Stored receipts: small, whole again, and safe from many threads at once."""

import statistics
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from merchants.models import Membership
from merchants.sync import Ask, run_sync
from portal import isolation
from providers.base.registry import providers
from tests.conftest import QUICK
from transactions.models import Receipt, ReceiptDictionary
from transactions.receipts import OF_ONE, dictionary_of, pack, unpack

EXAMPLE = providers()["nearpay"].receipt_example
FIELDS = {"rrn": "632514030967", "amount": "287.50", "status": "APPROVED", "scheme_ar": "مدى"}


def stored(fields: dict[str, str]) -> Receipt:
    return Receipt(dictionary=ReceiptDictionary(example=EXAMPLE), body=pack(fields, EXAMPLE))


def test_what_was_packed_comes_back() -> None:
    assert unpack(stored(FIELDS)) == FIELDS


def test_many_threads_do_not_garble_each_other() -> None:
    def there_and_back(number: int) -> bool:
        fields = FIELDS | {"stan": str(number), "text": "x" * (number % 150)}
        return unpack(stored(fields)) == fields

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(4000)))


@pytest.mark.django_db
def test_the_dictionary_is_one_row_and_stays() -> None:
    first = dictionary_of("nearpay")
    assert dictionary_of("nearpay").pk == first.pk
    assert bytes(first.example) == EXAMPLE
    for change in (first.delete, lambda: ReceiptDictionary.objects.update(example=b"")):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            change()
    assert bytes(dictionary_of("nearpay").example) == EXAMPLE


@pytest.mark.django_db
def test_what_an_accounts_receipts_have_in_common_is_kept_once_and_nothing_of_one(
    play: Any, alice: Membership, mallory: Membership
) -> None:
    nearpay = play(transactions=4000, terminals=6)
    account = nearpay.connect(alice.merchant)
    run_sync(account.pk, limits=QUICK)
    row = ReceiptDictionary.objects.get(account=account)
    shared = bytes(row.example).removesuffix(EXAMPLE)
    with_it = Receipt.objects.filter(dictionary=row).select_related("dictionary", "transaction")
    assert with_it.count() > 100
    for each in with_it:
        slip = unpack(each)
        assert slip["rrn"] == each.transaction.rrn
        for name in OF_ONE & slip.keys() - {"amount_other"}:
            assert f'"{name}":"{slip[name]}"'.encode() not in shared
    before = Receipt.objects.filter(dictionary__account=None).values_list("body", flat=True)
    mean = statistics.mean(len(each.body) for each in with_it)
    assert mean < 0.7 * statistics.mean(len(body) for body in before)
    # It is made once, and is nobody else's.
    run_sync(account.pk, Ask(deep=True), limits=QUICK)
    assert ReceiptDictionary.objects.filter(account=account).count() == 1
    with isolation.of(mallory.merchant_id):
        assert not ReceiptDictionary.objects.filter(pk=row.pk).exists()
