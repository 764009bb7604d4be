"""An item that cannot be read is set aside, whatever is wrong with it; the others are read."""

import json
from typing import Any

import msgspec
import pytest

from providers.base import reading
from providers.base.errors import Unreadable
from providers.base.personal import without_cpr
from providers.base.reading import without_cards
from providers.base.sandbox import Options, sandboxes
from providers.nearpay import payloads, translate
from providers.nearpay.sandbox import render
from tests.conftest import NOON


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """A transaction as the provider sends it."""
    sandbox = sandboxes(Options(now=NOON, transactions=50, terminals=4))["nearpay"]
    found: dict[str, Any] = json.loads(
        render.transaction(sandbox.world, 3, NOON)  # type: ignore[attr-defined]
    )
    return found


def read(*raw: bytes) -> reading.Reading[Any]:
    items = reading.cut([msgspec.Raw(each) for each in raw], "1")
    return reading.read(items, payloads.Transaction, translate.transaction)


class TestItem:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("id", b"5"),
            ("id", b'""'),
            ("id", b'"a\\u0000b"'),
            ("id", b'"' + b"x" * 201 + b'"'),
            ("id", b'"\xff"'),
            ("created_at", b'"2026-11-21T09:00:00"'),
            ("created_at", b'"0001-01-01T00:00:00+14:00"'),
            ("created_at", b'"9999-12-31T23:59:59-14:00"'),
            ("created_at", b'"28/09/2023 10:00"'),
            ("customer_reference_number", b'"\\ud83d"'),
            ("customer_reference_number", b'"\xd8"'),
            ("customer_reference_number", b'"tab\tin it"'),
            ("customer_reference_number", b"NaN"),
        ],
    )
    def test_is_set_aside_alone(self, whole: dict[str, Any], name: str, value: bytes) -> None:
        good = json.dumps(whole).encode()
        bad = json.dumps({**whole, name: "HERE"}).encode().replace(b'"HERE"', value)
        found = read(bad, good, bad.replace(b'"receipts"', b'"x":1,"receipts"'))
        assert [record.ref for _, record in found.records] == [whole["id"]]
        assert len(found.rejected) == 2
        assert all(0 < len(each.key) <= 200 and "\x00" not in each.key for each in found.rejected)
        if name == "id":
            # Without a reference each has a key of its own.
            assert found.rejected[0].key != found.rejected[1].key
        else:
            assert {each.key for each in found.rejected} == {whole["id"]}

    @pytest.mark.parametrize("field", ["system_trace_audit_number", "retrieval_reference_number"])
    def test_a_number_longer_than_any_identifier(self, whole: dict[str, Any], field: str) -> None:
        item = json.loads(json.dumps(whole))
        item["receipts"][0][field] = 10**300
        assert len(read(json.dumps(item).encode()).rejected) == 1

    def test_an_amount_is_an_amount_in_every_receipt(self, whole: dict[str, Any]) -> None:
        for value in ({"ipek": "CANARY"}, "4111111111111111", 5):
            item = json.loads(json.dumps(whole))
            item["receipts"][0]["amount_other"] = {"value": value}
            found = read(json.dumps(item).encode())
            assert len(found.rejected) == 1
            assert "CANARY" not in repr(found)


class TestFrame:
    GOOD = (
        b'{"transactions":[{"id":"a","t":"x]},{"},{"id":"b","n":[1,{"q":2}]}],"pages":{"total":3}}'
    )

    @pytest.mark.parametrize("odd", [b"\\ud83d", b"\xff", b"\\q", b"\x01", "اسم".encode()[:-1]])
    def test_one_odd_text_hides_no_other_item(self, odd: bytes) -> None:
        frame = payloads.frame(self.GOOD.replace(b'"x]', b'"x]' + odd), "transactions", 1)
        items = reading.cut(frame.elements, "1")
        assert (len(items), items[1].ref, frame.total) == (2, "b", 3)

    def test_of_an_answer_cut_anywhere_nothing_is_taken(self) -> None:
        odd = self.GOOD.replace(b'"x]', b'"x]\\ud83d')
        for end in range(len(odd)):
            with pytest.raises(Unreadable):
                payloads.frame(odd[:end], "transactions", 1)

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert payloads.frame(b"\xef\xbb\xbf" + self.GOOD, "transactions", 1).total == 3


class TestCardNumbers:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("4111111111111111", "************1111"),
            ("4111 1111 1111 1111", "**** **** **** 1111"),
            ("4111.1111.1111.1111", "****.****.****.1111"),
            ("4111  1111\u00a01111-1111", "****  ****\u00a0****-1111"),
            ("4111111111111111 12/25", "************1111 12/25"),
            ("4111111111111111 123", "************1111 123"),
            ("12 4111111111111111", "12 ************1111"),
            ("٤١١١١١١١١١١١١١١١", "************١١١١"),
            ("PAN4111111111111111!", "PAN************1111!"),
            ("378282246310005", "***********0005"),
        ],
    )
    def test_are_masked_however_they_are_written(self, text: str, shown: str) -> None:
        assert without_cards(text) == shown

    @pytest.mark.parametrize(
        "text",
        ["", None, "0188100115511932", "2026-11-21 14:32:08", "4111111111111112", "ORD-20981",
         "5069 68** **** 4655", "0502b3f0-d00d-49c5-8feb-73a986687521"],
    )  # fmt: skip
    def test_nothing_else_is(self, text: str | None) -> None:
        assert without_cards(text) == text


class TestCpr:
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("Kunden er 010190-1234.", "Kunden er 010190-****."),
            ("311299-0001 og 610190-4321", "311299-**** og 610190-****"),
            ("900170-1234", "900170-****"),
            # No day, no month, longer numbers, and ten digits in a row.
            ("320190-1234", "320190-1234"),
            ("011390-1234", "011390-1234"),
            ("9010190-1234", "9010190-1234"),
            ("010190-12345", "010190-12345"),
            ("ab010190-1234-4abc-8def-0123456789ab", "ab010190-1234-4abc-8def-0123456789ab"),
            ("010190-1234-4abc", "010190-1234-4abc"),
            ("0101901234", "0101901234"),
            ("", ""),
            (None, None),
        ],
    )
    def test_is_masked_where_it_is_written_as_one(self, text: str, kept: str) -> None:
        assert without_cpr(text) == kept
