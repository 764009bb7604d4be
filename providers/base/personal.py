"""Numbers that name a person, and that no text needs."""

import re

# DDMMYY-NNNN; a replacement number adds 60 to the day.
_CPR = re.compile(r"(?<!\d)((?:[06][1-9]|[1278]\d|[39][01])(?:0[1-9]|1[0-2])\d\d-)\d{4}(?!\d)")


def without_cpr(text: str | None) -> str | None:
    """Mask the end of what is written as a Danish CPR number, from which its person is known.

    Ten digits in a row stay: till numbers and orders are written so.
    """
    return _CPR.sub(r"\1****", text) if text else text
