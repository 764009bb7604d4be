"""Links to files that end: what they open is encrypted in them, and nothing of them is kept."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.encryption import CannotDecrypt, seal, unseal

ROW = "reports_link"


@dataclass(frozen=True)
class Opened:
    """What a link is of: a run, the planned run that sent it, and to whom."""

    run: int
    planned: int
    member: int


def link_to(run: int, planned: int, member: int, until: datetime) -> str:
    """The secret part of a link."""
    said = json.dumps([run, planned, member, int(until.timestamp())]).encode()
    return base64.urlsafe_b64encode(seal(said, row=ROW)).decode().rstrip("=")


def opened(secret: str, at: datetime) -> Opened | None:
    """What a link opens now; None where it is none of ours, or is over."""
    try:
        sealed = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        run, planned, member, until = json.loads(unseal(sealed, row=ROW))
    except (ValueError, binascii.Error, CannotDecrypt):
        return None
    if at >= datetime.fromtimestamp(until, UTC):
        return None
    return Opened(run, planned, member)
