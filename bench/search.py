"""Looking for one receipt among many: each identifier, the whole page, and what a row takes."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.pages import compared, page_of, signed_in

FACTOR = 10
# What tells rows apart is drawn anew for each copy, so that an identifier belongs to one of them.
DRAWN = {
    "ref": "gen_random_uuid()::text",
    "occurred_at": "occurred_at + random() * interval '50 seconds'",
    "rrn": "lpad((random() * 999999999999)::bigint::text, 12, '0')",
    "stan": "lpad((random() * 999999)::int::text, 6, '0')",
    "approval_code": "lpad((random() * 999999)::int::text, 6, '0')",
    "pan_last4": "lpad((random() * 9999)::int::text, 4, '0')",
    "amount_minor": "(100 + random() * 500000)::bigint",
    "reference": "'ORD-' || (random() * 99999999)::bigint",
}
IDENTIFIERS = ("rrn", "stan", "approval_code", "pan_last4", "reference", "ref")


def grown(rows: int, account: Any) -> None:
    """Copies of the account's transactions, each with identifiers of its own."""
    from tests.database import as_owner
    from transactions.models import Transaction

    fields = Transaction._meta.local_concrete_fields
    columns = [each.column for each in fields if each.column != "id"]
    drawn = ", ".join(DRAWN.get(column, column) for column in columns)
    with as_owner() as owner:
        while (have := Transaction.objects.filter(account=account).count()) < rows:
            owner.execute(
                f"insert into transactions_transaction ({', '.join(columns)}) select {drawn}"
                f" from transactions_transaction where account_id = {account.pk}"
                f" limit {min(rows - have, 200_000)}"
            )
        owner.execute("vacuum analyze transactions_transaction")


def look_up(member: Any, **fits: Any) -> Callable[[], int]:
    """The statement that finds rows by an identifier; how many there are."""
    from django.db import connection

    from portal import isolation
    from transactions.queries import transactions_for

    with isolation.of(member.merchant_id):
        own = transactions_for(member).filter(**fits).order_by("-occurred_at", "-pk")
        text, words = own.values_list("pk", "amount_minor")[:21].query.sql_with_params()

    def work() -> int:
        with isolation.of(member.merchant_id), connection.cursor() as cursor:
            cursor.execute(text, words)
            return len(cursor.fetchall())

    def plan() -> str:
        with isolation.of(member.merchant_id), connection.cursor() as cursor:
            cursor.execute(f"explain {text}", words)
            return "\n".join(line for (line,) in cursor.fetchall())

    work.plan = plan  # type: ignore[attr-defined]
    return work


def per_row(member: Any, row: Any) -> dict[str, tuple[float, int]]:
    """Seconds of each look-up, and how many rows it gives; `pk` is that of the key."""
    names = ("pk", *IDENTIFIERS)
    works = [look_up(member, **{name: getattr(row, name)}) for name in names]
    works[-1] = look_up(member, account=row.account_id, ref=row.ref)
    for name, work in zip(names, works, strict=True):
        plan = work.plan()  # type: ignore[attr-defined]
        assert "Seq Scan on transactions_transaction" not in plan, (name, plan)
    seconds = compared(*works)
    return {name: (s, work()) for name, s, work in zip(names, seconds, works, strict=True)}


def bench_search(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """Each identifier against the key, small against large, and the page against the admin's."""
    from django.db import connection
    from django.test import override_settings

    from merchants.models import Membership, User
    from transactions.models import Transaction

    with connection.cursor() as cursor:
        cursor.execute(
            "select (pg_total_relation_size('transactions_transaction')"
            " + pg_total_relation_size('transactions_receipt'))::float"
            " / (select count(*) from transactions_transaction)"
        )
        bars.check("bytes a transaction, indexes and receipt", cursor.fetchone()[0], most=1300)
    client = signed_in(account)
    member = Membership.objects.filter(merchant=account.merchant_id).order_by("pk")[0]
    sizes = {}
    for size in (rows, rows * FACTOR):
        grown(size, account)
        row = Transaction.objects.filter(account=account).order_by("-pk")[size // 2]
        sizes[size] = per_row(member, row)
    small, large = sizes[rows], sizes[rows * FACTOR]
    for name in IDENTIFIERS:
        (before, few), (after, many) = small[name], large[name]
        bars.check(f"{name} / primary key, {many} rows", after / large["pk"][0], most=8)
        grew = (after / max(many, 1)) / (before / max(few, 1))
        bars.check(f"{name}, a row of {rows * FACTOR:,} / of {rows:,}", grew, most=1.3)
    for field, value in (("is_staff", True), ("is_superuser", True)):
        setattr(User, field, value)
    for field in ("has_perm", "has_module_perms"):
        setattr(User, field, lambda *_given, **_named: True)
    text = f"{row.pan_last4} {row.amount_minor / 100:.2f}"
    with override_settings(ROOT_URLCONF="bench.admin"):
        own = page_of(client, f"/search/?q={text}&live=1")
        admins = page_of(client, f"/admin/transactions/transaction/?q={row.rrn}")
        (ours,), peers = compared(own), []
        # It reads the whole table each time: three are enough to tell.
        for _ in range(3):
            begin = time.perf_counter()
            admins()
            peers.append(time.perf_counter() - begin)
            own()
        peer = statistics.median(peers)
    say(f"  {ours * 1000:.1f} ms a search, {peer * 1000:,.1f} ms the admin's")
    bars.check("Django admin's search / ours", peer / ours, least=50)
    bars.check("milliseconds as somebody types", ours * 1000, most=150)
