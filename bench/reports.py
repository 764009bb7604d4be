"""Files of reports: CSV against psql's own copy of the same rows, spreadsheets, and memory."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLUMNS = (
    "business_day", "occurred_at", "branch", "branch_ar", "terminal", "terminal_name", "held_by",
    "kind", "status", "scheme", "card", "amount", "amount_minor", "captured_minor", "currency",
    "rrn", "stan", "approval_code", "reference", "ref",
)  # fmt: skip
# The same columns as they are stored.
PLAIN = """
    select t.business_day, t.occurred_at, b.name, b.name_ar, m.tid, m.name, p.name, t.kind,
        t.status, t.scheme, t.pan_last4, t.amount_minor, t.amount_minor, t.captured_minor,
        t.currency, t.rrn, t.stan, t.approval_code, t.reference, t.ref
    from transactions_transaction t left join merchants_branch b on b.id = t.branch_id
    left join terminals_terminal m on m.id = t.terminal_id
    left join terminals_terminaluser p on p.id = t.terminal_user_id
    where t.merchant_id = {merchant} order by t.occurred_at, t.id
"""
ROUNDS = 3
# Of a spreadsheet.
MOST = 200_000


def copied(account: Any, out: Path) -> float:
    """Seconds that the database takes to copy the rows as they are."""
    from tests.database import as_owner

    begin = time.perf_counter()
    statement = f"copy ({PLAIN.format(merchant=account.merchant_id)}) to stdout (format csv)"
    with as_owner() as owner, owner.cursor().copy(statement) as copy, out.open("wb") as target:
        for piece in copy:
            target.write(piece)
    return time.perf_counter() - begin


def made(member: Any, form: str, until: str) -> tuple[float, Any]:
    """Seconds that a report takes from the wish to its whole file."""
    from django.utils.timezone import now

    from reports.actions import ask_report
    from reports.making.make import make

    wish = {
        "since": "2020-01-01", "until": until, "branches": [], "columns": list(COLUMNS),
        "comma": False, "semicolon": False, "language": "en",
    }  # fmt: skip
    run = ask_report(by=member, report="transactions", form=form, wish=wish, at=now())
    begin = time.perf_counter()
    make(run.pk, now)
    took = time.perf_counter() - begin
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    return took, run


def bench_reports(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """CSV of ten times `rows`, and a spreadsheet of up to 200,000."""
    from django.conf import settings

    from bench.search import FACTOR, grown
    from merchants.actions.people import add_person
    from merchants.models import Role
    from transactions.models import Transaction

    member = add_person(email="b@acme.test", merchant=account.merchant, role=Role.OWNER)
    until = datetime.now(UTC).date().replace(year=datetime.now(UTC).year + 1).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        settings.REPORTS_PARTS = f"{folder}/parts"
        settings.STORAGES["reports"]["OPTIONS"]["location"] = f"{folder}/files"
        first, before = made(member, "csv", until), resource.getrusage(resource.RUSAGE_SELF)
        say(f"  {first[1].rows:,} rows in {first[0]:.2f} s")
        grown(rows * FACTOR, account)
        ours, plain = [], []
        for _ in range(ROUNDS):
            plain.append(copied(account, Path(folder) / "plain.csv"))
            took, run = made(member, "csv", until)
            ours.append(took)
        after = resource.getrusage(resource.RUSAGE_SELF)
        each = run.rows / statistics.median(ours)
        say(f"  {run.rows:,} rows, {each:,.0f} a second, {run.size / 1e6:,.0f} MB")
        ratio = statistics.median(plain) / statistics.median(ours)
        bars.check("CSV / the database's own copy of the same rows", ratio, least=0.5)
        bars.check(
            "MB above the first file's", (after.ru_maxrss - before.ru_maxrss) / 1024, most=32
        )
        Transaction.objects.filter(
            pk__in=Transaction.objects.filter(account=account).order_by("pk")[MOST:].values("pk")
        ).delete()
        took, run = made(member, "xlsx", until)
        say(f"  XLSX of {run.rows:,} rows in {took:.1f} s, {run.size / 1e6:,.0f} MB")
        peer = statistics.median(openpyxl_writes(account, folder) for _ in range(1))
        bars.check("XLSX / openpyxl's write-only", peer / took, least=3)
        high = resource.getrusage(resource.RUSAGE_SELF)
        bars.check("MB above that", (high.ru_maxrss - after.ru_maxrss) / 1024, most=64)


def openpyxl_writes(account: Any, folder: str) -> float:
    """Seconds that openpyxl takes for the same cells, in a process of its own."""
    source = Path(folder) / "plain.csv"
    copied(account, source)
    text = (
        "import csv, sys, time, openpyxl\n"
        "begin = time.perf_counter()\n"
        "book = openpyxl.Workbook(write_only=True)\n"
        "sheet = book.create_sheet()\n"
        "for row in csv.reader(open(sys.argv[1], encoding='utf-8', newline='')):\n"
        "    row[11] = int(row[11]) / 100; row[12] = int(row[12]); sheet.append(row)\n"
        "book.save(sys.argv[1] + '.xlsx')\n"
        "print(time.perf_counter() - begin)\n"
    )
    words = [sys.executable, "-c", text, str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout)
