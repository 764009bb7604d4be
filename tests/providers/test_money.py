"""Amounts are read as each field documents them, exactly, or refused (F13)."""

import pytest

from providers.base.money import Money, NotMoney, currency_of, exponent, major_text


class TestMinorInteger:
    @pytest.mark.parametrize(("value", "minor"), [(100, 100), (0, 0), (123456789012, 123456789012)])
    def test_is_taken_as_it_is(self, value: int, minor: int) -> None:
        assert Money.from_minor_integer(value, "SAR") == Money(minor, "SAR")

    @pytest.mark.parametrize("value", ["100", 1.0, -1, True, None, 10**15, [], 1e3])
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(NotMoney):
            Money.from_minor_integer(value, "SAR")


class TestMinorText:
    @pytest.mark.parametrize(("value", "minor"), [("10000", 10000), ("0", 0), ("007", 7)])
    def test_is_taken_as_minor_units(self, value: str, minor: int) -> None:
        assert Money.from_minor_text(value, "SAR").minor == minor

    @pytest.mark.parametrize(
        "value", ["100.00", "-5", "", " 5", "5\n", "١٠٠", "1e3", "1,000", "0x10", 100, None]
    )
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(NotMoney):
            Money.from_minor_text(value, "SAR")


class TestMajorText:
    @pytest.mark.parametrize(
        ("value", "currency", "minor"),
        [
            ("0.01", "SAR", 1),
            ("0.1", "SAR", 10),
            ("5", "SAR", 500),
            ("287.50", "SAR", 28750),
            ("287.500", "SAR", 28750),
            ("1.234", "KWD", 1234),
            ("1.2", "BHD", 1200),
            ("500", "JPY", 500),
            ("500.00", "JPY", 500),
            ("1234567890.12", "SAR", 123456789012),
        ],
    )
    def test_is_exact_for_every_exponent(self, value: str, currency: str, minor: int) -> None:
        assert Money.from_major_text(value, currency).minor == minor

    @pytest.mark.parametrize(
        ("value", "currency"),
        [
            ("0.015", "SAR"),
            ("0.5", "JPY"),
            ("1.2345", "KWD"),
            ("1,000.50", "SAR"),
            ("1e3", "SAR"),
            ("-5.00", "SAR"),
            ("+5", "SAR"),
            (".5", "SAR"),
            ("5.", "SAR"),
            ("", "SAR"),
            ("NaN", "SAR"),
            ("Infinity", "SAR"),
            ("٥٫٠٠", "SAR"),
            ("5.00 ", "SAR"),
            (5.0, "SAR"),
            (5, "SAR"),
            (None, "SAR"),
            ("9" * 16, "SAR"),
            ("9" * 15, "SAR"),
            ("5.00", "XXX"),
            ("5.00", "sar"),
        ],
    )
    def test_anything_else_is_refused_without_repeating_it(
        self, value: object, currency: str
    ) -> None:
        with pytest.raises(NotMoney) as refused:
            Money.from_major_text(value, currency)
        assert "1e3" not in str(refused.value)
        assert "1,000" not in str(refused.value)


class TestMoney:
    def test_is_never_a_float(self) -> None:
        with pytest.raises(NotMoney):
            Money(1.0, "SAR")  # type: ignore[arg-type]

    def test_knows_the_exponents(self) -> None:
        assert [exponent(code) for code in ("JPY", "SAR", "DKK", "KWD")] == [0, 2, 2, 3]

    def test_knows_numeric_codes(self) -> None:
        assert [currency_of(number) for number in ("682", "208", "048")] == ["SAR", "DKK", "BHD"]

    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [(28750, "SAR", "287.50"), (-5, "SAR", "-0.05"), (5, "JPY", "5"), (1, "KWD", "0.001")],
    )
    def test_is_written_plainly(self, minor: int, currency: str, text: str) -> None:
        assert major_text(minor, currency) == text
