"""Storing transactions with their receipts, and payment sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from merchants.actions.branches import branches_by_ref, ensure_branches
from merchants.actions.resource import Stored
from merchants.models import Bookmark, Branch, ProviderAccount
from merchants.queries import MAIN, at_present_days
from portal.upsert import upsert
from providers.base.reading import Item, Reading
from providers.base.records import SessionRecord, TransactionRecord
from providers.base.registry import providers
from terminals.actions import (
    ensure_devices,
    ensure_terminal_users,
    ensure_terminals,
    note_devices,
    note_seen,
)
from terminals.models import Terminal
from terminals.queries import terminals_by_ref, terminals_by_tid
from transactions import receipts
from transactions.models import Change, Kind, Transaction
from transactions.queries import COUNTED, TOLD, counted_of
from transactions.receipts import Example
from transactions.rollups import Cell, add, hold, refresh

COLUMNS = (
    "account_id", "ref", "merchant_id", "branch_id", "terminal_id", "terminal_user_id",
    "device_id", "kind", "status", "provider_status", "amount_minor", "authorised_minor",
    "captured_minor", "refunded_minor", "refunded", "currency", "scheme", "pan_last4", "rrn",
    "stan", "approval_code", "action_code", "aid", "entry_mode", "verification", "reference",
    "sale_ref", "network", "reconciled", "occurred_at", "business_day", "content_hash",
    "version_at", "learned_at", "changed_at",
)  # fmt: skip
REF, TERMINAL = COLUMNS.index("ref"), COLUMNS.index("terminal_id")
OCCURRED_AT = COLUMNS.index("occurred_at")
# Among the dictionaries that a run knows, the account's own.
OWN = "own"
PLACES = tuple(COLUMNS.index(name) for name in (*COUNTED, *TOLD))
# COUNTED as a change has it.
AFTER = ("branch_id", "day", "kind", "status", "captured")
BEFORE = ("branch_before_id", "day_before", "kind_before", "status_before", "captured_before")
# Where among what `counted_of` tells of a stored row these stand.
BRANCH, OCCURRED = COUNTED.index("branch_id"), len(COUNTED) + TOLD.index("occurred_at")
RECEIPT_COLUMNS = ("transaction_id", "position", "ref", "kind", "dictionary_id", "body")
SESSION_COLUMNS = (
    "account_id", "ref", "merchant_id", "branch_id", "terminal_id", "kind", "status",
    "provider_status", "amount_minor", "currency", "reference", "transaction_ref", "occurred_at",
    "expires_at", "content_hash", "version_at", "learned_at",
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A transaction with its receipts packed, made while the database stores another batch."""

    record: TransactionRecord
    # The columns from `kind` to `reconciled`, which need no look-up.
    plain: tuple[Any, ...]
    # Reference, kind and packed fields of each receipt, and the row of what they are packed
    # against; None: the provider's own example.
    receipts: tuple[tuple[str, str, bytes], ...]
    dictionary: int | None = None


Records = Sequence[tuple[Item, Prepared]]


def _plain(r: TransactionRecord) -> tuple[Any, ...]:
    return (
        r.kind, r.status, r.provider_status, r.amount.minor, r.authorised_minor, r.captured_minor,
        r.refunded_minor, r.refunded, r.amount.currency, r.scheme, r.pan_last4, r.rrn, r.stan,
        r.approval_code, r.action_code, r.aid, r.entry_mode, r.verification, r.reference,
        r.sale_ref, r.network, r.reconciled,
    )  # fmt: skip


def amended(made: Prepared, record: TransactionRecord) -> Prepared:
    """The same with another record, of which only the receipts are the same."""
    return replace(made, record=record, plain=_plain(record))


def prepare(record: TransactionRecord, example: Example) -> Prepared:
    """Pack a record's receipts against an example."""
    packed = (
        (each.ref, each.kind, receipts.pack(each.fields, example.body)) for each in record.receipts
    )
    return Prepared(record, _plain(record), tuple(packed), example.pk)


