"""What a file says of itself, signed, so that a changed file is told from one that was not."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from portal.encryption import is_newest, sign, signed


class NotAsMade(Exception):
    """A file is not what its manifest says: in which point, in words."""


def canonical(manifest: Mapping[str, Any]) -> bytes:
    """A manifest without its signature, always the same bytes."""
    plain = {key: value for key, value in manifest.items() if key != "signature"}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sealed(manifest: Mapping[str, Any], digest: str, size: int) -> dict[str, Any]:
    """The manifest of a file that is whole, signed."""
    whole = {**manifest, "sha256": digest, "bytes": size}
    return whole | {"signature": sign(canonical(whole)).hex()}


def is_ours(manifest: Mapping[str, Any]) -> bool:
    """Whether this portal has made a manifest, and nobody has changed it."""
    return signed(canonical(manifest), bytes.fromhex(str(manifest.get("signature", ""))))


def resigned(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """A manifest of ours signed by the newest key; None where it is already, or is none of ours."""
    signature = bytes.fromhex(str(manifest.get("signature", "")))
    if not signature or is_newest(signature) or not is_ours(manifest):
        return None
    return {**manifest, "signature": sign(canonical(manifest)).hex()}


def digest_of(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest, by which the next of a chain names it."""
    return hashlib.sha256(canonical(manifest)).hexdigest()
