"""Pages over a million rows: the list against Django's admin, and home against live figures."""

import statistics
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

ROUNDS, CALLS = 5, 10
# Ten times `ROWS`, which is 100,000 unless told.
FACTOR = 10


def filled(rows: int, account: Any) -> None:
    """Copies of the account's transactions until there are so many, and their roll-ups."""
    from django.db import transaction

    from tests.database import as_owner
    from transactions.models import Transaction
    from transactions.rollups import refresh

    own = Transaction.objects.filter(account=account)
    columns = [
        each.column
        for each in Transaction._meta.local_concrete_fields
        if each.column not in ("id", "ref", "occurred_at")
    ]
    names = ", ".join(columns)
    with as_owner() as owner:
        while (have := own.count()) < rows:
            owner.execute(
                f"insert into transactions_transaction (ref, occurred_at, {names})"
                f" select gen_random_uuid()::text,"
                f" occurred_at + random() * interval '50 seconds', {names}"
                f" from transactions_transaction where account_id = {account.pk}"
                f" limit {min(rows - have, 200_000)}"
            )
        for table in ("transaction", "daytotal", "hourtotal", "declinetotal"):
            owner.execute(f"vacuum analyze transactions_{table}")
    cells = set(own.order_by().values_list("branch_id", "business_day").distinct())
    with transaction.atomic():
        refresh(account, cells, "Asia/Riyadh")


def a_call(work: Callable[[], Any]) -> float:
    """Seconds that one of a few calls takes."""
    begin = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - begin) / CALLS


def compared(*works: Callable[[], Any]) -> list[float]:
    """The median of interleaved rounds of each."""
    for work in works:
        work()
    rounds = [[a_call(work) for work in works] for _ in range(ROUNDS)]
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


def signed_in(account: Any) -> Any:
    from django.test import Client

    from merchants.actions.people import add_person

    member = add_person(email=f"b{account.pk}@bench.test", merchant=account.merchant, role="OWNER")
    client = Client(SERVER_NAME="localhost")
    client.force_login(member.user)
    # As after a sign-in with a second factor, which an owner is asked for.
    session = client.session
    session["factored"] = True
    session.save()
    return client


def page_of(client: Any, url: str) -> Callable[[], Any]:
    def work() -> None:
        answer = client.get(url, secure=True)
        assert answer.status_code == 200, (url, answer.status_code)
        # As a server would: what is lazy is made.
        assert len(answer.content) > 1000

    return work


