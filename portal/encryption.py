"""Encrypting what the database may hold but not show: AES-256-GCM, bound to its row.

The key is outside the database. The row's identity is authenticated with the text, so a value that
is copied to another row cannot be opened there. A value begins with its key's fingerprint, so keys
can be rotated: the first of ENCRYPTION_KEYS encrypts, all of them decrypt.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE, MARK = 12, 4


class CannotDecrypt(Exception):
    """No configured key opens the value, or it belongs to another row."""


def _key(text: str) -> bytes:
    return hashlib.sha256(b"portal:encryption:" + text.strip().encode()).digest()


def seal(plain: bytes, *, row: str) -> bytes:
    """Encrypt for one row, named as "table:pk"."""
    key = _key(settings.ENCRYPTION_KEYS[0])
    nonce = os.urandom(NONCE)
    mark = hashlib.sha256(key).digest()[:MARK]
    return mark + nonce + AESGCM(key).encrypt(nonce, plain, row.encode())


def unseal(value: bytes, *, row: str) -> bytes:
    """Decrypt what `seal` made for the same row."""
    mark, nonce, text = value[:MARK], value[MARK : MARK + NONCE], value[MARK + NONCE :]
    for configured in settings.ENCRYPTION_KEYS:
        key = _key(configured)
        if hashlib.sha256(key).digest()[:MARK] == mark:
            try:
                return AESGCM(key).decrypt(nonce, text, row.encode())
            except InvalidTag:
                break
    raise CannotDecrypt("The stored credentials cannot be opened with the configured keys.")


def is_newest(value: bytes) -> bool:
    """Whether what `seal` or `sign` made is of the key that encrypts now."""
    return value[:MARK] == hashlib.sha256(_key(settings.ENCRYPTION_KEYS[0])).digest()[:MARK]


def fingerprint(text: str, *, purpose: str) -> bytes:
    """A keyed hash by which equal secrets are found without keeping them."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"{purpose}:{text}".encode(), "sha256")


def sign(text: bytes) -> bytes:
    """A keyed hash that shows that this portal said something."""
    key = _key(settings.ENCRYPTION_KEYS[0])
    return hashlib.sha256(key).digest()[:MARK] + hmac.digest(key, b"signed:" + text, "sha256")


def signed(text: bytes, signature: bytes) -> bool:
    """Whether `sign` made this of the text, by any configured key."""
    keys = [_key(each) for each in settings.ENCRYPTION_KEYS]
    mark, mac = signature[:MARK], signature[MARK:]
    return any(
        hmac.compare_digest(mac, hmac.digest(key, b"signed:" + text, "sha256"))
        for key in keys
        if hashlib.sha256(key).digest()[:MARK] == mark
    )
