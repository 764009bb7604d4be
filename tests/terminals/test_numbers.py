"""Mobile numbers of Saudi Arabia and Denmark, in their one form."""

import pytest

from terminals.numbers import e164


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("+966551112233", "+966551112233"),
        ("0551112233", "+966551112233"),
        ("00966 55 111 2233", "+966551112233"),
        ("٠٥٥١١١٢٢٣٣", "+966551112233"),
        ("+45 20 12 34 56", "+4520123456"),
        ("+45 2012345", None),
        ("+966 11 461 0000", None),
        ("+45 1234", None),
        ("Huda", None),
        ("", None),
    ],
)
def test_are_told_from_what_is_none(typed: str, found: str | None) -> None:
    assert e164(typed) == found
