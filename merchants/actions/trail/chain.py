"""Sealing the trail: each merchant's entries in a chain, a minute after they were added."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.models import Min

from merchants.models import (
    AuditEntry,
    AuditHead,
    AuditPending,
    AuditSeal,
    AuditStub,
    AuditValue,
)
from portal import encryption

# The first key of advisory locks that are held until the end of a transaction.
LOCK = 0x7472616C
BEGINNING = bytes(32)
AT_ONCE = 5000


def canonical(entry: AuditEntry) -> bytes:
    """Everything that an entry says, as the bytes that its hash is over."""
    said = [
        entry.pk, entry.merchant_id, entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor_id, entry.door, entry.address, entry.action, entry.subject_kind,
        entry.subject_id, entry.reason, entry.facts,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def hashed(previous: bytes, entry: AuditEntry) -> bytes:
    return hashlib.sha256(previous + canonical(entry)).digest()


def seal_entries() -> int:
    """Seal what waits, each merchant's in its own chain; how many were sealed."""
    waiting = AuditPending.objects.order_by().values_list("chain", flat=True).distinct()
    return sum(_seal(chain) for chain in waiting)


def _seal(chain: int) -> int:
    sealed = 0
    while True:
        with transaction.atomic():
            _hold(chain)
            head = AuditHead.objects.filter(chain=chain).first()
            number, previous = (head.number, bytes(head.hash)) if head else (0, BEGINNING)
            entries = list(AuditEntry.objects.filter(pending__chain=chain).order_by("pk")[:AT_ONCE])
            if not entries:
                return sealed
            seals = []
            for number, entry in enumerate(entries, number + 1):  # noqa: B020 (goes on from it)
                own = hashed(previous, entry)
                seals.append(
                    AuditSeal(entry=entry, chain=chain, number=number, previous=previous, hash=own)
                )
                previous = own
            AuditSeal.objects.bulk_create(seals)
            AuditPending.objects.filter(entry__in=entries).delete()
            AuditHead.objects.update_or_create(
                chain=chain,
                defaults={
                    "number": number,
                    "hash": previous,
                    "signature": _sign("head", chain, number, previous),
                },
            )
            sealed += len(entries)


def _hold(chain: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [LOCK, chain % 2**31])


def _said(what: str, chain: int, number: int, hash_: bytes) -> bytes:
    return f"{what}:{chain}:{number}:{hash_.hex()}".encode()


def _sign(what: str, chain: int, number: int, hash_: bytes) -> bytes:
    return encryption.sign(_said(what, chain, number, hash_))


def is_signed(what: str, row: AuditHead | AuditStub) -> bool:
    said = _said(what, row.chain, row.number, bytes(row.hash))
    return encryption.signed(said, bytes(row.signature))


def resigned(what: str) -> Callable[[AuditHead | AuditStub], bytes | None]:
    """A function that signs a row anew where an older key has signed it, and rightly."""

    def sign(row: AuditHead | AuditStub) -> bytes | None:
        if encryption.is_newest(bytes(row.signature)) or not is_signed(what, row):
            return None
        return _sign(what, row.chain, row.number, bytes(row.hash))

    return sign


def chains() -> list[int]:
    """Every chain there is, also one of which only its end is left."""
    heads = set(AuditHead.objects.values_list("chain", flat=True))
    sealed = set(AuditSeal.objects.order_by().values_list("chain", flat=True).distinct())
    return sorted(heads | sealed | set(AuditStub.objects.values_list("chain", flat=True)))


def age(before: datetime, now: datetime, using: str) -> int:
    """Remove the whole beginning of each chain that is older, and leave its signed stub.

    Only the owner's role may do so. The last entry of a chain stays in any case.
    """
    removed = 0
    for chain in chains():
        with transaction.atomic(using=using):
            seals = AuditSeal.objects.using(using).filter(chain=chain)
            young = seals.filter(entry__at__gte=before).aggregate(first=Min("number"))["first"]
            last = seals.order_by("-number").first()
            if last is None:
                continue
            upto = min(young or last.number, last.number) - 1
            end = seals.filter(number=upto).first()
            if end is None:
                continue
            AuditStub.objects.using(using).update_or_create(
                chain=chain,
                defaults={
                    "number": upto,
                    "hash": bytes(end.hash),
                    "removed_at": now,
                    "signature": _sign("stub", chain, upto, bytes(end.hash)),
                },
            )
            old = seals.filter(number__lte=upto).values("entry_id")
            AuditValue.objects.using(using).filter(entry__in=old).delete()
            removed += AuditEntry.objects.using(using).filter(pk__in=old)._raw_delete(using)
            seals.filter(number__lte=upto).delete()
    return removed
