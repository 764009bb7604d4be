"""The papers of closes: the file of a document, and the manifest that says what it adds up to."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction

from merchants.models import Branch
from settlements.models import Document

Span = Document.Span
VERSION = 1
_TOTALS = """
    select currency, what, count(*), sum(amount_minor)::bigint,
        coalesce(sum(captured_minor), 0)::bigint, sum(sales)::bigint, sum(sales_minor)::bigint,
        sum(refunds)::bigint, sum(refunds_minor)::bigint
    from settlements_closedrow where document_id = %s group by 1, 2 order by 1, 2
"""
_TOTAL_NAMES = (
    "currency", "what", "rows", "amount_minor", "captured_minor", "sales", "sales_minor",
    "refunds", "refunds_minor",
)  # fmt: skip
# The columns of a day's file: their names, and what `verify-report` takes them for.
_DAY_FILE = (
    ("position", "count", "position"), ("what", "word", "what"),
    ("id", "word", "transaction_id"), ("ref", "text", "ref"), ("kind", "word", "kind"),
    ("status", "word", "status"), ("scheme", "word", "scheme"),
    ("amount_minor", "minor", "amount_minor"), ("captured_minor", "minor", "captured_minor"),
    ("sales", "count", "sales"), ("sales_minor", "minor", "sales_minor"),
    ("refunds", "count", "refunds"), ("refunds_minor", "minor", "refunds_minor"),
    ("currency", "word", "currency"),
    ("occurred_at", "moment", "to_char(occurred_at at time zone 'UTC',"
     " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
)  # fmt: skip
_MONTH_FILE = (
    ("position", "count"), ("day", "day"), ("document", "count"), ("kind", "word"),
    ("digest", "word"), ("rows_of_day", "count"), ("sales_minor", "minor"),
    ("refunds_minor", "minor"), ("currency", "word"),
)  # fmt: skip


def manifest_of(
    document: Document, branch: Branch, last: Document | None, more: dict[str, Any]
) -> dict[str, Any]:
    """What is true of a document: no name of a person is in it."""
    month = document.span == Span.MONTH
    names = _MONTH_FILE if month else [(name, kind) for name, kind, _sql in _DAY_FILE]
    return {
        "version": VERSION, "report": "close", "title": f"{document.kind} {document.since}",
        "document": document.number, "kind": document.kind, "span": document.span,
        "merchant": document.merchant_id, "branch": document.branch_id,
        "days": [document.since.isoformat(), document.until.isoformat()],
        "clocks": [{"zone": branch.zone, "day_begins": f"{branch.cut_off:%H:%M}"}],
        "made_at": document.made_at.isoformat(), "made_by": document.made_by_id,
        "reason": document.reason, "standing": document.standing,
        "previous": last.digest if last else "", "form": {"form": "csv"},
        "columns": [{"name": name, "heading": name, "kind": kind} for name, kind in names],
        "totals": _month_totals(document, more) if month else _totals(document),
        **more,
    }  # fmt: skip


def _totals(document: Document) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, [document.pk])
        return [dict(zip(_TOTAL_NAMES, row, strict=True)) for row in cursor.fetchall()]


def _month_totals(document: Document, more: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in _month_lines(document, more.get("documents", ())):
        own = found.setdefault(
            line[-1], {"currency": line[-1], "rows": 0, "sales_minor": 0, "refunds_minor": 0}
        )
        own["rows"] += 1
        own["sales_minor"] += line[6]
        own["refunds_minor"] += line[7]
    return [found[currency] for currency in sorted(found)]


def _month_lines(document: Document, numbers: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    own = Document.objects.filter(branch=document.branch_id, number__in=list(numbers))
    position = 0
    for each in own.order_by("since", "number"):
        sums: dict[str, list[int]] = {}
        for total in each.manifest["totals"]:
            found = sums.setdefault(total["currency"], [0, 0, 0])
            for place, name in enumerate(("rows", "sales_minor", "refunds_minor")):
                found[place] += total[name]
        for currency, (rows, sales, refunds) in sorted(sums.items()):
            position += 1
            yield (
                position, each.since, each.number, each.kind, each.digest, rows, sales, refunds,
                currency,
            )  # fmt: skip


def file_of(document: Document) -> Iterator[bytes]:
    """The bytes of a document's file, in pieces: from frozen rows, and so always the same."""
    if document.span == Span.MONTH:
        yield (",".join(name for name, _kind in _MONTH_FILE) + "\n").encode()
        for line in _month_lines(document, document.manifest.get("documents", ())):
            yield (",".join(str(each) for each in line) + "\n").encode()
        return
    yield (",".join(name for name, _kind, _sql in _DAY_FILE) + "\n").encode()
    listed = ", ".join(sql for _name, _kind, sql in _DAY_FILE)
    rows = f"select {listed} from settlements_closedrow where document_id = {int(document.pk)}"  # noqa: S608
    with (
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"copy ({rows} order by position) to stdout (format csv)") as copy,
    ):
        for piece in copy:
            yield bytes(piece)