def prepare_all(reading: Reading[TransactionRecord], account: ProviderAccount) -> Reading[Prepared]:
    """The same for what was read of a batch, against what the account's receipts have in common."""
    example = account.known["dictionary"].get(OWN) or Example.of_provider(account.provider)
    records = [(item, prepare(record, example)) for item, record in reading.records]
    return Reading(records, reading.rejected, reading.surprises)


@transaction.atomic(savepoint=False)
def store_transactions(account: ProviderAccount, records: Records, at: datetime) -> Stored:
    """Store transactions and their receipts; only new and changed rows are written.

    A branch, terminal, person or device that is met here first is made, and filled in when the
    provider lists it.
    """
    latest = {made.record.ref: (item, made) for item, made in records}
    hold(account)
    # A change may move a row to another branch or day, and both are to be added up again.
    before = counted_of(account, list(latest))
    rows = _rows(account, latest, before, at)
    written = upsert(
        "transactions_transaction",
        COLUMNS,
        rows,
        key=("account_id", "ref"),
        keep=("merchant_id", "learned_at"),
        # What only some of a provider's answers say.
        fill=("network", "terminal_id", "device_id"),
        returning=("id", "ref"),
    )
    changed = [ref for _, ref, new in written if not new]
    _store_receipts(account, {ref: pk for pk, ref, _ in written}, changed, latest)
    _note_seen(account, written, rows, latest)
    if written:
        now = {row[REF]: tuple(row[place] for place in PLACES) for row in rows}
        _add_up_refunds(account, [latest[ref][1].record for _, ref, _ in written])
        _add_up(account, written, _cells(before), _cells(now))
        _note_changes(account, written, before, now, latest, at)
    inserted = sum(new for *_, new in written)
    return Stored(inserted, len(written) - inserted)


def _cells(counted: dict[str, tuple[Any, ...]]) -> dict[str, Cell]:
    return {ref: (branch, day) for ref, (branch, day, *_rest) in counted.items()}


def _note_changes(
    account: ProviderAccount, written: list[tuple[Any, ...]], before: dict[str, tuple[Any, ...]],
    now: dict[str, tuple[Any, ...]], latest: dict[str, tuple[Item, Prepared]], at: datetime,
) -> None:  # fmt: skip
    """Remember what counts otherwise than before, and what came after its time was complete."""
    mark = Bookmark.objects.filter(account=account, resource=MAIN).values_list(
        "complete_to", flat=True
    )
    complete_to = mark.first()
    if complete_to is None and not before:
        # Of a first reading nothing is late, and nothing was there.
        return
    rows = []
    for pk, ref, new in written:
        record = latest[ref][1].record
        if new:
            if complete_to is None or now[ref][OCCURRED] >= complete_to:
                continue
            was: tuple[Any, ...] = (None,) * len(BEFORE)
        elif (was := before[ref]) == now[ref]:
            continue
        rows.append(
            Change(
                merchant_id=account.merchant_id, transaction_id=pk, at=at,
                currency=record.amount.currency,
                **dict(zip(BEFORE, was, strict=False)), **dict(zip(AFTER, now[ref], strict=False)),
            )
        )  # fmt: skip
    Change.objects.bulk_create(rows, batch_size=1000)


def _add_up(
    account: ProviderAccount,
    written: list[tuple[Any, ...]],
    left: dict[str, Cell],
    cells: dict[str, Cell],
) -> None:
    """Keep the roll-ups: `left` are the cells of rows that were there before."""
    zone = providers()[account.provider].default_zone
    changed = {cell for _, ref, new in written if not new for cell in (left[ref], cells[ref])}
    add(account, [pk for pk, ref, new in written if new and cells[ref] not in changed], zone)
    refresh(account, changed, zone)


