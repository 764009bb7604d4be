"""Finding what was done to the trail."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, models, transaction

from merchants.actions.trail.chain import AT_ONCE, BEGINNING, hashed, is_signed
from merchants.actions.trail.record import opened, read
from merchants.models import AuditEntry, AuditHead, AuditSeal, AuditStub, AuditValue, PersonKey

# Wrong places of a chain whose order is looked into.
MOST_COMPARED = 200


@dataclass(frozen=True)
class Flaw:
    """Something that was done to a chain: `changed`, `missing`, `reordered`, `added` or `cut`."""

    kind: str
    chain: int
    number: int
    entry: int | None = None


def verify(chain: int) -> Iterator[Flaw]:
    """Walk a chain from its beginning, or from its stub, and name everything that is wrong."""
    # One moment: what is added meanwhile belongs to the next look.
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read")
        yield from _verify(chain)


def _verify(chain: int) -> Iterator[Flaw]:
    stub = AuditStub.objects.filter(chain=chain).first()
    head = AuditHead.objects.filter(chain=chain).first()
    number, previous = (stub.number, bytes(stub.hash)) if stub else (0, BEGINNING)
    if stub is not None and not is_signed("stub", stub):
        yield Flaw("changed", chain, stub.number)
    wrong: list[tuple[AuditSeal, AuditEntry]] = []
    seals = AuditSeal.objects.filter(chain=chain).order_by("number")
    for seal, entry, whole in _with_entries(seals):
        for lost in range(number + 1, seal.number):
            yield Flaw("missing", chain, lost)
        number = seal.number
        if entry is None:
            yield Flaw("missing", chain, number, seal.entry_id)
        elif bytes(seal.previous) != previous or hashed(previous, entry) != bytes(seal.hash):
            wrong.append((seal, entry))
        if not whole:
            yield Flaw("missing", chain, number, seal.entry_id)
        previous = bytes(seal.hash)
    yield from _told_apart(chain, wrong)
    if head is None:
        if number:
            yield Flaw("cut", chain, number)
    elif not is_signed("head", head) or (head.number, bytes(head.hash)) != (number, previous):
        yield Flaw("cut", chain, number)
    # What waits for its seal is known; what neither waits nor is sealed was put there otherwise.
    loose = AuditEntry.objects.filter(seal=None, pending=None, **_of(chain))
    for entry in loose.order_by("pk")[:MOST_COMPARED]:
        yield Flaw("added", chain, 0, entry.pk)
    yield from _wrong_values(chain)


def _of(chain: int, path: str = "") -> dict[str, int | bool]:
    """The condition of a chain's entries."""
    return {f"{path}merchant_id": chain} if chain else {f"{path}merchant__isnull": True}


def _with_entries(
    seals: models.QuerySet[AuditSeal],
) -> Iterator[tuple[AuditSeal, AuditEntry | None, bool]]:
    """Each seal with its entry, and whether all personal values of that are there."""
    batch: list[AuditSeal] = []

    def paired() -> Iterator[tuple[AuditSeal, AuditEntry | None, bool]]:
        found = AuditEntry.objects.in_bulk([each.entry_id for each in batch])
        named = {
            (entry.pk, name)
            for entry in found.values()
            for name, value in (entry.facts.items() if isinstance(entry.facts, dict) else ())
            if isinstance(value, dict) and "digest" in value
        }
        own = AuditValue.objects.filter(entry__in={pk for pk, _name in named})
        kept = set(own.values_list("entry_id", "name")) if named else set()
        lacking = {pk for pk, _name in named - kept}
        for each in batch:
            yield each, found.get(each.entry_id), each.entry_id not in lacking

    for seal in seals.iterator(chunk_size=AT_ONCE):
        batch.append(seal)
        if len(batch) == AT_ONCE:
            yield from paired()
            batch = []
    yield from paired()


def _told_apart(chain: int, wrong: list[tuple[AuditSeal, AuditEntry]]) -> Iterator[Flaw]:
    """Entries that stand in each other's places were reordered, any other was changed."""
    some = wrong[:MOST_COMPARED]
    for seal, entry in wrong:
        elsewhere = any(
            hashed(bytes(other.previous), entry) == bytes(other.hash)
            for other, _entry in some
            if other.number != seal.number
        )
        yield Flaw("reordered" if elsewhere else "changed", chain, seal.number, entry.pk)


def _wrong_values(chain: int) -> Iterator[Flaw]:
    """A personal value that is not the one that its entry has the digest of."""
    rows = AuditValue.objects.filter(**_of(chain, "entry__")).select_related("entry", "key")
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        if row.key.sealed is None:
            if not _was_erased(row.key):
                yield Flaw("missing", chain, 0, row.entry_id)
            continue
        try:
            secret = opened(row.key)
            assert secret is not None
            found = read(row, secret)
        except Exception:  # noqa: BLE001 (whatever cannot be opened was changed)
            found = None
        facts = row.entry.facts
        kept = facts.get(row.name) if isinstance(facts, dict) else None
        if (
            found is None
            or not isinstance(kept, dict)
            or hashlib.sha256(found[0] + found[1].encode()).hexdigest() != kept.get("digest")
        ):
            yield Flaw("changed", chain, 0, row.entry_id)
    lost = AuditValue.objects.filter(**_of(chain, "entry__"))
    for row in lost.exclude(key__in=PersonKey.objects.values("pk")).order_by("pk"):
        yield Flaw("missing", chain, 0, row.entry_id)


def _was_erased(key: PersonKey) -> bool:
    """Whether the trail itself says that the key was destroyed on somebody's word."""
    return AuditEntry.objects.filter(
        action="person.erased", subject_kind=key.kind, subject_id=key.subject_id
    ).exists()
