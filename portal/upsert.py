"""Writing many rows at once: COPY into a temporary table, then one INSERT … ON CONFLICT.

Rows are sorted by their key, so that writers of the same rows queue and do not deadlock. A row
whose content hash is unchanged is not written, and an older version never overwrites a newer one.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg import sql


def upsert(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
    keep: Sequence[str] = (),
    where: str = "",
    returning: Sequence[str] = ("id",),
) -> list[tuple[Any, ...]]:
    """Insert rows or update those that differ, inside the caller's transaction.

    `keep` names columns that only an insert sets. `where` narrows the key to a partial unique
    index. Returns, for the rows that were written, `returning` and whether each was inserted.
    """
    incoming = sql.Identifier(f"incoming_{table}")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    target = sql.Identifier(table)
    changing = [column for column in columns if column not in (*key, *keep)]
    updates = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in changing
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
        cursor.execute(
            sql.SQL(
                "create temporary table if not exists {} on commit delete rows"
                " as select {} from {} with no data"
            ).format(incoming, names, target)
        )
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(incoming, names)) as copy:
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
        # Within one transaction the table may serve again.
        cursor.execute(sql.SQL("truncate {}").format(incoming))
    return written
