"""Closing business days and months, adjusting what was closed, and opening it again.

A document is written by one statement from one moment of the database, behind a lock of its branch;
its file is made from the frozen rows each time, so that it has the same bytes each time.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import AuditEntry, Branch, Membership, Right
from portal.conflicts import Conflict
from portal.proofs import digest_of, is_ours, sealed
from settlements.models import Document
from settlements.queries import days_of, missing_of, standing_documents, standing_sql

DAY = timedelta(days=1)
Kind, Span = Document.Kind, Document.Span
VERSION = 1

# What a transaction counts, as its frozen state says; a row that has gone counts nothing.
_COUNTS = """
    (case when {0}kind = 'PURCHASE' and {0}status = 'APPROVED' then 1 else 0 end)
        as {1}sales,
    (case when {0}kind = 'PURCHASE' and {0}status = 'APPROVED'
        then coalesce({0}captured_minor, 0) else 0 end) as {1}sales_minor,
    (case when {0}kind = 'REFUND' and {0}status = 'APPROVED' then 1 else 0 end) as {1}refunds,
    (case when {0}kind = 'REFUND' and {0}status = 'APPROVED'
        then coalesce({0}captured_minor, 0) else 0 end) as {1}refunds_minor
"""
_STATE = (
    "transaction_id", "account_id", "ref", "kind", "status", "scheme", "currency", "amount_minor",
    "captured_minor", "occurred_at",
)  # fmt: skip
_NUMBERS = ("sales", "sales_minor", "refunds", "refunds_minor")
_COLUMNS = ("merchant_id", "document_id", "position", "what", *_STATE, *_NUMBERS)
_NOW = f"""
    select id as transaction_id, {", ".join(_STATE[1:])}, {_COUNTS.format("", "")}
    from transactions_transaction
    where merchant_id = %(merchant)s and branch_id = %(branch)s and business_day = %(day)s
"""  # noqa: S608 (columns of this file)
_INTO = f"insert into settlements_closedrow ({', '.join(_COLUMNS)})"
# How many rows were stored, and what the roll-ups say at the same moment.
_SAID = f"select (select count(*) from stored), ({standing_sql()})"  # noqa: S608
_FREEZE = f"""
    with stored as (
        {_INTO}
        select %(merchant)s, %(document)s,
            row_number() over (order by occurred_at, transaction_id), 'FROZEN',
            {", ".join(_STATE)}, {", ".join(_NUMBERS)}
        from ({_NOW}) n returning 1
    )
    {_SAID}
"""  # noqa: S608
# What each transaction was last said to be, against what it is. Another currency is a row that has
# gone and one that came.
_ADJUST = f"""
    with was as (
        select distinct on (r.transaction_id, r.currency) r.what, {
    ", ".join(f"r.{name}" for name in _STATE)
}, {_COUNTS.format("r.", "had_")}
        from settlements_closedrow r join settlements_document d on d.id = r.document_id
        where d.id = any(%(documents)s)
        order by r.transaction_id, r.currency, d.number desc
    ),
    now as ({_NOW}),
    held as (select * from was where what <> 'GONE'),
    found as (
        select case when h.transaction_id is null then 'LATE' else 'CHANGED' end as what,
            {", ".join(f"n.{name}" for name in _STATE)},
            {", ".join(f"n.{name} - coalesce(h.had_{name}, 0) as {name}" for name in _NUMBERS)}
        from now n left join held h
            on h.transaction_id = n.transaction_id and h.currency = n.currency
        where h.transaction_id is null or (n.kind, n.status, n.scheme, n.amount_minor,
            n.captured_minor, n.occurred_at) is distinct from (h.kind, h.status, h.scheme,
            h.amount_minor, h.captured_minor, h.occurred_at)
        union all
        select 'GONE', {", ".join(f"h.{name}" for name in _STATE)},
            {", ".join(f"-h.had_{name}" for name in _NUMBERS)}
        from held h left join now n
            on h.transaction_id = n.transaction_id and h.currency = n.currency
        where n.transaction_id is null
    ),
    stored as (
        {_INTO}
        select %(merchant)s, %(document)s,
            row_number() over (order by occurred_at, transaction_id, what desc), what,
            {", ".join(_STATE)}, {", ".join(_NUMBERS)}
        from found returning 1
    )
    {_SAID}
