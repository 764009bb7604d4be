"""Noticing where a provider says otherwise than was agreed, and ending that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from merchants.actions.trail import record
from merchants.models import Drift, Membership, ProviderAccount, Right

Field = Drift.Field


@dataclass(frozen=True)
class Said:
    """What a provider says of one field, beside what was agreed on."""

    kind: str
    pk: int
    field: str
    agreed: Any
    theirs: Any

    @property
    def key(self) -> tuple[str, int, str]:
        return self.kind, self.pk, self.field


def note_drift(account: ProviderAccount, said: Iterable[Said], at: datetime) -> None:
    """Keep what differs, each once, and end what agrees again."""
    found = {each.key: each for each in said}
    if not found:
        return
    own = Drift.objects.filter(account=account, ended_at=None)
    pks = {pk for _, pk, _ in found}
    there = {
        (each.subject_kind, each.subject_id, each.field): each
        for each in own.filter(subject_id__in=pks)
    }
    agrees = {key for key, each in found.items() if each.agreed == each.theirs}
    _end([each for key, each in there.items() if key in agrees], at)
    changed, new = [], []
    for key, each in sorted(found.items()):
        if key in agrees:
            continue
        known = there.get(key)
        if known is None:
            new.append(
                Drift(
                    merchant_id=account.merchant_id, account=account, subject_kind=each.kind,
                    subject_id=each.pk, field=each.field, agreed=each.agreed, theirs=each.theirs,
                    found_at=at,
                )
            )  # fmt: skip
        elif known.theirs != each.theirs:
            # Another change of theirs: that it was to be left alone was said of the one before.
            known.theirs, known.found_at, known.ignored_until = each.theirs, at, None
            changed.append(known)
    Drift.objects.bulk_create(new)
    Drift.objects.bulk_update(changed, ["theirs", "found_at", "ignored_until"])


def note_gone(
    account: ProviderAccount, kind: str, gone: Iterable[int], back: Iterable[int], at: datetime
) -> None:
    """Keep which things of a kind the provider no longer knows, and which it knows again."""
    said = [Said(kind, pk, Field.GONE, True, True) for pk in back]
    said += [Said(kind, pk, Field.GONE, True, False) for pk in gone]
    note_drift(account, said, at)


def end_drift(
    account: ProviderAccount,
    kind: str,
    pk: int,
    fields: Sequence[str],
    at: datetime,
    ending: str = Drift.Ending.PUSHED,
) -> None:
    """End what was open of some fields of a thing; usually as what is ours is true there now."""
    own = Drift.objects.filter(account=account, ended_at=None, subject_kind=kind, subject_id=pk)
    own.filter(field__in=fields).update(ended_at=at, ending=ending)


def _end(drifts: Sequence[Drift], at: datetime) -> None:
    for drift in drifts:
        drift.ended_at = at
        drift.ending = Drift.Ending.PUSHED if drift.operation_id else Drift.Ending.BACK
    Drift.objects.bulk_update(drifts, ["ended_at", "ending"])


@transaction.atomic
def ignore_drift(*, drift: Drift, until: datetime, by: Membership) -> bool:
    """Leave a difference alone until a time; whether it was still open."""
    by.need(Right.FLEET)
    own = Drift.objects.filter(pk=drift.pk, ended_at=None)
    if not own.update(ignored_until=until, decided_by=by.user):
        return False
    _note("drift.ignored", drift, until=until.isoformat(timespec="minutes"))
    return True


@transaction.atomic
def close_drift(*, drift: Drift, by: Membership, at: datetime) -> bool:
    """Write down that theirs was taken; whether it was still open."""
    by.need(Right.FLEET)
    own = Drift.objects.filter(pk=drift.pk, ended_at=None)
    taken = {"ended_at": at, "ending": Drift.Ending.TAKEN, "decided_by": by.user}
    if not own.update(**taken):
        return False
    _note("drift.taken", drift)
    return True


def _note(action: str, drift: Drift, **facts: Any) -> None:
    """Add what was decided to the trail."""
    record(
        action,
        about=(drift.subject_kind, drift.subject_id),
        merchant=drift.merchant_id,
        facts={"drift": drift.pk, "field": drift.field, **facts},
    )


def forget_drift(kind: str, pk: int) -> None:
    """No longer keep what was said of somebody who is forgotten."""
    personal = Q(field__in=(Field.NAME, Field.MOBILE, Field.EMAIL))
    own = Drift.objects.filter(personal, subject_kind=kind, subject_id=pk)
    own.update(agreed=None, theirs=None)
    own.filter(ended_at=None).update(ended_at=timezone.now(), ending=Drift.Ending.BACK)
