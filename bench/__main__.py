"""Measures what is claimed of speed, against peers on the same pages of the sandbox.

    make bench [ONLY=load,growth,sandbox,list,home,trail,search,reports] [ROWS=100000]

Times depend on the machine; the ratios are what counts. Each is the median of interleaved rounds,
and slow peers run on a sample of the same pages.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from bench import pages, reports, search, trail

ROUNDS = 3
NAIVE_ROWS, DLT_ROWS = 5_000, 20_000


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Bars:
    """The claims, and whether this run keeps them."""

    def __init__(self) -> None:
        self.broken = 0

    def check(
        self, what: str, value: float, *, least: float | None = None, most: float | None = None
    ) -> None:
        kept = (least is None or value >= least) and (most is None or value <= most)
        bound = f"at least {least:g}" if least is not None else f"at most {most:g}"
        self.broken += not kept
        say(f"{'ok  ' if kept else 'BAD '} {what}: {value:,.2f} ({bound})")


class Remote:
    """The sandbox in its own process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.port = int(self._line())
        self.url = f"http://127.0.0.1:{self.port}/nearpay"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def change(self, count: int) -> int:
        """Have so many purchases reversed; returns how many were."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return int(self._line())


@contextlib.contextmanager
def sandbox(rows: int) -> Iterator[Remote]:
    words = [sys.executable, "-m", "bench.nearpay", str(rows)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield Remote(process)
    finally:
        process.kill()
        process.wait()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def bench_sandbox(rows: int, bars: Bars) -> None:
    """Pages a second, by a client that only reads bytes."""
    with sandbox(min(rows, 20_000)) as remote:
        request = (
            "GET /nearpay/transactions?page={}&limit=100 HTTP/1.1\r\nHost: x\r\n"
            "api-key: sandbox-key-of-demo\r\n\r\n"
        )

        def read() -> int:
            with socket.create_connection(("127.0.0.1", remote.port)) as door:
                for page in range(1, 181):
                    door.sendall(request.format(page).encode())
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += door.recv(65536)
                    split = head.index(b"\r\n\r\n")
                    length = int(head[:split].lower().split(b"content-length: ")[1].split()[0])
                    left = length - (len(head) - split - 4)
                    while left > 0:
                        left -= len(door.recv(min(left, 1 << 20)))
            return 180

        rates = []
        for _ in range(ROUNDS):
            seconds, pages = timed(read)
            rates.append(pages / seconds)
        bars.check("sandbox, pages of 100 rows a second", statistics.median(rates), least=600)


def pages_of(remote: Remote, rows: int) -> Iterator[list[dict[str, Any]]]:
    """The same pages as decoded JSON, for the peers."""
    import json
    import urllib.request

    for page in range(1, rows // 100 + 1):
        url = f"{remote.url}/transactions?page={page}&limit=100"
        call = urllib.request.Request(url, headers={"api-key": "sandbox-key-of-demo"})
        with urllib.request.urlopen(call) as answer:
            yield json.load(answer)["transactions"]


def new_account(remote: Remote) -> Any:
    import uuid

    from django.utils.timezone import now

    from merchants.actions.accounts import connect_account
    from merchants.models import Merchant

    merchant = Merchant.objects.create(slug=uuid.uuid4().hex[:12], name="Bench")
    credentials = {"api_key": "sandbox-key-of-demo", "base_url": remote.url}
    return connect_account(
        merchant=merchant, provider="nearpay", name="Bench", credentials=credentials, at=now()
    )


def first_load(remote: Remote) -> tuple[Any, float]:
    """A whole first sync of transactions; returns the account and rows a second."""
    from merchants.sync import Ask, run_sync
    from providers.base.http import Limits

    account = new_account(remote)
    run_sync(account.pk, Ask(only=frozenset({"branches", "terminals"})), limits=Limits())
    ask = Ask(only=frozenset({"transactions"}))
    seconds, run = timed(lambda: run_sync(account.pk, ask, limits=Limits()))
    step = run.steps.get()
    assert run.state == "DONE"
    assert step.stored == step.fetched
    return account, step.fetched / seconds


def naive_load(remote: Remote) -> float:
    """The usual recipe: update_or_create for each row and each receipt, into the same tables."""
    from django.utils.timezone import now

    from providers.base import reading
    from providers.nearpay import payloads, translate
    from transactions import receipts
    from transactions.models import Receipt, Transaction

    account = new_account(remote)
    dictionary = receipts.dictionary_of("nearpay")

    def work() -> int:
        import json

        count = 0
        for page in pages_of(remote, NAIVE_ROWS):
            for item in page:
                raw = reading.msgspec.Raw(json.dumps(item).encode())  # type: ignore[attr-defined]
                record = reading.read(
                    reading.cut([raw], "1"), payloads.Transaction, translate.transaction
                ).records[0][1]
                row, _ = Transaction.objects.update_or_create(
                    account=account,
                    ref=record.ref,
                    defaults={
                        "merchant_id": account.merchant_id, "kind": record.kind,
                        "status": record.status, "provider_status": record.provider_status,
                        "amount_minor": record.amount.minor, "currency": record.amount.currency,
                        "authorised_minor": record.authorised_minor,
                        "captured_minor": record.captured_minor, "refunded": record.refunded,
                        "refunded_minor": record.refunded_minor, "scheme": record.scheme,
                        "pan_last4": record.pan_last4, "rrn": record.rrn, "stan": record.stan,
                        "approval_code": record.approval_code, "reference": record.reference,
                        "reconciled": record.reconciled, "occurred_at": record.occurred_at,
                        "business_day": record.occurred_at.date(), "content_hash": b"",
                        "learned_at": now(), "changed_at": now(),
                    },
                )  # fmt: skip
                for position, slip in enumerate(record.receipts):
                    body = receipts.pack(slip.fields, bytes(dictionary.example))
                    Receipt.objects.update_or_create(
                        transaction=row,
                        position=position,
                        defaults={
                            "ref": slip.ref, "kind": slip.kind, "dictionary": dictionary,
                            "body": body,
                        },
                    )  # fmt: skip
                count += 1
        return count

    seconds, count = timed(work)
    return count / seconds


def dlt_load(remote: Remote, folder: str, number: int) -> float:
    """dlt's merge of the same pages, in its faster form: nested values stay JSON."""
    import dlt

    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

    @dlt.resource(
        name="transactions", primary_key="id", write_disposition="merge", max_table_nesting=0
    )
    def transactions() -> Iterator[list[dict[str, Any]]]:
        yield from pages_of(remote, DLT_ROWS)

    pipeline = dlt.pipeline(
        pipeline_name=f"bench{number}",
        destination=dlt.destinations.postgres(_dlt_credentials()),
        dataset_name=f"dlt{number}",
        pipelines_dir=folder,
    )
    seconds, _ = timed(lambda: pipeline.run(transactions()))
    return DLT_ROWS / seconds


