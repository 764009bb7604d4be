"""The trail of a merchant that has been watched for years: ten million entries."""

from collections.abc import Callable
from typing import Any

from bench.pages import compared, page_of, signed_in

# Times `ROWS`, which is 100,000 unless told.
FACTOR = 100
AT_ONCE = 1_000_000
_ENTRIES = """
    insert into merchants_auditentry
        (merchant_id, at, actor_id, door, address, action, subject_kind, subject_id, reason, facts)
    select {merchant}, now() - n * interval '3 seconds', {actor}, 'PAGE', '192.0.2.7',
        (array['receipt.seen', 'people.listed', 'rows.searched', 'person.signed_in'])[1 + n % 4],
        'transaction', n % 500000, '', '{{}}'
    from generate_series({first}, {last}) n
"""
_SEALS = """
    insert into merchants_auditseal (entry_id, chain, number, previous, hash)
    select id, {merchant}, {base} + row_number() over (order by id), 'x', 'x'
    from merchants_auditentry where merchant_id = {merchant} and id > {after}
"""


def filled(rows: int, merchant: int, actor: int) -> None:
    """Entries and their seals until there are so many."""
    from tests.database import as_owner

    with as_owner() as owner:
        owner.execute("alter table merchants_auditentry disable trigger entry_waits")
        (have,) = owner.execute("select count(*) from merchants_auditseal").fetchone()  # type: ignore[misc]
        while have < rows:
            more = min(rows - have, AT_ONCE)
            (after,) = owner.execute("select max(id) from merchants_auditentry").fetchone()  # type: ignore[misc]
            owner.execute(
                _ENTRIES.format(merchant=merchant, actor=actor, first=have, last=have + more - 1)
            )
            owner.execute(_SEALS.format(merchant=merchant, base=have, after=after or 0))
            have += more
        owner.execute("alter table merchants_auditentry enable trigger entry_waits")
        owner.execute(
            "insert into merchants_audithead select chain, max(number), 'x', 'x'"
            " from merchants_auditseal group by chain on conflict (chain) do update"
            " set number = excluded.number"
        )
        for table in ("auditentry", "auditseal", "auditpending"):
            owner.execute(f"vacuum analyze merchants_{table}")


def bench_trail(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """Adding, sealing and reading with a hundred times the entries."""
    from merchants.actions.trail import record, seal_entries
    from merchants.models import Membership

    client = signed_in(account)
    actor = Membership.objects.filter(merchant=account.merchant_id).order_by("pk")[0].user_id

    def added() -> None:
        for _ in range(50):
            record("rows.searched", merchant=account.merchant_id)

    def sealed() -> None:
        added()
        assert seal_entries() >= 50

    works = (
        page_of(client, "/trail/"),
        page_of(client, "/trail/?action=person.signed_in"),
        page_of(client, "/trail/?subject_kind=transaction&subject_id=7"),
        added,
        sealed,
    )
    names = ("a page", "one action", "one thing's trail", "50 added", "50 added and sealed")
    filled(rows, account.merchant_id, actor)
    small = compared(*works)
    filled(rows * FACTOR, account.merchant_id, actor)
    large = compared(*works)
    for name, before, after in zip(names, small, large, strict=True):
        say(f"  {name}: {before * 1000:.1f} ms, {after * 1000:.1f} ms of {rows * FACTOR:,}")
        bars.check(f"{name}, with {FACTOR} times the trail", after / before, most=1.5)
