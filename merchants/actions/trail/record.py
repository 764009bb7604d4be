"""Adding to the trail: what was done or seen, in the transaction that does it."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models, transaction

from merchants.models import AuditEntry, AuditValue, Door, Membership, Merchant, PersonKey, User
from portal import encryption, isolation


@dataclass(frozen=True)
class Scene:
    """Who acts, as what, and by which way."""

    door: str = Door.COMMAND
    user: User | None = None
    member: Membership | None = None
    address: str | None = None


# Commands have none of their own.
NOBODY = Scene()
_scene: ContextVar[Scene] = ContextVar("scene", default=NOBODY)


@contextmanager
def acting(scene: Scene) -> Iterator[None]:
    """What is recorded inside is recorded as done in this scene."""
    token = _scene.set(scene)
    try:
        yield
    finally:
        _scene.reset(token)


def enter(scene: Scene) -> None:
    """Go on in another scene, inside of one that ends by itself."""
    _scene.set(scene)


def scene() -> Scene:
    return _scene.get()


@dataclass(frozen=True)
class Personal:
    """A value that belongs to a person: `kind` and `subject_id` say whose it is."""

    value: str
    kind: str
    subject_id: int


def record(
    action: str,
    *,
    subject: models.Model | None = None,
    merchant: Merchant | int | None = None,
    facts: Mapping[str, Any] | None = None,
    actor: User | None = None,
    reason: str = "",
    about: tuple[str, int | None] | None = None,
) -> AuditEntry:
    """Add an entry, in the caller's transaction, so that it stands or falls with the change.

    A fact that is `Personal` is kept as a digest, and beside it encrypted with the person's key.
    """
    now = _scene.get()
    who = actor or now.user
    if merchant is None:
        merchant = getattr(subject, "merchant_id", None) or (
            now.member.merchant_id if now.member else None
        )
    if about is None:
        about = (subject._meta.model_name or "", subject.pk) if subject is not None else ("", None)
    plain: dict[str, Any] = {}
    personal: list[tuple[str, Personal, PersonKey, bytes]] = []
    for name, value in (facts or {}).items():
        plain[name] = value
        if isinstance(value, Personal):
            key = _key_of(value.kind, value.subject_id)
            if key.sealed is None:
                # This person was erased; what comes after is not kept either.
                plain[name] = {"erased": True}
                continue
            salt = os.urandom(16)
            plain[name] = {"digest": _digest(value, salt)}
            personal.append((name, value, key, salt))
    whose = merchant.pk if isinstance(merchant, Merchant) else merchant
    # One row needs no transaction of its own.
    with _seeing(whose), transaction.atomic() if personal else nullcontext():
        entry = AuditEntry.objects.create(
            merchant_id=whose,
            actor=who,
            door=now.door,
            address=now.address,
            action=action,
            subject_kind=about[0],
            subject_id=about[1],
            reason=reason,
            facts=plain,
        )
        for name, value, key, salt in personal:
            _keep(entry, name, value, key, salt)
    return entry


def _seeing(merchant: int | None) -> "AbstractContextManager[None]":
    """An entry stands in the trail of whom it is about, whoever's rows are looked at now."""
    scope = isolation.current()
    if scope.everywhere or (merchant is not None and scope.merchant == merchant):
        return nullcontext()
    return isolation.everywhere() if merchant is None else isolation.of(merchant)


def _digest(of: Personal, salt: bytes) -> str:
    """The salt is kept with the value, so that once it is erased nobody can try values out."""
    return hashlib.sha256(salt + of.value.encode()).hexdigest()


def _keep(entry: AuditEntry, name: str, of: Personal, key: PersonKey, salt: bytes) -> None:
    secret = opened(key)
    assert secret is not None
    nonce = os.urandom(12)
    text = AESGCM(secret).encrypt(nonce, salt + of.value.encode(), _place(entry.pk, name))
    AuditValue.objects.create(entry=entry, name=name, key=key, sealed=nonce + text)


def _place(entry: int, name: str) -> bytes:
    return f"merchants_auditvalue:{entry}:{name}".encode()


def _key_of(kind: str, subject_id: int) -> PersonKey:
    found = PersonKey.objects.filter(kind=kind, subject_id=subject_id).first()
    if found is None:
        secret = encryption.seal(AESGCM.generate_key(256), row=row_of_key(kind, subject_id))
        PersonKey.objects.bulk_create(
            [PersonKey(kind=kind, subject_id=subject_id, sealed=secret)], ignore_conflicts=True
        )
        found = PersonKey.objects.get(kind=kind, subject_id=subject_id)
    return found


def row_of_key(kind: str, subject_id: int) -> str:
    """What a person's key is encrypted for."""
    return f"merchants_personkey:{kind}:{subject_id}"


def opened(key: PersonKey) -> bytes | None:
    if key.sealed is None:
        return None
    return encryption.unseal(bytes(key.sealed), row=row_of_key(key.kind, key.subject_id))


def forget(kind: str, subject_id: int, at: datetime, merchant: int | None = None) -> None:
    """Destroy a person's key: what the trail holds of them can never be read again."""
    key = _key_of(kind, subject_id)
    with transaction.atomic():
        PersonKey.objects.filter(pk=key.pk).update(sealed=None, destroyed_at=at)
        record("person.erased", about=(kind, subject_id), merchant=merchant)


def values_of(entries: Sequence[AuditEntry]) -> dict[int, dict[str, str | None]]:
    """The personal values of some entries, by entry and name; None where they were erased."""
    found: dict[int, dict[str, str | None]] = {}
    keys: dict[int, bytes | None] = {}
    rows = AuditValue.objects.filter(entry__in=[each.pk for each in entries])
    for row in rows.select_related("key"):
        if row.key_id not in keys:
            keys[row.key_id] = opened(row.key)
        value = read(row, keys[row.key_id])
        found.setdefault(row.entry_id, {})[row.name] = value and value[1]
    return found


def read(row: AuditValue, secret: bytes | None) -> tuple[bytes, str] | None:
    """The salt and the value."""
    if secret is None:
        return None
    sealed = bytes(row.sealed)
    plain = AESGCM(secret).decrypt(sealed[:12], sealed[12:], _place(row.entry_id, row.name))
    return plain[:16], plain[16:].decode()


def saw(action: str, subject: models.Model | None = None, **facts: Any) -> None:
    """Record that somebody looked at something."""
    record(action, subject=subject, facts=facts)


def exported(list_: str, query: str) -> None:
    """Record that rows were handed over."""
    record("rows.exported", facts={"list": list_, "query": _typed(query)})


def listed(list_: str) -> None:
    """Record that somebody saw people in full in a list."""
    record("people.listed", facts={"list": list_})


def searched(text: str, found: int, *, by_mobile: bool = False) -> None:
    """Record a search. What was typed may be anybody's number, so it lies with who typed it."""
    facts: dict[str, Any] = {"text": _typed(text), "found": found}
    record("rows.searched", facts=facts | {"mobile": True} if by_mobile else facts)


def _typed(text: str) -> "Personal | str":
    who = _scene.get().user
    return Personal(text, "user", who.pk) if text and who is not None else ""