def _rows(
    account: ProviderAccount, latest: dict[str, tuple[Item, Prepared]],
    before: dict[str, tuple[Any, ...]], at: datetime,
) -> list[tuple[Any, ...]]:  # fmt: skip
    records = [made.record for _, made in latest.values()]
    branches = ensure_branches(account, [r.branch for r in records if r.branch])
    fallback = Branch(zone=providers()[account.provider].default_zone)
    by_ref = terminals_by_ref(account, [r.terminal_ref for r in records if r.terminal_ref])
    elsewhere = _branches_by_row(account, records, by_ref, before)
    at_present_days([*(branches[r.branch.ref] for r in records if r.branch), *elsewhere.values()])
    at_branch = {
        r.terminal.tid: branches[r.branch.ref].id if r.branch else None
        for r in records
        if r.terminal
    }
    terminals = ensure_terminals(account, at_branch, at)
    people = ensure_terminal_users(account, [r.user for r in records if r.user], at)
    met = [
        (r.device, terminals[r.terminal.tid] if r.terminal else None) for r in records if r.device
    ]
    devices = ensure_devices(account, met)
    rows = []
    for item, made in latest.values():
        r = made.record
        branch = branches[r.branch.ref] if r.branch else elsewhere.get(r.ref, fallback)
        terminal = terminals[r.terminal.tid] if r.terminal else None
        if r.terminal_ref in by_ref:
            terminal = by_ref[r.terminal_ref].pk
        # Of one whose time is not told it stays when it was first heard of.
        occurred_at = r.occurred_at or (before[r.ref][OCCURRED] if r.ref in before else at)
        rows.append(
            (
                account.id, r.ref, account.merchant_id, branch.id, terminal,
                people[r.user.ref] if r.user else None, devices[r.device.ref] if r.device else None,
                *made.plain, occurred_at,
                branch.business_day(occurred_at), item.digest, r.version_at, at, at,
            )
        )  # fmt: skip
    return rows


def _branches_by_row(
    account: ProviderAccount, records: Sequence[TransactionRecord], by_ref: Mapping[str, Terminal],
    before: Mapping[str, tuple[Any, ...]],
) -> dict[str, Branch]:  # fmt: skip
    """Where those were sold of which the provider names no branch.

    It stays where a row says that it was; a new one is where its terminal is, and a refund where
    its sale was.
    """
    unsaid = [r for r in records if r.branch is None]
    stored = {r.ref: before[r.ref][BRANCH] for r in unsaid if r.ref in before}
    sales = {r.sale_ref for r in unsaid if r.sale_ref and stored.get(r.ref) is None}
    pks = {pk for pk in stored.values() if pk is not None}
    own = Transaction.objects.filter(account=account, ref__in=sales, branch__isnull=False)
    of_sales = {row.ref: row.branch for row in own.select_related("branch")} if sales else {}
    known = Branch.objects.in_bulk(pks) if pks else {}
    found: dict[str, Branch] = {}
    for r in unsaid:
        there = by_ref.get(r.terminal_ref or "")
        branch = known.get(stored.get(r.ref) or 0) or (there.branch if there else None)
        branch = branch or of_sales.get(r.sale_ref or "")
        if branch is not None:
            found[r.ref] = branch
    return found


def _note_seen(
    account: ProviderAccount, written: list[tuple[Any, ...]], rows: list[tuple[Any, ...]],
    latest: dict[str, tuple[Item, Prepared]],
) -> None:  # fmt: skip
    """Remember of each terminal when it last took a payment, and on which device."""
    devices = account.known["devices"]
    fresh = {ref for _, ref, _ in written}
    seen: dict[int, datetime] = {}
    used: dict[int, tuple[datetime, int]] = {}
    for row in rows:
        ref, terminal, at = row[REF], row[TERMINAL], row[OCCURRED_AT]
        if ref not in fresh or terminal is None:
            continue
        if terminal not in seen or seen[terminal] < at:
            seen[terminal] = at
        told = latest[ref][1].record.device
        device = devices[told.ref] if told else None
        if device is not None and (device not in used or used[device][0] < at):
            used[device] = (at, terminal)
    note_seen(seen)
    note_devices(used)


