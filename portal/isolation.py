"""Whose rows are seen: every statement tells the database, which shows no others.

Queries are narrowed to a merchant by themselves; this is what holds where one was forgotten. The
scope is PostgreSQL's to enforce, by the policies that `isolate` puts on a table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.migrations import RunSQL


@dataclass(frozen=True)
class Scope:
    """One merchant's rows, what a person must see of all their merchants, or everybody's."""

    merchant: int | None = None
    person: int | None = None
    everywhere: bool = False

    @property
    def said(self) -> str:
        """The statement that tells it to the database, until the transaction's end."""
        values = {
            "portal.merchant": self.merchant or "",
            "portal.person": self.person or "",
            "portal.everywhere": "on" if self.everywhere else "",
        }
        calls = (f"set_config('{name}', '{value}', true)" for name, value in values.items())
        return f"select {', '.join(calls)};"


NOBODY = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=NOBODY)


def current() -> Scope:
    return _scope.get()


def enter(scope: Scope) -> None:
    """Go on with another scope, inside of one that ends by itself."""
    _scope.set(scope)


@contextmanager
def within(scope: Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def of(merchant: int, person: int | None = None) -> Iterator[None]:
    """See one merchant's rows."""
    with within(Scope(merchant=merchant, person=person)):
        yield


@contextmanager
def of_person(person: int) -> Iterator[None]:
    """See for which merchants a person works."""
    with within(Scope(person=person)):
        yield


@contextmanager
def everywhere() -> Iterator[None]:
    """See every merchant's rows: for jobs and commands, and to find whose something is."""
    with within(Scope(everywhere=True)):
        yield


@contextmanager
def nobody() -> Iterator[None]:
    """See no merchant's rows, whatever was seen outside."""
    with within(NOBODY):
        yield


# Each is worked out once a statement, not once a row.
MERCHANT = "(select nullif(current_setting('portal.merchant', true), '')::bigint)"
PERSON = "(select nullif(current_setting('portal.person', true), '')::bigint)"
EVERYWHERE = "(select current_setting('portal.everywhere', true) = 'on')"


_Statements = list[str | tuple[str, Any]]


def isolate(table: str, rows: str = "merchant_id = {merchant}", seen: str = "") -> RunSQL:
    """The policy of a table: which of its rows are the merchant's, and forced on its owner too.

    `seen` are further rows that may be read. Migrations stand on this, so it stays as it is.
    """
    own = f"({rows.format(merchant=MERCHANT)}) or {EVERYWHERE}"
    statements: _Statements = [
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy of_the_merchant on {table} using ({own}) with check ({own})",
    ]
    undo: _Statements = [f"drop policy of_the_merchant on {table}"]
    if seen:
        also = seen.format(person=PERSON)
        statements.append(f"create policy of_the_person on {table} for select using ({also})")
        undo.append(f"drop policy of_the_person on {table}")
    undo += [
        f"alter table {table} no force row level security",
        f"alter table {table} disable row level security",
    ]
    return RunSQL(statements, undo)
