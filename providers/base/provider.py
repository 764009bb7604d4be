"""What a connector can do: it offers a capability by having the method.

A connector is stateless, never writes rows, and fails only in the six ways of
`providers.base.errors`. Amounts that it is given are Money.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from providers.base.http import Door, Limits
from providers.base.money import Money
from providers.base.paging import Batch
from providers.base.reading import Item, Reading
from providers.base.records import (
    BranchRecord,
    Kind,
    ReconciliationRecord,
    SessionRecord,
    TerminalRecord,
    TerminalUserRecord,
    TransactionRecord,
)


@dataclass(frozen=True)
class Period:
    """What a listing must cover: everything from `since`, or from the beginning."""

    since: datetime | None = None
    fetchers: int = 4


class Connector(Protocol):
    """One account at one provider."""

    # Of its translation: where it differs from what rows were read with, they are read again.
    version: str

    def close(self) -> None: ...

    def try_connection(self) -> str:
        """Make the cheapest read there is; returns what was seen, in a word for the log."""
        ...


class ConnectorFactory(Protocol):
    """A provider's folder, as the registry finds it."""

    name: str
    title: str
    hosts: frozenset[str]
    credentials: type[msgspec.Struct]
    # The part of the credentials that tells accounts apart and is not secret.
    default_zone: str
    receipt_example: bytes

    def __call__(
        self,
        credentials: msgspec.Struct,
        *,
        hosts: frozenset[str],
        limits: Limits | None = None,
        door: Door | None = None,
    ) -> Connector: ...


@runtime_checkable
class ListsBranches(Protocol):
    def list_branches(self, period: Period) -> Generator[Batch]: ...
    def read_branches(self, items: Iterable[Item]) -> Reading[BranchRecord]: ...


@runtime_checkable
class ListsTerminals(Protocol):
    def list_terminals(self, period: Period) -> Generator[Batch]: ...
    def read_terminals(self, items: Iterable[Item]) -> Reading[TerminalRecord]: ...


@runtime_checkable
class ListsTransactions(Protocol):
    def list_transactions(self, period: Period) -> Generator[Batch]: ...
    def read_transactions(self, items: Iterable[Item]) -> Reading[TransactionRecord]: ...


@runtime_checkable
class ListsSessions(Protocol):
    def list_sessions(
        self, period: Period, *, terminal_refs: Sequence[str]
    ) -> Generator[Batch]: ...
    def read_sessions(self, items: Iterable[Item]) -> Reading[SessionRecord]: ...


@runtime_checkable
class ListsReconciliations(Protocol):
    def list_reconciliations(self, period: Period) -> Generator[Batch]: ...
    def read_reconciliations(self, items: Iterable[Item]) -> Reading[ReconciliationRecord]: ...


@runtime_checkable
class FindsBranches(Protocol):
    def find_branch(self, ref: str) -> BranchRecord: ...


@runtime_checkable
class FindsTerminals(Protocol):
    def find_terminal(self, ref: str) -> TerminalRecord: ...


@runtime_checkable
class FindsTransactions(Protocol):
    def find_transaction(self, ref: str) -> TransactionRecord: ...


@runtime_checkable
class FindsReconciliations(Protocol):
    def find_reconciliation(self, ref: str) -> ReconciliationRecord: ...


@runtime_checkable
class CreatesBranches(Protocol):
    def create_branch(
        self, *, name: str, name_ar: str, reference: str, owner: TerminalUserRecord
    ) -> BranchRecord: ...


@runtime_checkable
class CreatesTerminals(Protocol):
    def create_terminal(self, *, branch_ref: str, name: str, code: str) -> TerminalRecord: ...


@runtime_checkable
class AssignsTerminals(Protocol):
    def assign_terminal(
        self, terminal_ref: str, *, name: str, email: str, mobile: str
    ) -> TerminalRecord: ...

    def unassign_terminal(self, terminal_ref: str) -> None: ...


@runtime_checkable
class DisconnectsTerminals(Protocol):
    def disconnect_terminal(self, terminal_ref: str) -> None: ...


@runtime_checkable
class CreatesReconciliations(Protocol):
    def create_reconciliation(self, terminal_ref: str) -> ReconciliationRecord: ...


@runtime_checkable
class OpensSessions(Protocol):
    def create_session(
        self, terminal_ref: str, *, kind: Kind, amount: Money, reference: str, refund_of: str
    ) -> SessionRecord: ...


CAPABILITIES: tuple[type, ...] = (
    ListsBranches,
    ListsTerminals,
    ListsTransactions,
    ListsSessions,
    ListsReconciliations,
    FindsBranches,
    FindsTerminals,
    FindsTransactions,
    FindsReconciliations,
    CreatesBranches,
    CreatesTerminals,
    AssignsTerminals,
    DisconnectsTerminals,
    CreatesReconciliations,
    OpensSessions,
)


# No call: nothing is asked of the provider.
@runtime_checkable
class LinksReceipts(Protocol):
    def receipt_link(self, receipt_ref: str) -> str:
        """The provider's own page of a receipt. Whoever has the address sees it: a secret."""
        ...