"""  # noqa: S608
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


class NotClosable(Conflict):
    """In words, why days cannot be closed now, or opened again."""


@dataclass(frozen=True)
class Made:
    """How many documents a close has made, and of how many days nothing had changed."""

    documents: int
    same: int


def close_days(
    *, branch: Branch, days: Sequence[date], by: Membership, at: datetime,
    anyway: bool = False, reason: str = "",
) -> Made:  # fmt: skip
    """Freeze business days; of what is closed already, an adjustment where something changed.

    Each day is a transaction of its own, so that after a kill the rest is gone on with. Raises
    NotClosable for a day that is not over, and, unless `anyway` with a reason, for one of which
    something may be missing.
    """
    by.need(Right.CLOSE)
    made = same = 0
    for day in sorted(set(days)):
        if _close_day(branch, day, by, at, anyway, reason):
            made += 1
        else:
            same += 1
    return Made(made, same)


def close_month(
    *, branch: Branch, month: date, by: Membership, at: datetime,
    anyway: bool = False, reason: str = "",
) -> Made:  # fmt: skip
    """Close every day of a month that is not closed, adjust the others, and freeze their list."""
    by.need(Right.CLOSE)
    first = month.replace(day=1)
    until = (first + timedelta(days=32)).replace(day=1)
    days = [first + timedelta(days=number) for number in range((until - first).days)]
    made = close_days(branch=branch, days=days, by=by, at=at, anyway=anyway, reason=reason)
    with transaction.atomic():
        _hold(branch)
        before = standing_documents(branch, first, Span.MONTH)
        told = {number for each in before for number in each.manifest["documents"]}
        new = [each for each in days_of(branch, first, until) if each.number not in told]
        if before and not new:
            return made
        _write(
            branch, Kind.ADJUSTMENT if before else Kind.CLOSE, Span.MONTH, first, until, by, at,
            reason=reason, more={"documents": sorted(each.number for each in new)},
        )  # fmt: skip
    return Made(made.documents + 1, made.same)


def reopen(
    *, branch: Branch, span: str, since: date, by: Membership, reason: str, at: datetime
) -> Document:
    """Open a day or a month again, with a reason; what was frozen stays, and so do its documents.

    A day of a closed month is opened after the month. Raises NotClosable.
    """
    by.need(Right.REOPEN)
    if not reason.strip():
        raise NotClosable(_("Say why it is opened again."))
    with transaction.atomic():
        _hold(branch)
        own = standing_documents(branch, since, Span(span))
        if not own:
            raise NotClosable(_("It is not closed."))
        if span == Span.DAY and standing_documents(branch, since.replace(day=1), Span.MONTH):
            raise NotClosable(_("Its month is closed. Open the month again first."))
        made = _write(
            branch, Kind.REOPENING, Span(span), since, own[0].until, by, at,
            reason=reason.strip()[:200], more={},
        )  # fmt: skip
    assert made is not None
    return made


def _close_day(
    branch: Branch, day: date, by: Membership, at: datetime, anyway: bool, reason: str
) -> bool:
    with transaction.atomic():
        own = _hold(branch)
        if own.begins(day + DAY) > at:
            raise NotClosable(_("The business day %(day)s is not over yet.") % {"day": day})
        before = standing_documents(branch, day, Span.DAY)
        missing = missing_of(own, day)
        if missing and not before and not (anyway and reason.strip()):
            raise NotClosable(
                _("Of %(day)s something may be missing: %(what)s.")
                % {"day": day, "what": "; ".join(missing)}
            )
        kind = Kind.ADJUSTMENT if before else Kind.CLOSE
        made = _write(
            own, kind, Span.DAY, day, day + DAY, by, at,
            reason=reason.strip()[:200] if missing else "", before=before,
            more={"missing": missing},
        )  # fmt: skip
    return made is not None


def _hold(branch: Branch) -> Branch:
    """One writer of a branch's chain at a time; the branch as it is now."""
    return Branch.objects.select_for_update(no_key=True).get(pk=branch.pk)


