"""How an app says what of its rows can be synced.

Each app's `sync.py` lists RESOURCES; `merchants.sync` conducts them in their order.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merchants.models import ProviderAccount
from providers.base.paging import Batch
from providers.base.provider import Period
from providers.base.reading import Item, Reading


@dataclass(frozen=True)
class Stored:
    """How many rows a batch added and how many it changed."""

    inserted: int
    changed: int


@dataclass(frozen=True)
class Resource:
    """One kind of row: how it is listed, read and stored.

    `capability` is the protocol that a connector must satisfy. `windowed` lists have a time, and
    only what is recent is read again; others are read whole by every run.
    """

    name: str
    position: int
    capability: type
    list: Callable[[Any, Period, ProviderAccount], Generator[Batch]]
    read: Callable[[Any, Iterable[Item], ProviderAccount], Reading[Any]]
    # The content hashes of those of some refs that are stored.
    known: Callable[[ProviderAccount, Sequence[str]], dict[str, bytes]]
    store: Callable[[ProviderAccount, Sequence[tuple[Item, Any]], datetime], Stored]
    windowed: bool = True
    # Reading a single one by its ref, and the protocol for it.
    finds: type | None = None
    find: Callable[[Any, str], Any] | None = None
    # Given the refs that a whole list had: those that we know besides; and what it means that the
    # provider does not know some of these when it is asked for them one by one, and does list some
    # that were gone.
    unlisted: Callable[[ProviderAccount, set[str]], Sequence[str]] | None = None
    gone: Callable[[ProviderAccount, Sequence[str], set[str], datetime], None] | None = None
    # Where nothing is listed, and what is known is followed: how far that is complete once all of
    # it was delivered. It says itself what is missing.
    followed: Callable[[ProviderAccount, datetime], datetime | None] | None = None