def bench_list(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """50 transactions of a million: against the admin's list, and at 90 % of its depth."""
    from django.test import override_settings

    from merchants.models import User
    from portal import keyset
    from transactions.models import Transaction

    filled(rows * FACTOR, account)
    client = signed_in(account)
    deep = Transaction.objects.filter(account=account).order_by("-occurred_at", "-pk")[
        int(rows * FACTOR * 0.9)
    ]
    keys, place = keyset.Keys("occurred_at"), int(rows * FACTOR * 0.9)
    cursor = keyset._seal(deep, keys, "/transactions/?[]", place, backwards=False)
    for name, value in (("is_staff", True), ("is_superuser", True)):
        setattr(User, name, value)
    for name in ("has_perm", "has_module_perms"):
        setattr(User, name, lambda *_given, **_named: True)
    with override_settings(ROOT_URLCONF="bench.admin"):
        ours, deeper, peer = compared(
            page_of(client, "/transactions/"),
            page_of(client, f"/transactions/?cursor={cursor}"),
            page_of(client, "/admin/transactions/transaction/"),
        )
    say(
        f"  {1 / ours:,.1f} pages/s of {rows * FACTOR:,} rows, {1 / deeper:,.1f} at 90 % depth,"
        f" the admin's {1 / peer:,.1f}"
    )
    bars.check("list of 50 / Django admin's", peer / ours, least=20)
    bars.check("page at 90 % depth / the first", deeper / ours, most=1.5)
    guarded, open_ = guarded_and_open(filtered(account))
    say(
        f"  rows of a filtered list {guarded * 1000:.2f} ms, {open_ * 1000:.2f} ms without policies"
    )
    bars.check("filtered list with row-level security / without", guarded / open_, most=1.3)


def filtered(account: Any) -> Callable[[], Any]:
    """The rows of a filtered list and how many there are, as its page asks for them."""
    from merchants.models import Membership
    from portal import isolation
    from portal.lists import MOST_COUNTED
    from transactions.queries import transactions_for

    member = Membership.objects.filter(merchant=account.merchant_id).order_by("pk")[0]

    def work() -> None:
        with isolation.of(account.merchant_id):
            rows = transactions_for(member).filter(status="DECLINED", scheme="MADA")
            assert len(rows.order_by("-occurred_at", "-pk")[:51]) == 51
            assert rows.order_by()[: MOST_COUNTED + 1].count() > 51

    return work


def guarded_and_open(work: Callable[[], Any]) -> list[float]:
    """The median of interleaved rounds with the policies, and with nothing said or checked."""
    from django.db import connection

    from portal.postgresql import base
    from tests.database import as_owner

    say_it = base._unsaid
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where relrowsecurity and relkind = 'r'")
        tables = [name for (name,) in cursor.fetchall()]
    rounds = []
    with as_owner() as owner:
        for _ in range(ROUNDS * 2):
            seconds = []
            for verb in ("enable", "disable"):
                for table in tables:
                    owner.execute(f"alter table {table} {verb} row level security")
                base._unsaid = say_it if verb == "enable" else lambda connection: None
                work()
                seconds.append(a_call(work))
            rounds.append(seconds)
        for table in tables:
            owner.execute(f"alter table {table} enable row level security")
    base._unsaid = say_it
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


def live(account: Any, today: date) -> Callable[[], Any]:
    """The figures of home grouped from the rows: today and a week before, hours, a year."""
    from django.db import connection

    week = today - timedelta(days=7)
    year = (today.replace(day=1) - timedelta(days=330)).replace(day=1)
    base = "from transactions_transaction where merchant_id = %s"
    sale = "kind = 'PURCHASE' and status = 'APPROVED'"
    groups = [
        (
            "select business_day, account_id, branch_id, scheme, currency, count(*) filter (where"
            f" {sale}), sum(captured_minor) filter (where {sale}), count(*) filter (where"
            " status = 'DECLINED'), sum(captured_minor) filter (where kind = 'REFUND')"
            f" {base} and business_day in (%s, %s) group by 1, 2, 3, 4, 5",
            [week, today],
        ),
        (
            "select branch_id, business_day, extract(hour from occurred_at at time zone"
            f" 'Asia/Riyadh'), sum(captured_minor) {base} and business_day in (%s, %s)"
            f" and currency = 'SAR' and {sale} group by 1, 2, 3",
            [week, today],
        ),
        (
            f"select business_day, sum(captured_minor) {base} and business_day between %s and %s"
            f" and currency = 'SAR' and {sale} group by 1",
            [year, today],
        ),
        (
            f"select action_code, count(*) {base} and business_day = %s and status = 'DECLINED'"
            " and kind = 'PURCHASE' group by 1",
            [today],
        ),
    ]

    def work() -> None:
        with connection.cursor() as cursor:
            for text, given in groups:
                cursor.execute(text, [account.merchant_id, *given])
                cursor.fetchall()

    return work


def figures(account: Any, moment: datetime) -> Callable[[], Any]:
    """The same as home takes them from the roll-ups."""
    from merchants.models import Membership
    from reports import queries

    member = Membership.objects.filter(merchant=account.merchant_id).order_by("pk")[0]

    def work() -> None:
        clocks, _branches = queries.clocks_of(member, moment)
        queries.parts(member, clocks)
        queries.by_hour(member, clocks, moment, "SAR")
        queries.history(member, clocks[0].day, "SAR")
        queries.declines(member, clocks, "SAR")

    return work


def bench_home(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """Home over ten times the rows of the same days, and against the same figures live."""
    import reports.views
    from bench.nearpay import NOW

    moment = datetime.fromisoformat(NOW)
    reports.views.now = lambda: moment
    client = signed_in(account)
    filled(rows, account)
    (small,) = compared(page_of(client, "/"))
    filled(rows * FACTOR, account)
    (large,) = compared(page_of(client, "/"))
    fast, slow = compared(figures(account, moment), live(account, moment.date()))
    say(
        f"  home {small * 1000:.1f} ms over {rows:,} rows, {large * 1000:.1f} ms over"
        f" {rows * FACTOR:,}; its figures {fast * 1000:.1f} ms, the same live {slow * 1000:.0f} ms"
    )
    bars.check("home with 10 times the rows", large / small, most=1.3)
    bars.check("figures grouped live / home's", slow / fast, least=20)