def _add_up_refunds(account: ProviderAccount, records: Sequence[TransactionRecord]) -> None:
    """Say of sales how much of them was given back, where refunds name the sale they are of.

    One that was reserved counts: it will be captured, at the latest by itself.
    """
    sales = {r.sale_ref for r in records if r.sale_ref}
    # A sale that was read anew says nothing of its refunds.
    sales |= {r.ref for r in records if r.kind == Kind.PURCHASE and r.refunded_minor is None}
    if not sales:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "update transactions_transaction s set refunded_minor = b.minor, refunded = case"
            " when b.minor >= s.captured_minor then 'FULL' when b.minor > 0 then 'PART'"
            " else 'NONE' end"
            " from (select sale_ref, coalesce(sum(amount_minor) filter (where status in"
            " ('PENDING', 'AUTHORISED', 'APPROVED')), 0) as minor from transactions_transaction"
            " where account_id = %s and sale_ref = any(%s) group by sale_ref) b"
            " where s.account_id = %s and s.ref = b.sale_ref",
            [account.pk, sorted(sales), account.pk],
        )


def _store_receipts(
    account: ProviderAccount,
    written: dict[str, int],
    changed: list[str],
    latest: dict[str, tuple[Item, Prepared]],
) -> None:
    if not written:
        return
    # Remembered for a run and no longer: a batch that is rolled back takes a new row with it.
    kept = account.known["dictionary"]
    if account.provider not in kept:
        kept[account.provider] = receipts.dictionary_of(account.provider)
    shared = kept[account.provider].pk
    rows = [
        (pk, position, slip, kind, latest[ref][1].dictionary or shared, body)
        for ref, pk in written.items()
        for position, (slip, kind, body) in enumerate(latest[ref][1].receipts)
    ]
    place = ("transaction_id", "position")
    upsert("transactions_receipt", RECEIPT_COLUMNS, rows, key=place, returning=place)
    if OWN not in kept:
        slips = [slip.fields for _, made in latest.values() for slip in made.record.receipts]
        if (own := receipts.learned(account, slips)) is not None:
            kept[OWN] = own
    # A provider that takes a receipt back leaves fewer of them; a new row had none before.
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from transactions_receipt r"
            " using (select unnest(%s::bigint[]) as pk, unnest(%s::int[]) as number) w"
            " where r.transaction_id = w.pk and r.position >= w.number",
            [[written[ref] for ref in changed], [len(latest[ref][1].receipts) for ref in changed]],
        )


@transaction.atomic(savepoint=False)
def store_sessions(
    account: ProviderAccount, records: Sequence[tuple[Item, SessionRecord]], at: datetime
) -> Stored:
    """Store payment sessions. One of a terminal that is not known yet is stored without it."""
    latest = {record.ref: (item, record) for item, record in records}
    refs = [r.terminal_ref for _, r in latest.values() if r.terminal_ref]
    by_ref = terminals_by_ref(account, refs)
    tids: dict[str, int | None] = {r.tid: None for _, r in latest.values() if r.tid}
    ensure_terminals(account, tids, at)
    by_tid = terminals_by_tid(account, list(tids))
    known = branches_by_ref(account, [r.branch_ref for _, r in latest.values() if r.branch_ref])
    rows = []
    for item, r in latest.values():
        terminal = by_ref.get(r.terminal_ref or "") or by_tid.get(r.tid or "")
        branch = known.get(r.branch_ref or "") or (terminal.branch if terminal else None)
        rows.append(
            (
                account.pk, r.ref, account.merchant_id, branch.pk if branch else None,
                terminal.pk if terminal else None, r.kind, r.status,
                r.provider_status, r.amount.minor, r.amount.currency, r.reference,
                r.transaction_ref, r.created_at, r.expires_at, item.digest, r.version_at, at,
            )
        )  # fmt: skip
    written = upsert(
        "transactions_session",
        SESSION_COLUMNS,
        rows,
        key=("account_id", "ref"),
        keep=("merchant_id", "learned_at"),
        fill=("branch_id", "terminal_id"),
    )
    inserted = sum(new for *_, new in written)
    return Stored(inserted, len(written) - inserted)
