"""Writing many rows at once: COPY into a temporary table, then one INSERT … ON CONFLICT.

Rows are sorted by their key, so that writers of the same rows queue and do not deadlock. A row
whose content hash is unchanged is not written, and an older version never overwrites a newer one.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import connection
from psycopg import sql


@cache
def _types(table: str) -> dict[str, str]:
    """The type of each column, which a binary COPY must be told."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.attname, t.typname from pg_attribute a join pg_type t on t.oid = a.atttypid"
            " where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped",
            [table],
        )
        return dict(cursor.fetchall())


def hashes(table: str, account_id: int, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of an account's rows that are stored, by ref."""
    found = of_refs(table, ("content_hash",), account_id, refs)
    return {ref: bytes(digest) for ref, digest in found if digest is not None}


def pks(table: str, account_id: int, refs: Sequence[str]) -> dict[str, int]:
    """The primary keys of those of an account's rows that are stored, by ref."""
    return dict(of_refs(table, ("id",), account_id, refs))


def of_refs(
    table: str, columns: Sequence[str], account_id: int, refs: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The ref and some columns of those of an account's rows that are stored.

    One text instead of a thousand parameters: that alone halves the time it takes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "select {columns} from {table} where account_id = %s"
                " and ref = any(array(select json_array_elements_text(%s::json)))"
            ).format(
                columns=sql.SQL(", ").join(map(sql.Identifier, ("ref", *columns))),
                table=sql.Identifier(table),
            ),
            [account_id, msgspec.json.encode(refs).decode()],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def upsert(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
    keep: Sequence[str] = (),
    fill: Sequence[str] = (),
    where: str = "",
    returning: Sequence[str] = ("id",),
) -> list[tuple[Any, ...]]:
    """Insert rows or update those that differ, inside the caller's transaction.

    `keep` names columns that only an insert sets, `fill` those in which NULL means «not said» and
    leaves what was there. `where` narrows the key to a partial unique
    index. Returns, for the rows that were written, `returning` and whether each was inserted.
    """
    incoming = sql.Identifier(f"incoming_{table}")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    target = sql.Identifier(table)
    changing = [column for column in columns if column not in (*key, *keep)]
    updates = sql.SQL(", ").join(
        sql.SQL(
            "{0} = coalesce(excluded.{0}, {1}.{0})" if column in fill else "{0} = excluded.{0}"
        ).format(sql.Identifier(column), target)
        for column in changing
    )
    differs: sql.Composable = sql.SQL("true")
    if "content_hash" in columns:
        differs = sql.SQL("{}.content_hash is distinct from excluded.content_hash").format(target)
    if "version_at" in columns:
        differs += sql.SQL(
            " and ({0}.version_at is null or excluded.version_at is null"
            " or excluded.version_at >= {0}.version_at)"
        ).format(target)
    order = sql.SQL(", ").join(map(sql.Identifier, key))
    back = sql.SQL(", ").join(sql.SQL("{}.{}").format(target, sql.Identifier(c)) for c in returning)
    with connection.cursor() as cursor:
        # One round trip: made once a connection, and emptied of what the last batch left.
        cursor.execute(
            sql.SQL(
                "set local client_min_messages = warning;"
                " create temporary table if not exists {0} as select {1} from {2} with no data;"
                " truncate {0}"
            ).format(incoming, names, target)
        )
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(incoming, names)
        # Asked before the COPY begins: a connection that copies answers nothing else.
        types = _types(table)
        with cursor.copy(statement) as copy:
            copy.set_types([types[column] for column in columns])
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            sql.SQL(
                "insert into {target} ({names}) select {names} from {incoming} order by {order}"
                " on conflict ({order}) {where} do update set {updates} where {differs}"
                " returning {back}, (xmax = 0)"
            ).format(
                target=target,
                names=names,
                incoming=incoming,
                order=order,
                where=sql.SQL(f"where {where}" if where else ""),
                updates=updates,
                differs=differs,
                back=back,
            )
        )
        written: list[tuple[Any, ...]] = cursor.fetchall()
    return written
