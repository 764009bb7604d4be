"""Django's PostgreSQL, with each statement preceded by the scope that it is made in.

The scope goes in the statement's own message and holds until its transaction's end, so it costs
no round trip, and nothing of it is left on a connection that others use next, also where a pooler
hands connections out by the transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import ProgrammingError
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import register_tzloader
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.sql import Composable

from portal.isolation import NOBODY, Scope, current

# Django makes them of psycopg's at run time.
_Cursor: Any = base.Cursor
_ServerSideCursor: Any = base.ServerSideCursor
# What must be a transaction's first statement, or is all that a failed one still takes. It reads no
# rows, and may take back what was said.
SAID_FIRST = ("set ", "rollback")
# What was said to each connection in its present transaction; None where that is not known.
_said: "WeakKeyDictionary[psycopg.Connection[Any], Scope | None]" = WeakKeyDictionary()


def _unsaid(connection: "psycopg.Connection[Any]") -> Scope | None:
    """The scope where the database must still be told it."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        # What was said has ended with its transaction.
        _said.pop(connection, None)
    scope = current()
    return None if _said.get(connection, NOBODY) == scope else scope


def _say(connection: "psycopg.Connection[Any]") -> None:
    """Say it beforehand, for what takes more than one message."""
    scope = _unsaid(connection)
    if scope is None:
        return
    if connection.autocommit:
        raise ProgrammingError("Rows of a merchant are copied or fetched inside a transaction.")
    psycopg.ClientCursor(connection).execute(scope.said.encode())
    _said[connection] = scope


class Cursor(_Cursor):  # type: ignore[misc]
    """Says the scope before each statement."""

    def execute(self, query: Any, params: Any = None, **how: Any) -> "Cursor":
        if isinstance(query, Composable):
            query = query.as_string(self)
        text = query.decode() if isinstance(query, bytes) else query
        before = text.lstrip().lower().startswith(SAID_FIRST)
        scope = None if before else _unsaid(self.connection)
        try:
            super().execute(f"{scope.said} {text}" if scope else text, params, **how)
        except BaseException:
            _said[self.connection] = None
            raise
        if scope is not None:
            self.nextset()
            _said[self.connection] = scope
        if before:
            # What was said since the savepoint is undone with the rest.
            _said[self.connection] = None
        return self

    def executemany(self, query: Any, params_seq: Any, **how: Any) -> None:
        _say(self.connection)
        super().executemany(query, params_seq, **how)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **how: Any) -> Iterator[psycopg.Copy]:
        _say(self.connection)
        with super().copy(statement, params, **how) as copy:
            yield copy

    def copied(self, statement: str, params: Any = None, rows: int = 2_000) -> Iterator[bytes]:
        """What a `copy … to stdout` gives, so many rows at a time; `rowcount` is right at its end.

        Waiting for each row by itself, as `copy` does, costs more than the database takes to write
        it; here the library under psycopg waits.
        """
        _say(self.connection)
        text = psycopg.ClientCursor(self.connection).mogrify(statement, params)
        door = self.connection.pgconn
        begun = door.exec_(text.encode())
        if begun.status != ExecStatus.COPY_OUT:
            raise error_from_result(begun)
        whole, some = False, []
        try:
            while True:
                length, row = door.get_copy_data(0)
                if length < 0:
                    break
                some.append(row)
                if len(some) == rows:
                    yield b"".join(some)
                    some.clear()
            whole = True
        finally:
            if not whole:
                door.get_cancel().cancel()
                while door.get_copy_data(0)[0] > 0:
                    pass
            ended = door.get_result()
            while door.get_result() is not None:
                pass
        if ended is None or ended.status != ExecStatus.COMMAND_OK:
            raise error_from_result(ended) if ended else psycopg.OperationalError("lost")
        self._rowcount = ended.command_tuples or 0
        if some:
            yield b"".join(some)


class ServerSideCursor(_ServerSideCursor):  # type: ignore[misc]
    """Likewise, for rows that are fetched by and by: inside of a transaction."""

    def execute(self, query: Any, params: Any = None, **how: Any) -> "ServerSideCursor":
        _say(self.connection)
        super().execute(query, params, **how)
        return self


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose cursors say the scope."""

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    def create_cursor(self, name: str | None = None) -> Any:
        # Outside a transaction a cursor would outlive what was said.
        if name is None or self.connection.autocommit:
            return super().create_cursor()
        cursor = ServerSideCursor(self.connection, name=name, scrollable=False)
        register_tzloader(self.timezone, cursor)
        return cursor
