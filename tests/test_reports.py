"""Reports: what is in them, how they prove themselves, and who may have them."""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdf
import pytest
import python_calamine
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Membership, ProviderAccount
from merchants.sync import run_sync
from portal.proofs import NotAsMade
from reports.actions import TooMany, ask_report, cancel_report, forget_files, sweep_files
from reports.catalogue import REPORTS
from reports.making import proof
from reports.making.make import make, open_runs
from reports.models import ReportRun
from reports.periods import Period, named
from tests.conftest import NOON, QUICK, Kept
from transactions.models import DayTotal, Transaction

SINCE, UNTIL = date(2026, 8, 1), date(2026, 12, 1)


@pytest.fixture(scope="module")
def synced(kept: Kept) -> int:
    made = kept.play(transactions=1500, terminals=14).connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(kept: Kept, synced: int) -> Iterator[Membership]:
    """The owner; what a test has asked for and changed is taken back after it."""
    yield kept.alice
    ReportRun.objects.all().delete()
    Membership.objects.exclude(pk=kept.alice_pk).delete()
    Membership.objects.filter(pk=kept.alice_pk).update(role="OWNER", ended_at=None)


@pytest.fixture
def account(synced: int, alice: Membership) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=synced)


@pytest.fixture
def folder(filed: Path) -> Path:
    return filed


def wish(**more: Any) -> dict[str, Any]:
    return {
        "since": SINCE.isoformat(), "until": UNTIL.isoformat(), "branches": [], "columns": [],
        "comma": False, "semicolon": False, "language": "en", **more,
    }  # fmt: skip


def made(by: Membership, report: str, form: str = "csv", **more: Any) -> ReportRun:
    run = ask_report(by=by, report=report, form=form, wish=wish(**more), at=timezone.now())
    make(run.pk, timezone.now)
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    return run


def content(run: ReportRun) -> bytes:
    with storages["reports"].open(run.file) as source:
        found: bytes = source.read()
    return found


def rows_of(run: ReportRun) -> list[dict[str, str]]:
    text = content(run).decode("utf-8-sig")
    mark = ";" if run.wish["semicolon"] else ","
    names = [each["name"] for each in run.manifest["columns"]]
    _head, *rows = csv.reader(io.StringIO(text), delimiter=mark)
    return [dict(zip(names, row, strict=True)) for row in rows]


def sheets_of(run: ReportRun) -> list[str]:
    """The sheets of a workbook as XML."""
    with zipfile.ZipFile(io.BytesIO(content(run))) as archive:
        names = sorted(each for each in archive.namelist() if "worksheets/sheet" in each)
        return [archive.read(each).decode() for each in names]


def path_of(run: ReportRun) -> Path:
    return Path(storages["reports"].path(run.file))


