"""Storing terminals, the people who hold them, and devices, as a provider tells of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from django.db import connection, transaction
from django.db.models import Q

from merchants.actions.branches import ensure_branches
from merchants.actions.drift import Said, note_drift
from merchants.actions.resource import Stored
from merchants.models import Drift, ProviderAccount
from merchants.queries import open_operations
from portal.upsert import pks, upsert
from providers.base.reading import Item
from providers.base.records import DeviceRecord, TerminalRecord, TerminalUserRecord
from terminals.actions.holding import Held, note_holdings
from terminals.models import Alias, Terminal, TerminalUser

UNNAMED = "Unnamed person"
COLUMNS = (
    "account_id", "tid", "merchant_id", "branch_id", "ref", "name", "terminal_user_id",
    "connected", "provider_created_at", "content_hash", "version_at", "learned_at",
)  # fmt: skip


@transaction.atomic(savepoint=False)
def store_terminals(
    account: ProviderAccount, records: Sequence[tuple[Item, TerminalRecord]], at: datetime
) -> Stored:
    """Store terminals as the provider lists them. What a record does not say stays as it was.

    Another holder or branch than was agreed on is drift, and what is ours stays. The ledger of who
    held what notes what is true there all the same.
    """
    latest = {record.tid: (item, record) for item, record in _winners(account, records)}
    branches = ensure_branches(account, [r.branch for _, r in latest.values() if r.branch])
    people = store_terminal_users(account, [r.user for _, r in latest.values() if r.user], at)
    _free_refs(account, {r.ref: tid for tid, (_, r) in latest.items() if r.ref})
    _keep_refs(account, {tid: r for tid, (_, r) in latest.items()}, at)
    own = Terminal.objects.filter(account=account, tid__in=latest).order_by("pk")
    # Kept from changing until these are written: somebody may just be confirmed as its holder.
    before = {each.tid: each for each in own.select_for_update(no_key=True)}
    moving = open_operations("terminal", [each.pk for each in before.values()])
    rows, said = [], []
    for tid, (item, record) in latest.items():
        there = before.get(tid) or Terminal()
        branch = branches[record.branch.ref].pk if record.branch else there.branch_id
        holder = people[record.user.ref] if record.user else None
        holder = holder if record.user_said else there.terminal_user_id
        listed = there.content_hash is not None
        agreed = (there.terminal_user_id, there.branch_id) if listed else (holder, branch)
        digest = item.digest
        if listed and (there.pk in moving or _is_older(account, there, at)):
            # What it says of the holder is not news: it is looked at again once that is over.
            digest = bytes(there.content_hash or b"")
        elif listed:
            said.append(Said("terminal", there.pk, Drift.Field.HOLDER, agreed[0], holder))
        if listed:
            said.append(Said("terminal", there.pk, Drift.Field.BRANCH, agreed[1], branch))
            said.append(Said("terminal", there.pk, Drift.Field.GONE, True, True))
        rows.append(
            (
                account.pk,
                tid,
                account.merchant_id,
                agreed[1],
                record.ref if record.ref_said else record.ref or there.ref,
                record.name or there.name,
                agreed[0],
                there.connected if record.connected is None else record.connected,
                record.created_at or there.provider_created_at,
                digest,
                record.version_at or there.version_at,
                at,
            )
        )
    note_drift(account, said, at)
    keep = ("merchant_id", "learned_at")
    key = ("account_id", "tid")
    returning = ("id", "tid")
    written = upsert("terminals_terminal", COLUMNS, rows, key=key, keep=keep, returning=returning)
    pks = {tid: pk for pk, tid, _ in written}
    _note_holders(account, written, {tid: r for tid, (_, r) in latest.items()}, people, at)
    devices = [(d, pks[tid]) for tid, (_, r) in latest.items() if tid in pks for d in r.devices]
    ensure_devices(account, devices)
    # One that was met in a transaction first is filled in now, so it counts as new.
    met_only = {tid for tid, own in before.items() if own.content_hash is None}
    new = sum(tid not in before or tid in met_only for _, tid, _ in written)
    return Stored(new, len(written) - new)


def _is_older(account: ProviderAccount, terminal: Terminal, at: datetime) -> bool:
    """Whether it was read before both sides agreed on who holds the terminal."""
    read = account.read_since or at
    return terminal.agreed_at is not None and terminal.agreed_at > read


def _note_holders(
    account: ProviderAccount,
    written: Iterable[tuple[int, str, bool]],
    records: Mapping[str, TerminalRecord],
    people: Mapping[str, int],
    at: datetime,
) -> None:
    said = [(pk, records[tid]) for pk, tid, _ in written if records[tid].user_said]
    held = [Held(pk, people[r.user.ref] if r.user else None, r.version_at) for pk, r in said]
    note_holdings(account, held, at)


def _winners(
    account: ProviderAccount, records: Sequence[tuple[Item, TerminalRecord]]
) -> Iterable[tuple[Item, TerminalRecord]]:
    """Of terminals that are listed with one tid, the one that was made last, in every run."""
    tids = [record.tid for _, record in records]
    stored = {t.tid: t for t in Terminal.objects.filter(account=account, tid__in=tids)}

    def rank(made: datetime | None, ref: str | None) -> tuple[bool, float, str]:
        return made is not None, made.timestamp() if made else 0.0, ref or ""

    for item, record in sorted(records, key=lambda each: rank(each[1].created_at, each[1].ref)):
        own = stored.get(record.tid)
        if (
            own is None
            or own.ref in (None, record.ref)
            or record.ref is None
            # Told of by its number, so there is no other.
            or record.ref_said
            or rank(record.created_at, record.ref) > rank(own.provider_created_at, own.ref)
        ):
            yield item, record


def _free_refs(account: ProviderAccount, refs: Mapping[str, str]) -> None:
    """A ref that has moved to another tid leaves its old row, which keeps its history."""
    moved = Q(pk__in=[])
    for ref, tid in refs.items():
        moved |= Q(ref=ref) & ~Q(tid=tid)
    Terminal.objects.filter(moved, account=account).update(ref=None)


def _keep_refs(
    account: ProviderAccount, records: Mapping[str, TerminalRecord], at: datetime
) -> None:
    """What a terminal was called before it was made anew at the provider still leads to it."""
    said = [tid for tid, record in records.items() if record.ref_said]
    own = Terminal.objects.filter(account=account, tid__in=said, ref__isnull=False)
    former = [
        Alias(
            account=account,
            merchant_id=account.merchant_id,
            terminal=each,
            ref=each.ref or "",
            until_at=at,
        )
        for each in own
        if each.ref != records[each.tid].ref
    ]
    Alias.objects.bulk_create(former, ignore_conflicts=True)


def store_terminal_users(
    account: ProviderAccount, records: Iterable[TerminalUserRecord], at: datetime
) -> dict[str, int]:
    """Store people as the provider names them, and return their pks by ref.

    What was not known is filled in; what differs from what was agreed on is drift.
    """
    latest = {record.ref: record for record in records}
    columns = ("account_id", "ref", "merchant_id", "name", "mobile", "email", "learned_at")
    known = {
        person.ref: person
        for person in TerminalUser.objects.filter(account=account, ref__in=latest)
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    note_drift(account, _drift_of(known, latest), at)
    rows = []
    for ref, r in latest.items():
        own = known.get(ref)
        if own is None:
            rows.append(
                (account.pk, ref, account.merchant_id, r.name or UNNAMED, r.mobile, r.email, at)
            )
        elif own.erased_at is None and _says_more(own, r):
            mobile, email = _fuller(own.mobile, r.mobile), own.email or r.email
            name = r.name if own.name == UNNAMED and r.name else own.name
            rows.append((account.pk, ref, account.merchant_id, name, mobile, email, at))
    pks = {ref: person.pk for ref, person in known.items()}
    if rows:
        written = upsert(
            "terminals_terminaluser",
            columns,
            rows,
            key=("account_id", "ref"),
            keep=("merchant_id", "learned_at"),
            returning=("id", "ref"),
        )
        pks |= {ref: pk for pk, ref, _ in written}
    return pks


def _drift_of(
    known: Mapping[str, TerminalUser], latest: Mapping[str, TerminalUserRecord]
) -> list[Said]:
    """What a provider says of people otherwise than was agreed; those erased here stay so."""
    said = []
    for ref, own in known.items():
        if own.erased_at is not None:
            continue
        new = latest[ref]
        name, mobile = new.name or own.name, own.mobile
        if new.mobile and own.mobile and not _same_number(own.mobile, new.mobile):
            mobile = new.mobile
        for field, agreed, theirs in (
            (Drift.Field.NAME, own.name, name),
            (Drift.Field.MOBILE, own.mobile, mobile),
            (Drift.Field.EMAIL, own.email, (new.email or own.email) if own.email else None),
        ):
            if own.name != UNNAMED or field != Drift.Field.NAME:
                said.append(Said("terminaluser", own.pk, field, agreed, theirs or agreed))
    return said


def _says_more(own: TerminalUser, new: TerminalUserRecord) -> bool:
    """Whether a record fills in what was not known."""
    unknown = (own.email is None and new.email) or own.name == UNNAMED != (new.name or UNNAMED)
    return bool(unknown) or _fuller(own.mobile, new.mobile) != own.mobile


def _fuller(own: str | None, new: str | None) -> str | None:
    """The number that is known in full, where one of two is masked."""
    if not own or (new and "*" in own and "*" not in new and _same_number(own, new)):
        return new or own
    return own


def _same_number(one: str, other: str) -> bool:
    """Whether two numbers are one, of which either may be masked."""
    if "*" not in one + other:
        return one == other
    return len(one) == len(other) and all(
        a == b or "*" in (a, b) for a, b in zip(one, other, strict=True)
    )


def ensure_terminal_users(
    account: ProviderAccount, records: Iterable[TerminalUserRecord], at: datetime
) -> dict[str, int]:
    """The pks of people met in transactions; an old transaction never renames anybody."""
    latest = {record.ref: record for record in records}
    known: dict[str, int] = account.known["people"]
    missing = set(latest) - set(known)
    if missing:
        people = TerminalUser.objects.filter(account=account, ref__in=missing)
        known.update(people.values_list("ref", "pk"))
        new = [record for ref, record in latest.items() if ref not in known]
        known.update(store_terminal_users(account, new, at))
    return known


def ensure_terminals(
    account: ProviderAccount, branches: Mapping[str, int | None], at: datetime
) -> dict[str, int]:
    """The pks of terminals by tid, with the branch they were met at; missing ones are made."""
    found: dict[str, int] = account.known["terminals"]
    missing = set(branches) - set(found)
    own = Terminal.objects.filter(account=account, tid__in=missing)
    if missing:
        found.update(own.values_list("tid", "pk"))
    if missing - set(found):
        Terminal.objects.bulk_create(
            [
                Terminal(
                    merchant_id=account.merchant_id,
                    account=account,
                    tid=tid,
                    branch_id=branches[tid],
                    learned_at=at,
                )
                for tid in sorted(missing - set(found))
            ],
            ignore_conflicts=True,
        )
        found.update(own.values_list("tid", "pk"))
    return found


def ensure_devices(
    account: ProviderAccount, met: Iterable[tuple[DeviceRecord, int | None]]
) -> dict[str, int]:
    """The pks of devices by ref; missing ones are made, and `note_devices` says where they are."""
    latest = {record.ref: (record, terminal) for record, terminal in met}
    found: dict[str, int] = account.known["devices"]
    missing = [ref for ref in latest if ref not in found]
    if missing:
        found.update(pks("terminals_device", account.pk, missing))
    new = [
        {"ref": ref, "kind": device.kind, "status": device.status, "terminal": terminal}
        for ref, (device, terminal) in sorted(latest.items())
        if ref not in found
    ]
    if not new:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into terminals_device (account_id, merchant_id, ref, kind, status, terminal_id)"
            " select %s, %s, d.* from json_to_recordset(%s::json)"
            " as d (ref text, kind text, status text, terminal bigint)"
            " on conflict (account_id, ref) do nothing returning ref, id",
            [account.pk, account.merchant_id, msgspec.json.encode(new).decode()],
        )
        found.update(cursor.fetchall())
    # Another run, of this account's sessions for one, may have made some meanwhile.
    if late := [ref for ref in missing if ref not in found]:
        found.update(pks("terminals_device", account.pk, late))
    return found


def note_seen(seen: Mapping[int, datetime]) -> None:
    """Remember when terminals last took a payment; an older time changes nothing."""
    if not seen:
        return
    pks = sorted(seen)
    with connection.cursor() as cursor:
        cursor.execute(
            "update terminals_terminal t set last_seen_at = s.at"
            " from (select unnest(%s::bigint[]) as id, unnest(%s::timestamptz[]) as at) s"
            " where t.id = s.id and (t.last_seen_at is null or t.last_seen_at < s.at)",
            [pks, [seen[pk] for pk in pks]],
        )


def note_devices(latest: Mapping[int, tuple[datetime, int]]) -> None:
    """A device is of the terminal on which it took its latest payment: when, and on which."""
    if not latest:
        return
    pks = sorted(latest)
    with connection.cursor() as cursor:
        cursor.execute(
            "update terminals_device d set last_seen_at = s.at, terminal_id = s.terminal"
            " from (select unnest(%s::bigint[]) as id, unnest(%s::timestamptz[]) as at,"
            " unnest(%s::bigint[]) as terminal) s"
            " where d.id = s.id and (d.last_seen_at is null or d.last_seen_at < s.at)",
            [pks, [latest[pk][0] for pk in pks], [latest[pk][1] for pk in pks]],
        )
