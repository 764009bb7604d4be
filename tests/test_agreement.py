"""One number everywhere: rows, pages, CSV, spreadsheets and paper say the same of each day."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdf
import pytest
import python_calamine
from django.core.files.storage import storages
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from merchants.models import Branch, Membership, ProviderAccount
from merchants.sync import run_sync
from providers.nearpay.sandbox.render import close_receipt
from reports.actions import ask_report
from reports.making.make import make
from reports.models import ReportRun
from settlements.models import Reconciliation, SchemeTotal
from tests.conftest import NOON, PROVE, QUICK, Kept, Played, confirm
from transactions.models import Transaction

# Of the demo's size where all of it is tried.
SIZE = (
    {"transactions": 50_000, "terminals": 60} if PROVE else {"transactions": 3000, "terminals": 14}
)
Cell = tuple[date, str, str]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def nearpay(kept: Kept) -> Played:
    return kept.play(**SIZE)


@pytest.fixture(scope="module")
def synced(kept: Kept, nearpay: Played) -> int:
    made = nearpay.connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(kept: Kept, synced: int, filed: Path) -> Iterator[Membership]:
    yield kept.alice
    ReportRun.objects.all().delete()


def made(by: Membership, form: str, since: date, until: date, report: str = "daily-sales") -> Any:
    wish = {
        "since": since.isoformat(), "until": until.isoformat(), "branches": [], "columns": [],
        "comma": False, "semicolon": False, "language": "en",
    }  # fmt: skip
    run = ask_report(by=by, report=report, form=form, wish=wish, at=timezone.now())
    make(run.pk, timezone.now)
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    with storages["reports"].open(run.file) as source:
        return run, source.read()


def reference() -> dict[Cell, Counter[str]]:
    """What each branch, scheme and day sold, row by row."""
    found: dict[Cell, Counter[str]] = {}
    for row in Transaction.objects.select_related("branch").iterator():
        assert row.branch is not None
        own = found.setdefault((row.business_day, row.branch.name, row.scheme), Counter())
        if row.status == "APPROVED" and row.kind == "PURCHASE":
            own["sales"] += row.captured_minor or 0
        elif row.status == "APPROVED" and row.kind == "REFUND":
            own["refunds"] += row.captured_minor or 0
    return found


def minor(text: Any) -> int:
    return int(Decimal(str(text)) * 100)


class TestDays:
    def test_of_every_branch_and_scheme_are_the_same_in_every_form_and_on_the_page(
        self, alice: Membership
    ) -> None:
        days = set(Transaction.objects.values_list("business_day", flat=True))
        since, until = min(days), max(days) + DAY
        assert (until - since).days >= 90
        wanted = reference()
        # CSV
        run, content = made(alice, "csv", since, until)
        names = [each["name"] for each in run.manifest["columns"]]
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:]
        rows = [dict(zip(names, row, strict=True)) for row in table]
        found = {
            (date.fromisoformat(row["business_day"]), row["branch"], row["scheme"]): Counter(
                sales=minor(row["sales"]), refunds=minor(row["refunds"])
            )
            for row in rows
        }
        assert len(found) == len(rows)
        assert found == wanted
        assert all(minor(row["net"]) == int(row["net_minor"]) for row in rows)
        # XLSX
        _run, content = made(alice, "xlsx", since, until)
        sheet = python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_index(0)
        cells = [dict(zip(names, row, strict=True)) for row in sheet.to_python()[1:]]
        assert {
            (row["business_day"], row["branch"], row["scheme"]): Counter(
                sales=round(row["sales"] * 100), refunds=round(row["refunds"] * 100)
            )
            for row in cells
        } == wanted
        self._on_paper(alice, rows, since, until)
        self._on_pages(alice, wanted, since, until)

    def _on_paper(
        self, alice: Membership, rows: list[dict[str, str]], since: date, until: date
    ) -> None:
        """Each amount of each row, as often as it is there."""
        first = since
        while first < until:
            last = min(first + timedelta(days=30 if PROVE else 90), until)
            run, content = made(alice, "pdf", first, last)
            pages = pypdf.PdfReader(io.BytesIO(content)).pages
            text = re.sub("[\u202a-\u202e\u2066-\u2069]", "", "\n".join(
                page.extract_text() for page in pages))  # fmt: skip
            there = Counter(re.findall(r"-?[\d,]+\.\d\d", text))
            own = [row for row in rows if first <= date.fromisoformat(row["business_day"]) < last]
            wanted = Counter(
                f"{Decimal(row[name]):,}" for row in own for name in ("sales", "refunds", "net")
            )
            for total in run.manifest["totals"]:
                for name in ("sales_minor", "refunds_minor", "net_minor"):
                    wanted[f"{Decimal(total[name]) / 100:,.2f}"] += 1
            assert there == wanted
            first = last

    def _on_pages(
        self, alice: Membership, wanted: dict[Cell, Counter[str]], since: date, until: date
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        found: dict[tuple[date, str], Counter[str]] = {}
        for branch in Branch.objects.all():
            month = since.replace(day=1)
            while month < until:
                url = f"/reconciliations/closing/{branch.pk}/?month={month:%Y-%m}"
                for cell in client.get(url).context["row"].cells:
                    for _code, sales, refunds, net in cell.lines:
                        assert net == sales - refunds
                        own = Counter(sales=sales, refunds=refunds)
                        found[cell.day, branch.name] = own
                month = (month + timedelta(days=32)).replace(day=1)
        by_day: dict[tuple[date, str], Counter[str]] = {}
        for (day, name, _scheme), own in wanted.items():
            by_day.setdefault((day, name), Counter()).update(own)
        assert found == by_day

    def test_a_list_behind_a_figure_has_the_rows_that_add_up_to_it(self, alice: Membership) -> None:
        client = Client()
        client.force_login(alice.user)
        confirm(client, alice.user)
        run, content = made(alice, "csv", date(2026, 11, 1), date(2026, 12, 1))
        names = [each["name"] for each in run.manifest["columns"]]
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:]
        for row in table[:: max(1, len(table) // 12)]:
            cell = dict(zip(names, row, strict=True))
            branch = Branch.objects.get(name=cell["branch"])
            query = (
                f"branch={branch.pk}&day_from={cell['business_day']}&day_to={cell['business_day']}"
                f"&scheme={cell['scheme']}&kind=PURCHASE&status=APPROVED&download=csv"
            )
            answer: Any = client.get(f"/transactions/?{query}")
            lines = b"".join(answer).decode("utf-8-sig").splitlines()[1:]
            assert len(lines) == int(cell["sales_count"]), (query, answer.status_code, lines)


class TestWindows:
    def test_of_every_close_add_up_to_the_providers_totals_but_for_what_was_planted(
        self, alice: Membership, nearpay: Played
    ) -> None:
        world = nearpay.sandbox.world
        planted = {
            (close.id, each["name"]["value"])
            for close in world.closes
            for each in close_receipt(world, close)["schemes"]
            if not each["is_balanced"]
        }
        out, closes = set(), list(Reconciliation.objects.prefetch_related("schemes"))
        assert len(closes) > 100
        for close in closes:
            own = Transaction.objects.filter(
                terminal=close.terminal, currency=close.currency,
                occurred_at__gte=close.started_at, occurred_at__lt=close.ended_at,
                status__in=("APPROVED", "REVERSED"),
            )  # fmt: skip
            sums: dict[str, Counter[str]] = {}
            grouped = own.values("scheme", "kind", "status").annotate(total=Sum("amount_minor"))
            for row in grouped.order_by():
                cell = sums.setdefault(row["scheme"], Counter())
                cell["debit" if row["kind"] == "PURCHASE" else "credit"] += row["total"]
                if row["status"] == "REVERSED":
                    cell["credit"] += row["total"]
            for scheme in close.schemes.all():
                mine = sums.pop(scheme.scheme, Counter())
                theirs = Counter(debit=scheme.pos_debit_minor, credit=scheme.pos_credit_minor)
                assert +mine == +theirs, (close.ref, scheme.word)
                host = Counter(debit=scheme.host_debit_minor, credit=scheme.host_credit_minor)
                if +host != +mine:
                    out.add((close.ref, scheme.word))
            assert not sums
        shown = set(Reconciliation.objects.values_list("ref", flat=True))
        assert out == {each for each in planted if each[0] in shown}
        assert out
        named = SchemeTotal.objects.filter(balanced=False).select_related("reconciliation")
        assert {(each.reconciliation.ref, each.word) for each in named} == out
        client = Client()
        client.force_login(alice.user)
        for each in named[:10]:
            page = client.get(f"/reconciliations/{each.reconciliation_id}/").content.decode()
            assert f"{each.label} is out by" in page


def test_the_clock_of_the_sandbox_is_that_of_the_tests(alice: Membership) -> None:
    """Without it the windows above would be of another day."""
    latest = Transaction.objects.order_by("-occurred_at")[0]
    assert NOON - DAY < latest.occurred_at <= NOON
    assert ProviderAccount.objects.count() == 1
