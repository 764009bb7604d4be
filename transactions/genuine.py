"""The code on a receipt that left the portal: signed, so that it can be vouched for later."""

import base64
import struct

from portal.encryption import sign, signed
from transactions.models import IssuedReceipt

_FORM = struct.Struct(">QQ3s")


def code_of(issued: IssuedReceipt) -> str:
    """What the code on paper says: which receipt, its amount and currency, and our signature."""
    said = _FORM.pack(issued.pk, issued.amount_minor, issued.currency.encode())
    return base64.urlsafe_b64encode(said + sign(b"receipt:" + said)).decode().rstrip("=")


def read_code(code: str) -> tuple[int, int, str] | None:
    """The receipt's id, its minor units and currency, if we signed it; else None."""
    try:
        raw = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
        said, signature = raw[: _FORM.size], raw[_FORM.size :]
        pk, minor, currency = _FORM.unpack(said)
    except (ValueError, struct.error):
        return None
    if not signed(b"receipt:" + said, signature):
        return None
    return int(pk), int(minor), currency.decode()
