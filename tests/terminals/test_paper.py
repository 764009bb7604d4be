"""The merchant's own words about terminals, the sheet that somebody signs, and the fleet report."""

import csv
import io
from typing import Any

import pypdf
import pytest
import python_calamine
from django.test import Client

from merchants.models import AuditEntry, Membership, ProviderAccount
from merchants.sync import Ask, run_sync
from portal.paper import qr
from terminals.models import Terminal, TerminalUser
from tests.conftest import QUICK, confirm

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(play: Any, alice: Membership) -> ProviderAccount:
    made: ProviderAccount = play(transactions=60, terminals=6).connect(alice.merchant)
    run_sync(made.pk, Ask(only=frozenset({"branches", "terminals"})), limits=QUICK)
    return made


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client()
    client.force_login(alice.user)
    return confirm(client, alice.user)


class TestWords:
    def test_stay_whatever_is_read(self, account: ProviderAccount, browser: Client) -> None:
        terminal = Terminal.objects.order_by("pk")[0]
        form = {"label": "=Till 3", "note": "Screen is cracked", "spare": "on"}
        browser.post(f"/terminals/{terminal.pk}/words/", form)
        Terminal.objects.update(content_hash=b"0" * 16)
        run_sync(account.pk, Ask(only=frozenset({"terminals"})), limits=QUICK)
        terminal.refresh_from_db()
        assert (terminal.label, terminal.note, terminal.spare) == (
            "=Till 3", "Screen is cracked", True,
        )  # fmt: skip
        entry = AuditEntry.objects.get(action="terminal.described")
        assert entry.facts["spare"] == [False, True]
        page = browser.get(f"/terminals/{terminal.pk}/").content.decode()
        assert "Screen is cracked" in page
        pool = browser.get("/terminals/", {"spare": "true"}).content.decode()
        assert terminal.tid in pool
        other = Terminal.objects.exclude(pk=terminal.pk).order_by("pk")[0]
        assert other.tid not in pool
        # The same again is no change.
        browser.post(f"/terminals/{terminal.pk}/words/", form)
        assert AuditEntry.objects.filter(action="terminal.described").count() == 1


class TestTheSheet:
    def test_names_all_that_somebody_holds_for_one_signature(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        person = TerminalUser.objects.filter(terminals__isnull=False).order_by("pk")[0]
        TerminalUser.objects.filter(pk=person.pk).update(name='Huda #1 *x* "$" \\ [أهلا]')
        Terminal.objects.order_by("pk").update(terminal_user=person)
        answer = browser.get(f"/terminals/people/{person.pk}/sheet/")
        assert answer["Content-Type"] == "application/pdf"
        read = pypdf.PdfReader(io.BytesIO(answer.content))
        text = "".join(page.extract_text() for page in read.pages)
        for each in Terminal.objects.all():
            assert each.tid in text
        assert "Huda #1 *x*" in text
        assert text.count("Signature") == 1
        assert read.trailer["/Root"]["/MarkInfo"]["/Marked"]  # type: ignore[index]
        fonts = {
            str(font.get_object()["/BaseFont"])
            for page in read.pages
            for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
        }
        assert all("IBMPlexSansArabic" in each for each in fonts)

    def test_a_code_is_a_picture_of_its_text(self) -> None:
        assert qr("https://portal.example.com/x").startswith("<svg")
        assert qr("a") != qr("b")


class TestTheReport:
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_has_every_terminal_and_column_as_text(
        self, account: ProviderAccount, browser: Client, kind: str
    ) -> None:
        Terminal.objects.filter(pk=Terminal.objects.order_by("pk")[0].pk).update(label="=1+1")
        body = browser.get("/terminals/report/", {"format": kind}).content
        if kind == "csv":
            rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
        else:
            sheet = python_calamine.load_workbook(io.BytesIO(body)).get_sheet_by_index(0)
            rows = [[str(cell) for cell in row] for row in sheet.to_python()]
        tids = {row[0] for row in rows[1:]}
        assert tids == set(Terminal.objects.values_list("tid", flat=True))
        assert all(len(each) == 16 for each in tids)
        labels = {row[rows[0].index("Label")] for row in rows}
        assert ("'=1+1" if kind == "csv" else "=1+1") in labels
        narrowed = browser.get("/terminals/report/", {"tid": rows[1][0]}).content.decode()
        assert len(narrowed.splitlines()) == 2
