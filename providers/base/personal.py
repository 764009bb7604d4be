"""Numbers that name a person, and that no text needs."""

import re

# DDMMYY-NNNN; a replacement number adds 60 to the day.
_CPR = re.compile(
    r"(?<![0-9A-Za-z])((?:[06][1-9]|[1278]\d|[39][01])(?:0[1-9]|1[0-2])\d\d-)\d{4}(?![0-9A-Za-z-])"
)


def without_cpr(text: str | None) -> str | None:
    """Mask the end of what is written as a Danish CPR number, from which its person is known.

    Ten digits in a row stay. Not for orders' numbers, which tills write likewise: the day's date
    and a count.
    """
    return _CPR.sub(r"\1****", text) if text else text
