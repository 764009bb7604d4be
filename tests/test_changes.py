"""What changed since somebody last looked, and the lines of the journal."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.models import Bookmark, Membership, ProviderAccount
from merchants.sync import Ask, run_sync
from reports.actions import ask_report, map_journal
from reports.changes import changed, have_seen, last_look
from reports.making import proof
from reports.making.make import make
from reports.models import JournalAccount, Looked, ReportRun
from tests.conftest import NOON, QUICK, Kept
from transactions.models import Change, DayTotal, Transaction


@pytest.fixture(scope="module")
def synced(kept: Kept) -> int:
    made = kept.play(transactions=1200, terminals=14).connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def account(synced: int) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=synced)


@pytest.fixture
def alice(kept: Kept, account: ProviderAccount) -> Iterator[Membership]:
    yield kept.alice
    for model in (Change, ReportRun, JournalAccount, Looked):
        model.objects.all().delete()
    Membership.objects.exclude(pk=kept.alice_pk).delete()


class TestChanges:
    def test_a_first_reading_has_none(self, account: ProviderAccount) -> None:
        assert not Change.objects.exists()

    def test_late_and_flipped_rows_are_said_once_with_what_they_moved(
        self, alice: Membership, account: ProviderAccount
    ) -> None:
        since = timezone.now()
        own = Transaction.objects.filter(account=account).order_by("-occurred_at", "-pk")
        # What is gone from here came late when it is read again.
        gone = list(own.filter(kind="PURCHASE", status="APPROVED")[:5])
        for each in gone:
            each.receipts.all().delete()
        Transaction.objects.filter(pk__in=[each.pk for each in gone]).delete()
        flipped = list(own.filter(kind="PURCHASE", status="APPROVED")[:4])
        for each in flipped:
            Transaction.objects.filter(pk=each.pk).update(
                status="PENDING", captured_minor=0, content_hash=b"other"
            )
        Bookmark.objects.filter(account=account).update(whole_reads=1)
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        found = changed(alice, since, timezone.now())
        assert {each.transaction.ref for each in found.late} == {each.ref for each in gone}
        assert {each.transaction_id for each in found.flipped} == {each.pk for each in flipped}
        assert {(each.status_before, each.status) for each in found.flipped} == {
            ("PENDING", "APPROVED")
        }
        moved = {(each.day, each.branch and each.branch.pk): each for each in found.moved}
        wanted = Counter[tuple[date, int | None]]()
        for each in (*gone, *flipped):
            wanted[each.business_day, each.branch_id] += each.captured_minor or 0
        assert {key: each.sales_minor for key, each in moved.items()} == dict(wanted)
        # Whoever has seen it is not told again.
        client = Client()
        client.force_login(alice.user)
        page = client.get("/reports/changes/").content.decode()
        assert "Days whose figures moved" in page
        for wrong in ("x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""):
            assert client.post("/reports/changes/seen/", {"until": wrong}).status_code == 302
        assert not Looked.objects.exists()
        until = timezone.now().isoformat()
        client.post("/reports/changes/seen/", {"until": until})
        assert "Nothing has changed" in client.get("/reports/changes/").content.decode()
        # Nor may the mark go back, or ahead.
        have_seen(by=alice, at=NOON - timedelta(days=900))
        assert last_look(alice, timezone.now()).isoformat() == until
        client.post("/reports/changes/seen/", {"until": "2099-01-01T00:00:00+00:00"})
        assert last_look(alice, timezone.now()) <= timezone.now()

    def test_are_of_seen_branches_alone(self, alice: Membership, account: ProviderAccount) -> None:
        rows = list(Transaction.objects.filter(account=account).order_by("pk")[:60])
        branches = sorted({each.branch_id for each in rows if each.branch_id})
        at = timezone.now()
        Change.objects.bulk_create(
            Change(
                merchant_id=alice.merchant_id, transaction=each, at=at, currency="SAR",
                branch_id=each.branch_id, day=each.business_day, kind="PURCHASE",
                status="APPROVED", captured=100,
            )
            for each in rows
        )  # fmt: skip
        own = add_person(email="b@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        Membership.objects.filter(pk=own.pk).update(every_branch=False)
        own = Membership.objects.get(pk=own.pk)
        own.branches.set(branches[:1])
        found = changed(own, at - timedelta(seconds=1), at)
        assert {each.branch_id for each in found.late} == {branches[0]}
        assert {each.branch and each.branch.pk for each in found.moved} == {branches[0]}
        everything = changed(alice, at - timedelta(seconds=1), at)
        assert len(everything.late) == 50
        assert everything.more["late"] == 10


@pytest.mark.usefixtures("filed")
class TestJournal:
    def made(self, by: Membership, report: str, form: str = "csv") -> ReportRun:
        wish = {
            "since": "2026-08-01", "until": "2026-12-01", "branches": [], "columns": [],
            "comma": False, "semicolon": False, "language": "en",
        }  # fmt: skip
        run = ask_report(by=by, report=report, form=form, wish=wish, at=timezone.now())
        make(run.pk, timezone.now)
        run.refresh_from_db()
        assert run.state == "DONE", run.problem
        path = Path(storages["reports"].path(run.file))
        assert proof.verify(path, run.manifest) == run.rows
        return run

    def lines(self, run: ReportRun, encoding: str = "utf-8-sig", skip: int = 0) -> list[list[str]]:
        with storages["reports"].open(run.file) as source:
            text = source.read().decode(encoding)
        rows = list(csv.reader(io.StringIO(text), delimiter=";" if skip else ","))
        return rows[skip:]

    def sums(self) -> tuple[Decimal, Decimal]:
        own = list(DayTotal.objects.all())
        sales, refunds = (
            sum(getattr(each, name) for each in own) for name in ("sales_minor", "refunds_minor")
        )
        return Decimal(sales) / 100, Decimal(refunds) / 100

    def test_debits_equal_credits_and_add_up_to_the_roll_ups(self, alice: Membership) -> None:
        map_journal(by=alice, codes={"sales": "8400", "clearing:MADA": "1361", "refunds": ""})
        sales, refunds = self.sums()
        head, *rows = self.lines(self.made(alice, "journal"))
        account, debit, credit = (head.index(name) for name in ("Account", "Debit", "Credit"))
        total = Counter[str]()
        for row in rows:
            total[row[account]] += Decimal(row[debit]) - Decimal(row[credit])  # type: ignore[assignment]
        assert total["8400"] == -sales
        assert total["4010"] == refunds
        assert total["1361"] + total["1200"] == sales - refunds
        assert total["1361"]
        assert sum(total.values()) == 0

    def test_in_the_forms_of_other_programs(self, alice: Membership) -> None:
        sales, refunds = self.sums()
        head, *rows = self.lines(self.made(alice, "journal-xero"))
        assert head[:6] == [
            "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount",
        ]  # fmt: skip
        assert sum(Decimal(row[5]) for row in rows) == 0
        assert any(Decimal(row[5]) < 0 for row in rows)
        head, *rows = self.lines(self.made(alice, "journal-quickbooks"))
        assert head[:2] == ["JournalNo", "JournalDate"]
        assert sum(Decimal(row[5] or 0) for row in rows) == sales + refunds
        assert sum(Decimal(row[6] or 0) for row in rows) == sales + refunds
        head, *rows = self.lines(self.made(alice, "journal-saft"))
        assert {"TransactionID", "AccountID", "DebitAmount", "CreditAmount"} <= set(head)
        assert sum(Decimal(row[9] or 0) for row in rows) == sales + refunds

    def test_in_datevs_form_with_its_head_marks_and_alphabet(self, alice: Membership) -> None:
        map_journal(by=alice, codes={"datev:consultant": "29098", "datev:client": "55003"})
        sales, refunds = self.sums()
        run = self.made(alice, "journal-datev")
        whole = self.lines(run, "cp1252", skip=0)
        with storages["reports"].open(run.file) as source:
            first = source.readline().decode("cp1252").rstrip("\n").split(";")
        assert first[:5] == ['"EXTF"', "700", "21", '"Buchungsstapel"', "13"]
        assert first[10:12] == ["29098", "55003"]
        assert first[12:16] == ["20260101", "4", "20260801", "20261130"]
        head, *rows = self.lines(run, "cp1252", skip=1)
        assert head[:3] == ["Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz"]
        amounts = [Decimal(row[0].replace(",", ".")) for row in rows]
        assert all("," in row[0] for row in rows)
        assert sum(amounts) == sales + refunds
        assert {row[1] for row in rows} == {"S"}
        assert all(len(row[9]) == 4 for row in rows)
        assert whole

    def test_accounts_are_kept_by_their_page(self, alice: Membership) -> None:
        client = Client()
        client.force_login(alice.user)
        assert client.get("/reports/journal/").status_code == 200
        for wrong in ({"sales": "=1+1"}, {"datev:client": "abc"}, {"sales": "x" * 31}):
            assert client.post("/reports/journal/", wrong).status_code == 422, wrong
        assert client.post("/reports/journal/", {"sales": "8400"}).status_code == 302
        assert JournalAccount.objects.values_list("key", "code").get() == ("sales", "8400")
        client.post("/reports/journal/", {"sales": ""})
        assert not JournalAccount.objects.exists()
