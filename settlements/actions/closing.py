"""Closing business days and months, adjusting what was closed, and opening it again.

A document is written by one statement from one moment of the database, behind a lock of its branch;
its file is made from the frozen rows each time, so that it has the same bytes each time.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import Branch, Membership, Right
from portal.conflicts import Conflict
from portal.proofs import digest_of, sealed
from settlements.actions.papers import file_of, manifest_of
from settlements.models import Document
from settlements.queries import days_of, missing_of, standing_documents, standing_sql

DAY = timedelta(days=1)
Kind, Span = Document.Kind, Document.Span

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
    document.manifest = plain = manifest_of(document, branch, last, more)
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
    record(ACTIONS[kind], subject=branch, reason=reason, facts=facts)
    return document


ACTIONS: dict[str, str] = {
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