def _write(
    branch: Branch, kind: str, span: str, since: date, until: date, by: Membership, at: datetime,
    *, reason: str, more: dict[str, Any], before: Sequence[Document] = (),
) -> Document | None:  # fmt: skip
    """Add a document to a branch's chain, with its rows and its trace in the trail.

    None where an adjustment would say nothing.
    """
    last = Document.objects.filter(branch=branch).order_by("-number").first()
    document = Document(
        pk=_next_pk(), merchant_id=branch.merchant_id, branch=branch, kind=kind, span=span,
        number=last.number + 1 if last else 1, since=since, until=until, made_at=at,
        made_by_id=by.user_id, reason=reason,
    )  # fmt: skip
    if span == Span.DAY and kind != Kind.REOPENING:
        rows, document.standing = _store(document, before)
        if kind == Kind.ADJUSTMENT and not rows:
            return None
    document.manifest = plain = _manifest(document, branch, last, more)
    document.rows = plain["rows"] = sum(each["rows"] for each in plain["totals"])
    sha, size = hashlib.sha256(), 0
    for piece in file_of(document):
        sha.update(piece)
        size += len(piece)
    document.manifest = sealed(plain, sha.hexdigest(), size)
    document.digest = digest_of(document.manifest)
    document.save(force_insert=True)
    facts = {
        "document": document.number, "span": span, "since": since.isoformat(),
        "rows": document.rows,
    }  # fmt: skip
    record(_ACTIONS[kind], subject=branch, reason=reason, facts=facts)
    return document


_ACTIONS: dict[str, str] = {
    Kind.CLOSE: "day.closed", Kind.ADJUSTMENT: "day.adjusted", Kind.REOPENING: "day.reopened",
}  # fmt: skip


def _next_pk() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select nextval(pg_get_serial_sequence('settlements_document', 'id'))")
        return int(cursor.fetchone()[0])


def _store(document: Document, before: Sequence[Document]) -> tuple[int, dict[str, Any]]:
    """Freeze a document's rows; how many, and what the day adds up to at that moment."""
    given: dict[str, Any] = {
        "document": document.pk, "merchant": document.merchant_id, "branch": document.branch_id,
        "day": document.since, "documents": [each.pk for each in before],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADJUST if before else _FREEZE, given)
        rows, standing = cursor.fetchone()
    return rows, json.loads(standing or "{}")


def _manifest(
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


class BrokenChain(Exception):
    """In words, where a branch's documents are not as they were made."""


def check_chain(branch: Branch) -> int:
    """Make every document of a branch anew and follow its chain; how many there are.

    Raises BrokenChain.
    """
    previous, number = "", 0
    for document in Document.objects.filter(branch=branch).order_by("number").iterator():
        number += 1
        manifest = document.manifest
        if document.number != number:
            raise BrokenChain(f"Document {number} of branch {branch.pk} is missing.")
        if not is_ours(manifest) or document.digest != digest_of(manifest):
            raise BrokenChain(f"Document {document} was changed: its manifest is not as made.")
        if manifest["previous"] != previous:
            raise BrokenChain(f"Document {document} does not follow the one before it.")
        if any(manifest[name] != value for name, value in _own(document).items()):
            raise BrokenChain(f"Document {document} is not what its manifest says of it.")
        sha = hashlib.sha256()
        for piece in file_of(document):
            sha.update(piece)
        if sha.hexdigest() != manifest["sha256"]:
            raise BrokenChain(f"The rows of document {document} are not as they were frozen.")
        previous = document.digest
    told = AuditEntry.objects.filter(
        action__in=_ACTIONS.values(), subject_kind="branch", subject_id=branch.pk
    ).order_by("-pk")
    last = told.values_list("facts", flat=True).first()
    if last is not None and last["document"] > number:
        raise BrokenChain(f"Document {last['document']} of branch {branch.pk} is missing.")
    return number


def _own(document: Document) -> dict[str, Any]:
    """What a document's row says as its manifest does."""
    return {
        "document": document.number, "kind": document.kind, "span": document.span,
        "branch": document.branch_id, "reason": document.reason, "rows": document.rows,
        "days": [document.since.isoformat(), document.until.isoformat()],
        "made_at": document.made_at.isoformat(), "made_by": document.made_by_id,
        "standing": document.standing,
    }  # fmt: skip
