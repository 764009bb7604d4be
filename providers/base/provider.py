"""What a connector can do: it offers a capability by having the method.

A connector is stateless, never writes rows, and fails only in the six ways of
`providers.base.errors`. Amounts that it is given are Money.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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


def _all(refs: Sequence[str]) -> Sequence[str]:
    return refs


@dataclass(frozen=True)
class Watch:
    """What to look after where a provider lists nothing by date: all of it is known beforehand.

    `unknown` tells which of some references of payments and refunds are not at their end here, so
    that the others need not be asked for. It is called by whoever takes the batches, in their
    thread.
    """

    # Terminals, of which what goes on and what was captured is asked for.
    tids: tuple[str, ...] = ()
    payments: tuple[str, ...] = ()
    refunds: tuple[str, ...] = ()
    # Payments whose refunds are asked for.
    sales: tuple[str, ...] = ()
    fetchers: int = 4
    unknown: Callable[[Sequence[str]], Sequence[str]] = _all


class Connector(Protocol):
    """One account at one provider."""

    # Of its translation: where it differs from what rows were read with, they are read again.
    version: str

    def close(self) -> None: ...

    def try_connection(self) -> str:
        """Make the cheapest read there is; returns what was seen, in a word for the log."""
        ...


@dataclass(frozen=True)
class DemoAccount:
    """An account at the provider's own sandbox, as the demo connects it for a merchant's slug."""

    merchant: str
    name: str
    credentials: Mapping[str, str]
    # The numbers of its terminals, where no list tells them.
    terminals: tuple[str, ...] = ()
    # What it calls a branch that another account knows under another name.
    joins: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Deadlines:
    """How long what a customer has reserved waits to be captured, before the provider lets it go;
    and a refund, before it is captured by itself."""

    payment: timedelta
    refund: timedelta


class ConnectorFactory(Protocol):
    """A provider's folder, as the registry finds it."""

    name: str
    title: str
    hosts: frozenset[str]
    credentials: type[msgspec.Struct]
    # The part of the credentials that tells accounts apart and is not secret.
    default_zone: str
    receipt_example: bytes
    demo: tuple[DemoAccount, ...]
    # Which of the credentials the provider gives out by a call; None: people copy all of them.
    given: str | None
    # In which its customers usually pay; None: its merchants may be anywhere.
    currency: str | None
    # None where payments are not taken in steps.
    deadlines: Deadlines | None

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
class FollowsTerminals(Protocol):
    """Tells of terminals by their numbers only."""

    def follow_terminals(self, tids: Sequence[str], *, fetchers: int = 4) -> Generator[Batch]: ...
    def read_terminals(self, items: Iterable[Item]) -> Reading[TerminalRecord]: ...


@runtime_checkable
class FollowsTransactions(Protocol):
    """Tells of payments by their references, and of what goes on at a terminal."""

    def follow_transactions(self, watch: Watch) -> Generator[Batch]: ...
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


@runtime_checkable
class ManagesTokens(Protocol):
    """The provider gives a merchant's token out by a call; each is told once."""

    def create_token(self) -> str: ...
    def reset_token(self) -> str: ...


@runtime_checkable
class CarriesPoints(Protocol):
    """A terminal of the merchant's carries a point of sale at the provider, or none."""

    def create_point(self, tid: str) -> None: ...
    def delete_point(self, tid: str) -> None: ...
    def find_point(self, tid: str) -> TerminalRecord: ...


@runtime_checkable
class SeesCustomers(Protocol):
    """Says whether a customer stands at a terminal; None where that is not said."""

    def seen_at_terminal(self, tid: str) -> bool | None: ...
    def seen_at_point(self, ref: str) -> bool | None: ...


@runtime_checkable
class ShowsCodes(Protocol):
    """Tells what the code at a terminal says that customers scan."""

    def show_code(self, tid: str) -> str: ...


@runtime_checkable
class TakesPayments(Protocol):
    """Takes payments in steps. Amounts are asked for once the customer is there, or at once.

    `order` is the till's own word for a sale, by which one is found again whose answer was lost.
    A state is one of the provider's words.
    """

    def ended_states(self) -> Sequence[str]: ...
    def start_payment(self, tid: str, *, order: str, amount: Money) -> str: ...
    def start_payment_at_point(self, ref: str, *, order: str, amount: Money) -> str: ...
    def prepare_payment(self, tid: str, *, order: str) -> str: ...
    def ready_payment(self, tid: str, *, payment: str, order: str, amount: Money) -> None: ...
    def capture_payment(self, ref: str, *, amount: Money) -> None: ...
    def cancel_payment(self, ref: str) -> None: ...
    def state_of_payment(self, ref: str) -> str: ...
    def payments_of_order(self, tid: str, *, order: str) -> list[str]: ...
    def recall_by_state(self, *, order: str, state: str) -> str: ...
    def recall_by_terminal(self, tid: str, *, state: str) -> str: ...
    def recall_by_point(self, ref: str, *, state: str) -> str: ...


@runtime_checkable
class RefundsPayments(Protocol):
    """Gives back of a captured payment, in parts too; reserved first, then captured."""

    def create_refund(self, payment: str, *, order: str, amount: Money) -> str: ...
    def refunds_of(self, payment: str) -> list[str]: ...
    def capture_refund(self, ref: str) -> None: ...
    def cancel_refund(self, ref: str) -> None: ...


CAPABILITIES: tuple[type, ...] = (
    ListsBranches,
    ListsTerminals,
    ListsTransactions,
    FollowsTerminals,
    FollowsTransactions,
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
    ManagesTokens,
    CarriesPoints,
    SeesCustomers,
    ShowsCodes,
    TakesPayments,
    RefundsPayments,
)


# No call: nothing is asked of the provider.
@runtime_checkable
class LinksReceipts(Protocol):
    def receipt_link(self, receipt_ref: str) -> str:
        """The provider's own page of a receipt. Whoever has the address sees it: a secret."""
        ...