def _dlt_credentials() -> dict[str, Any]:
    """The owner's connection as dlt wants it: with a host and a password, needed or not."""
    from django.db import connections

    own = connections["owner"].settings_dict
    return {
        "database": own["NAME"],
        "username": own["USER"],
        "password": own["PASSWORD"] or "none",
        "host": quote(own["HOST"] or "localhost", safe=""),
        "port": int(own["PORT"] or 5432),
    }


def bench_load(rows: int, bars: Bars) -> None:
    """First load against the peers, then the same again with nothing and with 1 % changed."""
    import tempfile

    from merchants.models import Bookmark
    from merchants.sync import Ask, run_sync
    from providers.base.http import Limits

    ours, naive, peer, again = [], [], [], []
    rewritten = 0
    ask = Ask(only=frozenset({"transactions"}), deep=True)
    with sandbox(rows) as remote, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            account, rate = first_load(remote)
            ours.append(rate)
            naive.append(naive_load(remote))
            peer.append(dlt_load(remote, folder, number))
            before = versions(account)
            seconds, run = timed(lambda pk=account.pk: run_sync(pk, ask, limits=Limits()))
            step = run.steps.get()
            again.append(step.fetched / seconds)
            now = versions(account)
            rewritten += sum(now[ref] != before.get(ref) for ref in now)
            say(
                f"  round {number + 1}: first load {ours[-1]:,.0f} rows/s, update_or_create"
                f" {naive[-1]:,.0f}, dlt merge {peer[-1]:,.0f}, second sync {again[-1]:,.0f}"
            )
        changed = remote.change(max(rows // 100, 1))
        # A third deep reading would look back 35 days only; this one is to read everything.
        Bookmark.objects.filter(account=account).update(whole_reads=1)
        run = run_sync(account.pk, ask, limits=Limits())
        after = versions(account)
        written = sum(after[ref] != before[ref] for ref in after)
    first = statistics.median(ours)
    bars.check("first load / update_or_create", first / statistics.median(naive), least=15)
    bars.check("first load / dlt merge", first / statistics.median(peer), least=3)
    bars.check("second sync / first load", statistics.median(again) / first, least=5)
    bars.check("rows written when nothing changed", rewritten, most=0)
    bars.check("rows written less rows changed, of 1 %", abs(written - changed), most=0)


def versions(account: Any) -> dict[str, str]:
    """The physical version of each row: any write changes it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select ref, ctid::text || xmin::text from transactions_transaction"
            " where account_id = %s",
            [account.pk],
        )
        return dict(cursor.fetchall())


def bench_growth(rows: int, bars: Bars) -> None:
    """What a batch costs when the tables hold ten times as many rows."""
    from django.db import connection, transaction

    from tests.database import as_owner

    with sandbox(20_000) as remote:
        first_load(remote)  # Warms the server and this process.

        def cost() -> float:
            _, rate = first_load(remote)
            return 1 / rate

        def fill(upto: int) -> None:
            with as_owner() as owner:
                (have,) = owner.execute("select count(*) from transactions_transaction").fetchone()  # type: ignore[misc]
                columns = [
                    each.column
                    for each in __import__(
                        "transactions.models"
                    ).models.Transaction._meta.local_concrete_fields
                    if each.column not in ("id", "ref")
                ]
                names = ", ".join(columns)
                while have < upto:
                    more = min(upto - have, 200_000)
                    owner.execute(
                        f"insert into transactions_transaction (ref, {names})"
                        f" select gen_random_uuid()::text, {names} from transactions_transaction"
                        f" limit {more}"
                    )
                    (have,) = owner.execute(
                        "select count(*) from transactions_transaction"
                    ).fetchone()  # type: ignore[misc]
                owner.execute("vacuum analyze transactions_transaction")
                owner.execute("checkpoint")

        fill(rows)
        small = statistics.median(cost() for _ in range(ROUNDS))
        fill(rows * 10)
        cost()  # The first after filling pays for cold pages.
        large = statistics.median(cost() for _ in range(ROUNDS))
    say(f"  {1 / small:,.0f} rows/s into {rows:,} rows, {1 / large:,.0f} into {rows * 10:,}")
    bars.check("cost of a batch with 10 times the rows", large / small, most=1.7)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select (select sum(octet_length(body)) from transactions_receipt)"
            " / (select count(*) from transactions_receipt)"
        )
        say(f"  a stored receipt takes {cursor.fetchone()[0]:.0f} bytes")


def _with_rows(bench: Callable[..., None], read: int = 20_000) -> Callable[[int, Bars], None]:
    """A bench of pages, over an account of which so many rows were read like any other's."""

    def run(rows: int, bars: Bars) -> None:
        with sandbox(read) as remote:
            account, _rate = first_load(remote)
        bench(rows, bars, account, say)

    return run


BENCHES = {
    "sandbox": bench_sandbox,
    "load": bench_load,
    "growth": bench_growth,
    "list": _with_rows(pages.bench_list),
    "home": _with_rows(pages.bench_home),
    "trail": _with_rows(trail.bench_trail),
    "search": _with_rows(search.bench_search, read=100_000),
    "reports": _with_rows(reports.bench_reports),
}


def main() -> int:
    words = argparse.ArgumentParser(prog="bench", description=__doc__)
    words.add_argument("--only", default=",".join(BENCHES))
    words.add_argument("--rows", type=int, default=100_000)
    chosen = words.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django
    from django.conf import settings

    # The list's peer; the portal itself has no use for it.
    settings.INSTALLED_APPS.insert(0, "django.contrib.admin")
    # Its files have no place among those that were collected.
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    django.setup()
    from django.db import connections

    from portal import isolation
    from tests.database import drop_database, make_database

    settings.PROVIDER_HOSTS = HostsOfLoopback()
    bars = Bars()
    for name in chosen.only.split(","):
        # Each its own database, so that none reads what another has left.
        make_database("bench_portal")
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute("select version()")
                say(f"{name}, {cursor.fetchone()[0].split(' on ')[0]}")
            # Pages, jobs and the run itself say whose rows they see; the bench sees all.
            with isolation.everywhere():
                BENCHES[name](chosen.rows, bars)
        finally:
            drop_database("bench_portal")
    return 1 if bars.broken else 0


class HostsOfLoopback(list[str]):
    """Every port of loopback, where each sandbox finds its own."""

    def __iter__(self) -> Iterator[str]:
        return (f"127.0.0.1:{port}" for port in range(1024, 65536))


if __name__ == "__main__":
    from portal import embedded

    with embedded.running(embedded.needed()):
        sys.exit(main())
