"""Pages of a long list by key instead of by number: as fast at the end as at the beginning.

A cursor is encrypted together with what it belongs to: it can be neither read, as it may hold a
name, nor forged, nor carried to another list.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet

from portal import encryption

M = TypeVar("M", bound=Model)
SALT = "portal.keyset"


class InvalidCursor(Exception):
    """The cursor was changed, or belongs to another list."""


@dataclass(frozen=True)
class Keys:
    """What a list is ordered by: a field that is never null, and then the pk, both one way."""

    field: str
    descending: bool = True

    @property
    def order(self) -> list[str]:
        sign = "-" if self.descending else ""
        return [f"{sign}{self.field}", f"{sign}pk"]


@dataclass(frozen=True)
class Slice(Generic[M]):
    """Some rows of a list, and the cursors of those before and after, or None.

    `first` is the place of the first row in the list, from 1, as one has walked there; rows that
    came or went meanwhile do not change it.
    """

    rows: list[M]
    next: str | None
    previous: str | None
    first: int = 1


def cut(
    queryset: QuerySet[M], keys: Keys, *, size: int, cursor: str | None, scope: str
) -> Slice[M]:
    """The rows at a cursor of the list that `scope` names (its address and filters).

    Raises InvalidCursor.
    """
    backwards, edge, place = _open(cursor, scope) if cursor else (False, None, 0)
    descending = keys.descending is not backwards
    if edge is not None:
        value, pk = edge
        beyond = "lt" if descending else "gt"
        # The first condition lets the index find its place; the second settles ties.
        queryset = queryset.filter(**{f"{keys.field}__{beyond}e": value}).filter(
            Q(**{f"{keys.field}__{beyond}": value}) | Q(**{f"pk__{beyond}": pk})
        )
    order = [F(name).desc() if descending else F(name).asc() for name in (keys.field, "pk")]
    rows = list(queryset.order_by(*order)[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    # Backwards, `place` is how many rows stand before the edge.
    first = max(place - len(rows), 0) if backwards else place
    if not rows:
        return Slice(rows, None, None, first + 1)
    after = _seal(rows[-1], keys, scope, first + len(rows), backwards=False)
    before = _seal(rows[0], keys, scope, first, backwards=True)
    if backwards:
        return Slice(rows, after, before if more else None, first + 1 if more else 1)
    return Slice(rows, after if more else None, before if edge is not None else None, first + 1)


def _seal(row: Any, keys: Keys, scope: str, place: int, *, backwards: bool) -> str:
    value = getattr(row, keys.field)
    shown = value.isoformat() if isinstance(value, datetime) else value
    said = json.dumps([backwards, shown, row.pk, place]).encode()
    return urlsafe_b64encode(encryption.seal(said, row=f"{SALT}:{scope}")).decode().rstrip("=")


def _open(cursor: str, scope: str) -> tuple[bool, tuple[Any, int], int]:
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        said = json.loads(encryption.unseal(sealed, row=f"{SALT}:{scope}"))
        backwards, value, pk, place = said
    except (encryption.CannotDecrypt, ValueError, TypeError):
        raise InvalidCursor("The cursor is not one of this list.") from None
    return backwards, (value, pk), place
