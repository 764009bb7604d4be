"""Money: whole minor units and a currency, never a float.

A provider documents for each field in which form it writes an amount, so each form has its own
reader and none of them guesses: `100` read as minor units is 1.00 SAR, and `"100"` read as major
units is 100.00 SAR.
"""

import re
from dataclasses import dataclass
from functools import cache

from iso4217 import Currency

from providers.base.errors import Unreadable

# PostgreSQL's bigint holds 18 whole digits; no payment comes near.
LONGEST = 15
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_MAJOR = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?", re.ASCII)


class NotMoney(Unreadable):
    """The text is not an amount in the documented form; the message never repeats it."""


@cache
def exponent(currency: str) -> int:
    """How many decimals a currency has, by ISO 4217; its code must be known.

    >>> exponent("SAR"), exponent("JPY"), exponent("KWD")
    (2, 0, 3)
    """
    try:
        places = Currency(currency).exponent
    except ValueError:
        places = None
    if places is None:
        raise NotMoney("The currency is not one of ISO 4217 that has an amount.")
    return places


@cache
def currencies_with(places: int) -> tuple[str, ...]:
    """The codes of the currencies that have so many decimals."""
    return tuple(sorted(each.code for each in Currency if each.exponent == places))


@cache
def currency_of(number: str) -> str:
    """The alphabetic code of an ISO 4217 numeric code, such as "682" for SAR."""
    for known in Currency:
        if known.number is not None and f"{known.number:03d}" == number:
            return known.code
    raise NotMoney("The numeric currency code is not one of ISO 4217.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise NotMoney("An amount is a whole number of minor units.")
        exponent(self.currency)

    @classmethod
    def from_minor_integer(cls, value: object, currency: str) -> "Money":
        """Read a JSON integer of minor units: `100` is 1.00 SAR."""
        if type(value) is not int or not 0 <= value < 10**LONGEST:
            raise NotMoney("The amount is not a whole, unsigned number of minor units.")
        return cls(value, currency)

    @classmethod
    def from_minor_text(cls, value: object, currency: str) -> "Money":
        """Read a text of minor units: `"10000"` is 100.00 SAR."""
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise NotMoney("The amount is not a text of whole minor units.")
        return cls(int(value), currency)

    @classmethod
    def from_major_text(cls, value: object, currency: str) -> "Money":
        """Read a decimal text of major units: `"0.01"` is 1 minor unit of SAR.

        Decimals beyond those of the currency are refused unless they are zeros.
        """
        match = _MAJOR.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise NotMoney("The amount is not a decimal text of major units.")
        places = exponent(currency)
        whole, fraction = match[1], match[2] or ""
        kept, rest = fraction[:places], fraction[places:]
        if rest.strip("0"):
            raise NotMoney(f"The amount has {len(fraction)} decimals; {currency} has {places}.")
        minor = int(whole + kept.ljust(places, "0"))
        if minor >= 10**LONGEST:
            raise NotMoney("The amount has more digits than a payment can have.")
        return cls(minor, currency)

    def __str__(self) -> str:
        return f"{major_text(self.minor, self.currency)} {self.currency}"


def major_text(minor: int, currency: str) -> str:
    """An amount as plain decimal text, such as "-57.50", for files and machines."""
    places = exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(places + 1, "0")
    if not places:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
