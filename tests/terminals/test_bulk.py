"""Many terminals at once: checked in words, asked for row by row, stopped and gone on with."""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
import python_calamine
import rustpy_xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Membership, Operation, ProviderAccount
from merchants.operations import accounts_with_work, send_operations
from merchants.sync import Ask, run_sync
from portal.conflicts import Conflict
from portal.tables import MOST_ROWS, NotATable, read_table, xlsx_of
from providers.base.http import Limits
from terminals.actions import (
    changes_under_way,
    draft_chosen,
    draft_upload,
    erase_person,
    feed_change,
    forget_files,
    retry_failed_rows,
    start_change,
    stop_change,
)
from terminals.models import BulkChange, BulkRow, Terminal, TerminalUser
from tests.conftest import NOON, PROVE, QUICK, Played

pytestmark = pytest.mark.django_db
ONCE = Limits(connect=2, read=5, total=5, tries=1)
HEADER = ["Terminal ID", "Full name", "Phone", "E-mail"]
ONLY = frozenset({"branches", "terminals"})


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=60, terminals=8)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, Ask(only=ONLY), limits=QUICK).state == "DONE"
    return made


def fleet(account: ProviderAccount) -> list[Terminal]:
    return list(Terminal.objects.filter(account=account).exclude(ref=None).order_by("tid"))


def new_people(terminals: Iterable[Terminal]) -> list[list[str]]:
    return [
        [each.tid, f"Person {number}", f"+9665{51000000 + number}", ""]
        for number, each in enumerate(terminals)
    ]


def upload(rows: list[list[str]], by: Membership, key: str = "file") -> BulkChange:
    return draft_upload(title="a.csv", header=HEADER, rows=rows, by=by, key=key, at=NOON)


