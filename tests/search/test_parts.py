"""What was typed, understood: shapes, days, amounts, and names however they are spelt."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from merchants.models import Branch, Merchant
from portal.folding import any_of, words_of
from reports.search.dates import Days
from reports.search.meanings import is_card, minors, ways
from reports.search.near import slips_of
from reports.search.parts import MOST_PARTS, Understood

# Saturday, 16:00 in Riyadh.
NOW = datetime(2026, 11, 21, 13, tzinfo=UTC)


def read(text: str, currencies: tuple[str, ...] = ("SAR",)) -> Understood:
    return Understood(text, NOW, "Asia/Riyadh", lambda: currencies)


def kinds(text: str) -> list[str]:
    return [part.meanings[0].kind if part.meanings else "" for part in read(text).parts]


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("4655 14.55 yesterday olaya", ["last4", "amount", "days", "reference"]),
            ("٤٦٥٥ ١٤٫٥٥ أمس العليا", ["last4", "amount", "days", "reference"]),
            ("632514030967", ["rrn"]),
            ("068712", ["approval"]),
            ("0188100115511932", ["tid"]),
            ("5069 68** **** 4655", ["last4"]),
            ("+966 55 111 2233", ["mobile"]),
            ("0551112233", ["mobile"]),
            ("28/09/2023 3pm", ["span"]),
            ("visa declined 20 nov", ["scheme", "status", "days"]),
            ("https://x.test/ui/receipt/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", ["ref"]),
            ("ORD-20981", ["reference"]),
            ("4111 1111 1111 1111", ["last4"]),
            ("15.00 ر.س 0368", ["amount", "last4"]),
            ("", []),
            ("\x00\u202e", []),
        ],
    )
    def test_are_known(self, text: str, expected: list[str]) -> None:
        assert kinds(text) == expected

    @pytest.mark.parametrize(
        ("text", "first", "last"),
        [
            ("today", 0, 0), ("yesterday", 1, 1), ("أمس", 1, 1), ("البارحة", 1, 1), ("i går", 1, 1),
            ("أول أمس", 2, 2), ("3 days ago", 3, 3), ("monday", 5, 5), ("saturday", 0, 0),
            ("last saturday", 7, 7), ("الاثنين الماضي", 5, 5), ("20 nov", 1, 1),
            ("20 نوفمبر", 1, 1), ("20/11", 1, 1), ("2026-11-20", 1, 1), ("11/20/2026", 1, 1),
            # A week begins on Sunday in Riyadh.
            ("this week", 6, 0), ("last week", 13, 7), ("الأسبوع الماضي", 13, 7),
        ],
    )  # fmt: skip
    def test_days_are_days_ago(self, text: str, first: int, last: int) -> None:
        today = NOW.date()
        (part,) = read(text).parts
        begin, end = today - timedelta(first), today + timedelta(0 - last)
        if text == "this week":
            end = begin + timedelta(6)
        assert part.meanings[0].value == Days(begin, end)

    @pytest.mark.parametrize(
        ("text", "begin", "seconds"),
        [
            ("yesterday 3pm", "2026-11-20T12:00+00:00", 3600),
            ("أمس ٣:١٥ م", "2026-11-20T12:15+00:00", 60),
            ("15:04:33 20/11/2026", "2026-11-20T12:04:33+00:00", 1),
            ("2026-11-20T15:04:33Z", "2026-11-20T15:04:33+00:00", 1),
            # Later than now: it was yesterday.
            ("18:00", "2026-11-20T15:00+00:00", 60),
            ("noon", "2026-11-21T09:00+00:00", 3600),
        ],
    )
    def test_times_are_a_stretch(self, text: str, begin: str, seconds: int) -> None:
        (part,) = read(text).parts
        at = datetime.fromisoformat(begin)
        assert part.meanings[0].value == (at, at + timedelta(seconds=seconds))

    def test_amounts_are_of_the_currency_that_is_named(self) -> None:
        (part,) = read("KWD 1.234").parts
        assert part.meanings[0].value == (((1234000, "KWD"), (1234, "KWD")), False)
        (part,) = read("1.234,50 kr", ("SAR", "DKK")).parts
        assert part.meanings[0].value == (((123450, "DKK"),), False)
        (part,) = read("-14,55", ("SAR", "JPY")).parts
        assert part.meanings[0].value == (((1455, "SAR"),), True)
        assert minors("1,234", 2) == [123400]

    @given(st.text(max_size=250))
    def test_no_text_is_too_odd(self, text: str) -> None:
        found = read(text)
        assert len(found.parts) <= MOST_PARTS
        assert len(ways(found.parts)) <= 12

    def test_a_whole_card_number_is_known_by_its_check_digit(self) -> None:
        assert is_card("4111111111111111")
        assert not is_card("4111111111111112")


class TestSlips:
    @given(st.text("0123456789", min_size=12, max_size=12), st.data())
    def test_every_slip_of_a_finger_leads_back(self, right: str, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, 10))
        slips = [
            right[:at] + right[at + 1] + right[at] + right[at + 2 :],
            right[:at] + right[at + 1 :],
            right[:at] + data.draw(st.sampled_from("0123456789")) + right[at:],
            right[:at] + data.draw(st.sampled_from("0123456789")) + right[at + 1 :],
        ]
        for typed in slips:
            assert typed == right or right in slips_of(typed, 12)


class TestFolding:
    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("العُليا", "العليا"), ("طيبة", "طيبه"), ("أحمد الغامدى", "احمد الغامدي"),
            ("Al-Nakheel", "al nakheel"), ("Café Ørsted", "cafe ørsted"), ("Shop 22/B", "shop 22"),
        ],
    )  # fmt: skip
    def test_is_the_same_here_and_in_the_database(self, name: str, typed: str) -> None:
        merchant = Merchant.objects.create(slug="a", name="A")
        branch = Branch.objects.create(merchant=merchant, name=name, name_ar="")
        assert set(words_of(typed)) <= set(words_of(name))
        for word in words_of(typed):
            assert Branch.objects.filter(words=any_of([word]), pk=branch.pk).exists(), word
        with connection.cursor() as cursor:
            cursor.execute("select tsvector_to_array(words) from merchants_branch")
            assert set(words_of(name)) <= set(cursor.fetchone()[0])


class TestOddity:
    @pytest.mark.parametrize(
        "text", ["❶", "፩ 14.55", "tıd 1234", "termınal id 1234", "TERMİNAL ID 123", "²", "½"]
    )
    def test_other_scripts_figures_are_no_error(self, text: str) -> None:
        read(text)

    def test_many_numbers_cost_no_more_than_few(self) -> None:
        parts = read(" ".join(str(123456 + 1111 * n) for n in range(10))).parts
        assert len(parts) == 10
        assert ways(parts) == []

    @pytest.mark.parametrize(
        "card", ["3782 822463 10005", "41111111 11111111", "4111111111111111/12/27"]
    )
    def test_no_words_repeat_a_whole_card_number(self, card: str) -> None:
        for part in read(card).parts:
            for digits in ("822463", "41111111", "11111111"):
                assert digits not in part.words.replace(" ", "")
