"""Stored receipts: small, whole again, and safe from many threads at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, transaction

from providers.base.registry import providers
from transactions.models import Receipt, ReceiptDictionary
from transactions.receipts import dictionary_of, pack, unpack

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