class Work:
    """The worker, with a clock that moves on by itself whenever nothing is due."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        return self.at

    def on(self, change: BulkChange, rounds: int = 10_000) -> None:
        """Work until the change is over or stopped, and everything asked for has ended."""
        for _ in range(rounds):
            asked = feed_change(change.pk, self.at)
            steps = sum(
                send_operations(pk, limits=ONCE, clock=self) for pk in accounts_with_work(self.at)
            )
            if change.pk not in changes_under_way():
                return
            if not asked and not steps:
                self.at += timedelta(seconds=5)
        raise AssertionError("it does not end")


@pytest.fixture
def work() -> Work:
    return Work()


def holders_there(nearpay: Played) -> dict[str, str | None]:
    """Who holds each terminal as the provider knows it."""
    world, at = nearpay.sandbox.world, int(nearpay.sandbox.now().timestamp() * 1000)
    held = {each.tid: world.holder(each, at) for each in world.terminals}
    return {tid: person.mobile if person else None for tid, person in held.items()}


def writes(nearpay: Played) -> list[str]:
    return [path for method, path in nearpay.server.calls if method != "GET"]


class TestAFile:
    def test_is_checked_row_by_row_in_words(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        first, second, *_ = fleet(account)
        rows = [
            [first.tid, "Huda", "+966551112233", "huda@example.com"],
            ["", "Huda", "+966551112233", ""],
            ["0000000000000000", "Huda", "+966551112233", ""],
            [second.tid, "", "+966551112233", ""],
            [second.tid, "Huda", "55", ""],
        ]
        change = upload(rows, alice)
        assert change.columns == {"tid": 0, "name": 1, "mobile": 2, "email": 3}
        found = list(change.rows.order_by("position"))
        assert [each.state for each in found] == ["WAITING", "BAD", "BAD", "BAD", "BAD"]
        assert found[0].asked["mobile"] == "+966551112233"
        assert [each.said for each in found[1:]] == [
            "The terminal id is missing.",
            "There is no terminal of this id, or it is not yours.",
            "This terminal stands in the file more than once.",
            "This terminal stands in the file more than once.",
        ]
        assert not Operation.objects.exists()

    def test_handed_in_twice_is_one(self, account: ProviderAccount, alice: Membership) -> None:
        rows = new_people(fleet(account)[:2])
        assert upload(rows, alice).pk == upload(rows, alice).pk

    def test_of_another_merchants_terminals_is_all_wrong(
        self, account: ProviderAccount, mallory: Membership
    ) -> None:
        change = upload(new_people(fleet(account)), mallory)
        assert set(change.rows.values_list("state", flat=True)) == {"BAD"}

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "no rows"),
            (b"tid,name\n", "nothing under it"),
            (b"\xff\xfe\x00", "not UTF-8"),
            ("tid;name\n1;é\n".encode("latin-1"), "not UTF-8"),
            (b"tid\n" + b"1\n" * (MOST_ROWS + 1), "more than 2000 rows"),
            (b"PK\x03\x04 and nothing else", "cannot be read"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or an encrypted"),
            (b"x" * (2 * 2**20 + 1), "larger than 2 MB"),
            (b"a\x00b\n1\n", "neither CSV nor XLSX"),
        ],
    )
    def test_that_cannot_be_read_is_refused_in_words(self, content: bytes, problem: str) -> None:
        with pytest.raises(NotATable, match=problem):
            read_table("a.csv", content)

    def test_that_unpacks_to_too_much_is_refused(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b" " * (65 * 2**20))
        with pytest.raises(NotATable, match="too large"):
            read_table("a.xlsx", out.getvalue())

    def test_may_be_a_spreadsheet_and_a_rounded_id_is_said(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        first = fleet(account)[0]
        own = xlsx_of("x", HEADER, [[first.tid, "Huda", "+966551112233", ""]])
        table = read_table("a.xlsx", own)
        assert table.rows == [[first.tid, "Huda", "+966551112233", ""]]
        out = io.BytesIO()
        row = dict(zip(HEADER, (1234567890123456.0, "Huda", 966551112233.0, ""), strict=True))
        rustpy_xlsxwriter.write_worksheet([row], out, sheet_name="x")
        table = read_table("a.xlsx", out.getvalue())
        change = draft_upload(
            title="a", header=table.header, rows=table.rows, by=alice, key="x", at=NOON
        )
        assert "rounded" in change.rows.get().said
        assert table.rows[0][2] == "966551112233"

    def test_takes_other_columns_where_their_names_say_nothing(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        first = fleet(account)[0]
        header, rows = ["A", "B", "C"], [["Huda", "+966551112233", first.tid]]
        change = draft_upload(title="a", header=header, rows=rows, by=alice, key="x", at=NOON)
        assert change.rows.get().state == "BAD"
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/terminals/many/{change.pk}/").content.decode()
        assert "Which column is what" in page
        asked = {"tid": "2", "name": "0", "mobile": "1", "email": ""}
        client.post(f"/terminals/many/{change.pk}/columns/", asked)
        row = change.rows.get()
        assert (row.state, row.terminal) == ("WAITING", first)
        page = client.get(f"/terminals/many/{change.pk}/").content.decode()
        assert "Makes Huda known" in page

    def test_whose_columns_share_a_name_comes_back_whole(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        """As of a file of failed rows that is handed in once more."""
        header, rows = ["TID", "Reason", "", ""], [["1", "a", "+966551112233", "=2"]]
        change = draft_upload(title="a", header=header, rows=rows, by=alice, key="x", at=NOON)
        client = Client()
        client.force_login(alice.user)
        for kind in ("csv", "xlsx"):
            own = client.get(f"/terminals/many/{change.pk}/failed/?format={kind}").content
            table = read_table(f"failed.{kind}", own)
            assert table.rows == [[*rows[0], change.rows.get().said]]


class TestDoing:
    def test_ends_with_every_row_true_here_and_there(
        self, account: ProviderAccount, alice: Membership, nearpay: Played, work: Work
    ) -> None:
        """A slow provider that fails, a file that is wrong in parts, stops in between."""
        number = 2000 if PROVE else 60
        sandbox = nearpay.sandbox
        for _ in range(number - len(sandbox.world.terminals)):
            body = {"trsm_code": "1", "merchant_id": sandbox.world.branches[0].id, "name": "T"}
            sandbox._create_terminal(sandbox.world, [], body, None)  # type: ignore[arg-type]
        run_sync(account.pk, Ask(only=ONLY), limits=QUICK)
        rows = new_people(fleet(account))
        assert len(rows) == number
        bad = range(0, number, 20)
        for each in bad:
            rows[each][2] = "55"
        before = holders_there(nearpay)
        change = upload(rows, alice)
        assert change.rows.filter(state="BAD").count() == len(bad) == number // 20
        start_change(change=change, by=alice, at=NOON)
        # One in ten fails: applied and lost, not applied and lost, refused for a time.
        sandbox.faults.rates = {"lost": 0.04, "lost_before": 0.03, "throttle": 0.03}
        sandbox.faults.retry_after = 1
        for _ in range(2):
            feed_change(change.pk, work.at)
            send_operations(account.pk, limits=ONCE, clock=work)
            feed_change(change.pk, work.at)
            stop_change(change=change, by=alice, at=work.at)
            sent = len(writes(nearpay))
            waiting = change.rows.filter(state="WAITING").count()
            assert waiting
            feed_change(change.pk, work.at)
            assert not Operation.objects.filter(state="REQUESTED").exists()
            assert len(writes(nearpay)) == sent
            start_change(change=change, by=alice, at=work.at)
        work.on(change)
        change.refresh_from_db()
        assert change.state == "DONE"
        found = holders_there(nearpay)
        for row in change.rows.select_related("terminal__terminal_user", "operation"):
            tid, _, mobile, _ = rows[row.position - 1]
            if row.state == "BAD":
                assert found[tid] == before[tid]
                continue
            assert row.state == "DONE", row.said
            assert row.operation is not None
            assert row.operation.state == "CONFIRMED"
            assert found[tid] == mobile
            assert row.terminal is not None
            assert row.terminal.terminal_user is not None
            assert row.terminal.terminal_user.mobile == mobile
            assert row.operation.requested_by == alice.user
        done = number - len(bad)
        operations = Operation.objects.filter(state="CONFIRMED")
        assert operations.count() == done
        # Each took effect there once, whatever was lost on the way and sent again after looking.
        assert sum(len(each.assigned) for each in sandbox.world.terminals) == done
        assert operations.filter(tries__gt=1).exists()
        assert not operations.filter(tries__gt=1, evidence=[]).exists()

    def test_dying_while_asking_asks_for_nothing_twice(
        self, account: ProviderAccount, alice: Membership, nearpay: Played, work: Work
    ) -> None:
        change = upload(new_people(fleet(account)[:4]), alice)
        start_change(change=change, by=alice, at=NOON)
        feed_change(change.pk, work.at)
        # As after a death between asking and writing down that it was asked.
        change.rows.update(state="WAITING", operation=None, tries=0)
        feed_change(change.pk, work.at)
        assert Operation.objects.count() == 4
        work.on(change)
        assert len(writes(nearpay)) == 4
        assert set(change.rows.values_list("state", flat=True)) == {"DONE"}
        # Who they are stands with the people, and not in the file's rows any more.
        assert list(change.rows.values_list("cells", "asked").distinct()) == [([], {})]

    def test_what_is_in_the_way_fails_its_row_and_can_be_tried_again(
        self, account: ProviderAccount, alice: Membership, work: Work
    ) -> None:
        first, second, *_ = fleet(account)
        other = draft_chosen(
            kind="DISCONNECT", terminals=[first], title="x", by=alice, key="o", at=NOON
        )
        start_change(change=other, by=alice, at=NOON)
        feed_change(other.pk, work.at)
        change = upload(new_people([first, second]), alice)
        start_change(change=change, by=alice, at=NOON)
        feed_change(change.pk, work.at)
        row = change.rows.order_by("position")[0]
        assert row.state == "FAILED"
        assert "has asked for" in row.said
        work.on(other)
        work.on(change)
        with pytest.raises(Conflict, match="No row"):
            start_change(change=change, by=alice, at=NOON)
        client = Client()
        client.force_login(alice.user)
        answer = client.get(f"/terminals/many/{change.pk}/failed/")
        lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert lines[0] == [*HEADER, "Reason"]
        assert lines[1][:2] == [first.tid, "Person 0"]
        assert "has asked for" in lines[1][4]
        book = client.get(f"/terminals/many/{change.pk}/failed/?format=xlsx").content
        sheet = python_calamine.load_workbook(io.BytesIO(book)).get_sheet_by_index(0)
        assert sheet.to_python()[1][0] == first.tid
        assert retry_failed_rows(change=change, by=alice) == 1
        start_change(change=change, by=alice, at=NOON)
        work.on(change)
        assert set(change.rows.values_list("state", flat=True)) == {"DONE"}

    def test_ends_with_the_rights_of_who_started_it(
        self, account: ProviderAccount, alice: Membership, work: Work
    ) -> None:
        carol = add_person(email="carol@acme.test", merchant=alice.merchant, role="ADMIN")
        change = upload(new_people(fleet(account)), carol)
        start_change(change=change, by=carol, at=NOON)
        Membership.objects.filter(pk=carol.pk).update(role="SUPPORT")
        assert feed_change(change.pk, work.at) == 0
        change.refresh_from_db()
        assert change.state == "STOPPED"
        assert "may not change terminals" in change.said

    def test_off_boarding_takes_back_everything_in_one_step(
        self, account: ProviderAccount, alice: Membership, nearpay: Played, work: Work
    ) -> None:
        person = TerminalUser.objects.filter(terminals__isnull=False).order_by("pk")[0]
        first, second, *_ = fleet(account)
        Terminal.objects.filter(pk=first.pk).update(terminal_user=person)
        Terminal.objects.filter(pk=second.pk).update(terminal_user=person)
        held = set(person.terminals.values_list("pk", flat=True))
        assert len(held) > 1
        client = Client()
        client.force_login(alice.user)
        form = {"key": "off"}
        answer = client.post(f"/terminals/people/{person.pk}/off-board/", form)
        assert (
            client.post(f"/terminals/people/{person.pk}/off-board/", form)["Location"]
            == (answer["Location"])
        )
        change = BulkChange.objects.get()
        assert (change.state, change.rows.count()) == ("RUNNING", len(held))
        work.on(change)
        assert not person.terminals.exists()
        mobile = person.mobile
        assert mobile not in holders_there(nearpay).values()
        entries = AuditEntry.objects.filter(action="operation.requested")
        assert {each.actor for each in entries} == {alice.user}

    def test_of_chosen_terminals(
        self, account: ProviderAccount, alice: Membership, work: Work
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        chosen = fleet(account)[:3]
        person = TerminalUser.objects.order_by("pk")[0]
        form = {"terminal": [each.pk for each in chosen], "kind": "ASSIGN", "key": "c"}
        assert client.post("/terminals/many/choose/", form).status_code == 422
        nobody = client.post("/terminals/many/choose/", {"kind": "UNASSIGN", "key": "c"})
        assert nobody.status_code == 422
        answer = client.post("/terminals/many/choose/", form | {"person": person.pk})
        page = client.get(answer["Location"])
        assert len(page.context["rows"]) == 3
        change = BulkChange.objects.get()
        client.post(f"/terminals/many/{change.pk}/start/")
        work.on(change)
        assert {each.terminal_user for each in fleet(account)[:3]} == {person}
        page = client.get(f"/terminals/many/{change.pk}/")
        assert page.context["over"] == 3


class TestPages:
    def test_a_file_is_handed_in_and_shown(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        template = client.get("/terminals/many/template/").content
        first = fleet(account)[0]
        own = template.replace(b"0211111112222222", first.tid.encode())
        file = SimpleUploadedFile("people.csv", own)
        answer = client.post("/terminals/many/", {"file": file, "key": "k"})
        page = client.get(answer["Location"])
        (row,) = page.context["rows"]
        assert (row.state, row.terminal) == ("WAITING", first)
        wrong = SimpleUploadedFile("people.csv", b"")
        assert client.post("/terminals/many/", {"file": wrong, "key": "k2"}).status_code == 422
        assert BulkChange.objects.count() == 1

    def test_whoever_is_forgotten_is_forgotten_in_files_too(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        person = TerminalUser.objects.exclude(mobile=None).order_by("pk")[0]
        assert person.mobile
        first, second, *_ = fleet(account)
        rows = [[first.tid, person.name, person.mobile, ""], [second.tid, "X", "+966551112233", ""]]
        change = upload(rows, alice)
        change.rows.update(state="FAILED")
        erase_person(person=person, by=alice, at=NOON)
        gone, kept = change.rows.order_by("position")
        assert (gone.cells, gone.asked) == ([], {})
        assert kept.asked["mobile"] == "+966551112233"

    def test_whose_terminal_it_is_and_who_holds_it_is_looked_at_again(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        held = [each for each in fleet(account) if each.terminal_user_id]
        change = draft_chosen(
            kind="UNASSIGN", terminals=held[:2], title="x", by=alice, key="o", at=NOON
        )
        start_change(change=change, by=alice, at=NOON)
        other = TerminalUser.objects.exclude(pk=held[0].terminal_user_id or 0).order_by("pk")[0]
        Terminal.objects.filter(pk=held[0].pk).update(terminal_user=other)
        assert feed_change(change.pk, NOON) == 1
        moved, same = change.rows.order_by("position")
        assert (moved.state, same.state) == ("FAILED", "ASKED")
        assert "Somebody else holds it by now" in moved.said

    def test_what_is_no_longer_kept_cannot_be_gone_on_with(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        change = upload(new_people(fleet(account)[:2]), alice)
        forget_files(NOON + timedelta(days=8))
        with pytest.raises(Conflict, match="No row"):
            start_change(change=change, by=alice, at=NOON)

    def test_a_cell_far_out_is_refused_unread(self) -> None:
        out = io.BytesIO(xlsx_of("x", HEADER, [["1", "2", "3", "4"]]))
        far = io.BytesIO()
        with zipfile.ZipFile(out) as old, zipfile.ZipFile(far, "w") as new:
            for each in old.namelist():
                body = old.read(each)
                new.writestr(each, body.replace(b'r="D2"', b'r="XFD1048576"'))
        with pytest.raises(NotATable, match="more than 2000 rows"):
            read_table("a.xlsx", far.getvalue())

    def test_what_stood_in_a_file_is_let_go_of(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        change = upload(new_people(fleet(account)[:2]), alice)
        assert forget_files(NOON + timedelta(days=6)) == 0
        assert forget_files(NOON + timedelta(days=8)) == 2
        assert not BulkRow.objects.filter(change=change).exclude(cells=[]).exists()