class TestRows:
    def test_every_report_is_made_in_every_form_and_adds_up(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        for name in REPORTS:
            by_form = {form: made(alice, name, form) for form in ("csv", "jsonl", "xlsx")}
            totals = [run.manifest["totals"] for run in by_form.values()]
            assert totals[0] == totals[1] == totals[2], name
            assert by_form["csv"].rows or name == "assignments", name
            for run in by_form.values():
                assert proof.verify(path_of(run), run.manifest) == run.rows

    def test_on_paper_is_bilingual_and_adds_up_to_the_same(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        since = {"since": "2026-11-01"}
        table = made(alice, "summary", "csv", **since)
        for language in ("en", "ar"):
            run = made(alice, "summary", "pdf", language=language, **since)
            assert run.manifest["totals"] == table.manifest["totals"]
            assert proof.verify(path_of(run), run.manifest) == run.rows
            pages = pypdf.PdfReader(path_of(run)).pages
            # Without the marks by which numbers keep their direction.
            text = re.sub("[\u202a-\u202e]", "", "".join(each.extract_text() for each in pages))
            for total in run.manifest["totals"]:
                assert f"{total['net_minor'] / 100:,.2f}" in text
        path = folder / "x.pdf"
        path.write_bytes(content(run) + b" ")
        with pytest.raises(NotAsMade, match="byte for byte"):
            proof.verify(path, run.manifest)

    def test_that_paper_is_too_small_for_is_refused_in_words(
        self, account: ProviderAccount, alice: Membership, folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("reports.making.make.MOST_ROWS", 100)
        run = ask_report(
            by=alice, report="transactions", form="pdf", wish=wish(), at=timezone.now()
        )
        make(run.pk, timezone.now)
        run.refresh_from_db()
        assert run.state == "FAILED"
        assert "at most 100 rows" in run.problem

    def test_transactions_are_the_rows_of_the_list(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        run = made(alice, "transactions")
        own = {each.ref: each for each in Transaction.objects.select_related("branch")}
        rows = rows_of(run)
        assert len(rows) == len(own) == run.rows
        for row in rows:
            row_ = own[row["ref"]]
            assert row["amount_minor"] == str(row_.amount_minor)
            assert row["amount"] == f"{row_.amount_minor / 100:.2f}"
            assert row["rrn"] == (row_.rrn or "")
            assert row["business_day"] == row_.business_day.isoformat()
            assert row["occurred_at"].endswith("+03:00")
            local = row_.occurred_at.astimezone(ZoneInfo("Asia/Riyadh"))
            assert row["occurred_at"] == local.isoformat(timespec="seconds")
            assert row["local_time"] == f"{local:%Y-%m-%d %H:%M:%S}"

    def test_daily_sales_are_the_roll_ups_of_the_pages(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        sums: Counter[str] = Counter()
        for row in rows_of(made(alice, "daily-sales")):
            sums["sales"] += int(row["sales_minor"])
            sums["refunds"] += int(row["refunds_minor"])
            sums["net"] += int(row["net_minor"])
        kept = list(DayTotal.objects.all())
        assert sums["sales"] == sum(each.sales_minor for each in kept) > 0
        assert sums["refunds"] == sum(each.refunds_minor for each in kept)
        assert sums["net"] == sums["sales"] - sums["refunds"]
        for name in ("sales-by-terminal", "sales-by-person", "z"):
            own = rows_of(made(alice, name))
            assert sum(int(row["sales_minor"]) for row in own) == sums["sales"], name

    def test_a_spreadsheet_has_typed_cells_and_whole_identifiers(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        run = made(alice, "transactions", "xlsx", language="ar")
        sheet = sheets_of(run)[0]
        assert 'rightToLeft="1"' in sheet
        assert 'topLeftCell="A2"' in sheet
        book = python_calamine.load_workbook(io.BytesIO(content(run)))
        assert len(book.sheet_names) == 2
        names = [each["name"] for each in run.manifest["columns"]]
        _head, first, *_rest = book.get_sheet_by_index(0).to_python()
        cells = dict(zip(names, first, strict=True))
        assert isinstance(cells["rrn"], str)
        assert len(str(cells["terminal"])) == 16
        assert cells["amount_minor"] == round(float(cells["amount"]) * 100)
        assert isinstance(cells["business_day"], date)

    def test_more_rows_than_a_sheet_has_go_on_in_the_next(
        self, account: ProviderAccount, alice: Membership, folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("reports.making.writers.SHEET", 400)
        run = made(alice, "transactions", "xlsx")
        book = python_calamine.load_workbook(io.BytesIO(content(run)))
        *sheets, _proof = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
        assert run.rows is not None
        assert len(sheets) == -(-run.rows // 400) > 1
        # Each with the head, and all rows once.
        assert all(sheet[0] == sheets[0][0] for sheet in sheets)
        assert sum(len(sheet) - 1 for sheet in sheets) == run.rows
        assert proof.verify(path_of(run), run.manifest) == run.rows

    def test_are_picked_up_by_the_api(
        self, account: ProviderAccount, alice: Membership, folder: Path, token: Any
    ) -> None:
        run = made(alice, "daily-sales")
        client = Client(headers=token(alice))
        (found,) = client.get("/api/v1/reports/").json()["results"]
        assert (found["id"], found["rows"], found["has_file"]) == (run.pk, run.rows, True)
        assert (found["since"], found["sha256"]) == (SINCE.isoformat(), run.digest)
        answer: Any = client.get(f"/api/v1/reports/{run.pk}/file/")
        assert b"".join(answer.streaming_content) == content(run)
        assert client.get(f"/api/v1/reports/{run.pk}/proof/").json() == run.manifest
        other = add_person(email="b@acme.test", merchant=alice.merchant, role="ADMIN")
        stranger = Client(headers=token(other))
        assert stranger.get("/api/v1/reports/").json()["results"] == []
        for path in ("", "file/", "proof/"):
            assert stranger.get(f"/api/v1/reports/{run.pk}/{path}").status_code == 404

    def test_marks_and_columns_are_those_that_were_asked_for(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        chosen = ["amount", "rrn", "currency"]
        run = made(alice, "transactions", columns=chosen, comma=True, semicolon=True)
        text = content(run).decode("utf-8-sig")
        assert text.splitlines()[0] == '"Amount";"RRN";"Currency"'
        assert "," in text.splitlines()[1].split(";")[0]
        assert [each["name"] for each in run.manifest["columns"]] == chosen
        assert proof.verify(path_of(run), run.manifest) == run.rows

    def test_of_some_branches_has_only_theirs_and_only_seen_ones(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        branches = [each.branch for each in account.branches.order_by("pk")]
        own = add_person(email="b@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        Membership.objects.filter(pk=own.pk).update(every_branch=False)
        own = Membership.objects.get(pk=own.pk)
        own.branches.set([branches[0]])
        for asked in ([], [branches[0].pk, branches[1].pk]):
            found = rows_of(made(own, "transactions", branches=asked))
            assert {row["branch"] for row in found} == {branches[0].name}
        # Of another's branches alone there is nothing.
        assert rows_of(made(own, "transactions", branches=[branches[1].pk])) == []
        # Names are masked for who may not see people.
        everyone = rows_of(made(alice, "transactions"))
        names = {row["held_by"] for row in everyone if row["held_by"]}
        masked = {row["held_by"] for row in rows_of(made(own, "transactions")) if row["held_by"]}
        assert masked
        assert not masked & names
        assert all("…" in each for each in masked)

    def test_what_looks_like_a_formula_stays_a_text_and_numbers_stay_numbers(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        evil = [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            '=HYPERLINK("http://x")',
            'a;b,c"dtwo\nlines',
        ]
        pks = list(Transaction.objects.order_by("pk").values_list("pk", flat=True)[: len(evil)])
        before = dict(Transaction.objects.filter(pk__in=pks).values_list("pk", "reference"))
        for pk, text in zip(pks, evil, strict=True):
            Transaction.objects.filter(pk=pk).update(reference=text)
        run = made(alice, "transactions")
        found = {int(row["id"]): row["reference"] for row in rows_of(run)}
        for pk, text in zip(pks, evil, strict=True):
            formula = text[0] in "=+-@\t\r"
            assert found[pk] == (f"'{text}" if formula else text)
        sheet = made(alice, "transactions", "xlsx")
        assert all("<f>" not in text for text in sheets_of(sheet))
        book = python_calamine.load_workbook(io.BytesIO(content(sheet)))
        place = [each["name"] for each in sheet.manifest["columns"]].index("reference")
        cells = {row[place] for row in book.get_sheet_by_index(0).to_python()}
        assert {each for each in evil if each.strip() == each} <= cells
        for pk, reference in before.items():
            Transaction.objects.filter(pk=pk).update(reference=reference)


class TestProof:
    @pytest.fixture
    def run(self, account: ProviderAccount, alice: Membership, folder: Path) -> ReportRun:
        return made(alice, "transactions")

    def test_finds_a_flipped_byte_a_removed_row_and_a_swapped_pair(
        self, run: ReportRun, folder: Path
    ) -> None:
        path, whole = folder / "file.csv", content(run)
        lines = whole.splitlines(keepends=True)
        swapped = [*lines[:1], lines[2], lines[1], *lines[3:]]
        flipped = whole.replace(b",SAR,", b",SAX,", 1)
        for changed, said in (
            (b"".join(lines[:5] + lines[6:]), "rows"),
            (b"".join(swapped), "byte for byte"),
            (flipped, "adds up"),
            (whole[:-1] + b"x", ""),
        ):
            path.write_bytes(changed)
            with pytest.raises(NotAsMade, match=said):
                proof.verify(path, run.manifest)
        path.write_bytes(whole)
        assert proof.verify(path, run.manifest) == run.rows
        forged = run.manifest | {"rows": 1}
        with pytest.raises(NotAsMade, match="not made by this portal"):
            proof.verify(path, forged)

    def test_says_who_when_of_what_and_how_complete(
        self, run: ReportRun, alice: Membership
    ) -> None:
        told = run.manifest
        assert told["made_by"] == "Alice"
        assert told["days"] == [SINCE.isoformat(), UNTIL.isoformat()]
        assert told["clocks"][0]["zone"] == "Asia/Riyadh"
        assert told["clocks"][0]["day_begins"] == "00:00"
        assert told["providers"][0]["complete_to"]
        assert {"currency", "kind", "status", "rows", "amount_minor"} <= set(told["totals"][0])
        assert sum(each["rows"] for each in told["totals"]) == run.rows

    def test_commands_export_and_verify(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        out = folder / "month.xlsx"
        words = ["--merchant", "acme", "--from", "2026-08-01", "--to", "2026-12-01"]
        call_command("export", "daily-sales", *words, "--format", "xlsx", "--out", str(out))
        said = io.StringIO()
        call_command("verify-report", str(out), stdout=said)
        assert "whole" in said.getvalue()
        beside = out.with_name("month.xlsx.proof.json")
        assert json.loads(beside.read_text())["report"] == "daily-sales"
        beside.unlink()
        call_command("verify-report", str(out), stdout=said)
        out.write_bytes(out.read_bytes() + b" ")
        with pytest.raises(CommandError, match="no such file"):
            call_command("verify-report", str(out))
        with pytest.raises(CommandError, match="not after"):
            call_command(
                "export", "z", "--merchant", "acme", "--from", "2026-08-01", "--to", "2026-08-01",
                "--out", str(out),
            )  # fmt: skip


class TestMaking:
    def test_what_a_dead_maker_left_is_made_anew_and_never_offered(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        run = ask_report(by=alice, report="z", form="csv", wish=wish(), at=timezone.now())
        ReportRun.objects.filter(pk=run.pk).update(state="RUNNING", tries=1, done_rows=3)
        client = Client()
        client.force_login(alice.user)
        assert client.get(f"/reports/{run.pk}/file/").status_code == 404
        assert open_runs() == [run.pk]
        assert make(run.pk, timezone.now)
        assert not make(run.pk, timezone.now)
        answer: Any = client.get(f"/reports/{run.pk}/file/")
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content) == content(ReportRun.objects.get())
        fetched = AuditEntry.objects.filter(action="report.fetched", facts__run=run.pk)
        assert fetched.count() == 1
        assert list((folder / "parts").iterdir()) == []

    def test_is_cancelled_in_time_or_not_at_all(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        now = timezone.now()
        run = ask_report(by=alice, report="z", form="csv", wish=wish(), at=now)
        assert cancel_report(run=run, by=alice, at=now)
        assert not make(run.pk, timezone.now)
        run = made(alice, "z")
        assert not cancel_report(run=run, by=alice, at=now)

    def test_by_the_rights_of_the_moment_when_it_is_made(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        now = timezone.now()
        run = ask_report(by=alice, report="z", form="csv", wish=wish(), at=now)
        Membership.objects.filter(pk=alice.pk).update(role="SUPPORT")
        make(run.pk, timezone.now)
        run.refresh_from_db()
        assert (run.state, run.file) == ("FAILED", "")
        assert "Download rows and reports" in run.problem
        Membership.objects.filter(pk=alice.pk).update(role="OWNER", ended_at=now)
        again = ReportRun.objects.create(
            merchant=alice.merchant, member=alice, report="z", form="csv",
            wish=wish(), asked_at=now,
        )  # fmt: skip
        make(again.pk, timezone.now)
        again.refresh_from_db()
        assert "does not work here" in again.problem

    def test_are_closed_to_who_may_see_less_by_now(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        own = add_person(email="b@acme.test", merchant=alice.merchant, role="ADMIN")
        run = made(own, "fleet")
        client = Client()
        client.force_login(own.user)
        for change in ({"role": "ACCOUNTANT"}, {"role": "ADMIN", "every_branch": False}):
            assert client.get(f"/reports/{run.pk}/file/").status_code == 200
            Membership.objects.filter(pk=own.pk).update(**change)
            for path in ("", "file/", "file/?proof"):
                assert client.get(f"/reports/{run.pk}/{path}").status_code == 403
            Membership.objects.filter(pk=own.pk).update(role="ADMIN", every_branch=True)

    def test_what_no_row_names_is_swept(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        run = made(alice, "z")
        left = storages["reports"].save("7/ab/z.csv", ContentFile(b"half"))
        assert sweep_files(timezone.now()) == 0
        assert sweep_files(timezone.now() + timedelta(days=2)) == 1
        assert not storages["reports"].exists(left)
        assert path_of(run).exists()

    def test_that_cannot_be_kept_says_so_and_leaves_nothing(
        self, account: ProviderAccount, alice: Membership, folder: Path, settings: Any
    ) -> None:
        # A device that is full takes nothing.
        (folder / "parts").mkdir()
        settings.STORAGES = settings.STORAGES | {
            "reports": {
                "BACKEND": "tests.full.FullStorage",
                "OPTIONS": {"location": str(folder / "files")},
            }
        }
        run = ask_report(by=alice, report="z", form="csv", wish=wish(), at=timezone.now())
        make(run.pk, timezone.now)
        run.refresh_from_db()
        assert run.state == "FAILED"
        assert "no room" in run.problem
        assert list((folder / "parts").iterdir()) == []

    def test_files_go_after_their_time(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        run = made(alice, "z")
        path = path_of(run)
        assert forget_files(timezone.now() + timedelta(days=29)) == 0
        assert forget_files(timezone.now() + timedelta(days=31)) == 1
        assert not path.exists()
        run.refresh_from_db()
        assert (run.file, run.state) == ("", "DONE")

    def test_one_person_cannot_fill_the_queue(
        self, account: ProviderAccount, alice: Membership, folder: Path
    ) -> None:
        for _each in range(20):
            ask_report(by=alice, report="z", form="csv", wish=wish(), at=NOON)
        with pytest.raises(TooMany):
            ask_report(by=alice, report="z", form="csv", wish=wish(), at=NOON)


class TestPages:
    def test_ask_show_and_hand_out(self, alice: Membership) -> None:
        client = Client()
        client.force_login(alice.user)
        page = client.get("/reports/").content.decode()
        assert "Daily sales" in page
        form = {"period": "days", "since": "2026-08-01", "last": "2026-08-31", "form": "csv"}
        answer = client.post("/reports/new/transactions/", form)
        run = ReportRun.objects.get()
        assert answer["Location"] == f"/reports/{run.pk}/"
        assert (run.wish["since"], run.wish["until"]) == ("2026-08-01", "2026-09-01")
        assert "every 1s" in client.get(f"/reports/{run.pk}/").content.decode()
        for wrong in (
            {"last": "2026-07-01"}, {"since": ""}, {"last": "2036-07-01"}, {"form": "exe"},
            {"period": "x"}, {"columns": ["password"]},
            {"last": "9999-12-31"}, {"since": "0001-01-01"},
        ):  # fmt: skip
            answer = client.post("/reports/new/transactions/", form | wrong)
            assert answer.status_code == 422, wrong
        assert client.get("/reports/new/nothing/").status_code == 404
        assert client.post(f"/reports/{run.pk}/cancel/").status_code == 302
        run.refresh_from_db()
        assert run.state == "CANCELLED"
        assert client.post(f"/reports/{run.pk}/again/").status_code == 302
        assert ReportRun.objects.count() == 2

    def test_are_who_asked_fors_alone(self, alice: Membership) -> None:
        run = ask_report(by=alice, report="z", form="csv", wish=wish(), at=NOON)
        other = add_person(email="o@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        client = Client()
        client.force_login(other.user)
        for path in ("", "file/"):
            assert client.get(f"/reports/{run.pk}/{path}").status_code == 404
        for path in ("cancel/", "again/"):
            assert client.post(f"/reports/{run.pk}/{path}").status_code == 404
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
        client = Client()
        client.force_login(support.user)
        assert client.get("/reports/").status_code == 403


def test_periods_are_by_the_calendar_and_half_open() -> None:
    today = date(2026, 11, 22)
    for name, since, until in (
        ("yesterday", "2026-11-21", "2026-11-22"),
        ("last-week", "2026-11-09", "2026-11-16"),
        ("this-month", "2026-11-01", "2026-12-01"),
        ("last-month", "2026-10-01", "2026-11-01"),
        ("last-quarter", "2026-07-01", "2026-10-01"),
        ("last-year", "2025-01-01", "2026-01-01"),
    ):
        assert named(name, today) == Period(date.fromisoformat(since), date.fromisoformat(until))
    march = Period(date(2026, 3, 1), date(2026, 4, 1))
    assert march.before() == Period(date(2026, 2, 1), date(2026, 3, 1))
    week = Period(date(2026, 3, 2), date(2026, 3, 9))
    assert week.before() == Period(date(2026, 2, 23), date(2026, 3, 2))
