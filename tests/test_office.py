"""Files as an office program opens them: LibreOffice, headless."""

import csv
import io
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from merchants.models import Membership
from merchants.sync import run_sync
from reports.actions import ask_report
from reports.making.make import make
from reports.models import ReportRun
from terminals.models import Terminal
from tests.conftest import QUICK, Kept, confirm
from transactions.models import Transaction

SOFFICE = shutil.which("soffice")
pytestmark = pytest.mark.skipif(
    SOFFICE is None, reason="needs LibreOffice (apt install libreoffice-calc)"
)
# What spreadsheets have been made to run, and what only looks like it.
PAYLOADS = (
    "=1+1", "=SUM(A1:A9)", '=HYPERLINK("http://evil.test","x")', "=cmd|' /C calc'!A0",
    "=DDE(\"cmd\";\"/C calc\";\"x\")", '=WEBSERVICE("http://evil.test")', "=IMPORTXML(A1,A2)",
    "='file:///etc/passwd'#$passwd.A1", "+1+1", "+SUM(1,2)", "+cmd|' /C calc'!A0", "-1+1",
    "-2+3+cmd|' /C calc'!A0", "-SUM(1,2)", "@SUM(1,2)", "@A1", "\t=1+1", "\r=1+1", "\n=1+1",
    "\t+1", "\r-1+1", "=1+1;=2+2", '=1+1","=2+2', "=\u202e1+1", "＝1+1", "＋1+1", "－1+1",
    "＠SUM(1,2)", "=-1", "=TRUE()",
)  # fmt: skip
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
# UTF-8, cells as they are read on opening a file, formulas worked out where there are any.
COMMAS, SEMICOLONS = (
    f"CSV:{mark},34,76,1,,0,false,true,false,false,false,0,true" for mark in (44, 59)
)


@pytest.fixture(scope="module")
def synced(kept: Kept) -> int:
    made = kept.play(transactions=400, terminals=40).connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    assert len(PAYLOADS) == 30
    rows = list(Transaction.objects.order_by("pk").values_list("pk", flat=True)[:30])
    tills = list(
        Terminal.objects.exclude(ref=None).order_by("pk").values_list("pk", flat=True)[:30]
    )
    for row, till, text in zip(rows, tills, PAYLOADS, strict=True):
        Transaction.objects.filter(pk=row).update(reference=text, amount_minor=123456)
        Terminal.objects.filter(pk=till).update(note=text, label=text)
    return made.pk


@pytest.fixture
def alice(kept: Kept, synced: int, filed: Path) -> Iterator[Membership]:
    yield kept.alice
    ReportRun.objects.all().delete()


def made(by: Membership, report: str, form: str, **more: Any) -> bytes:
    wish = {
        "since": "2026-08-01", "until": "2026-12-01", "branches": [], "columns": [],
        "comma": False, "semicolon": False, "language": "en", **more,
    }  # fmt: skip
    run = ask_report(by=by, report=report, form=form, wish=wish, at=timezone.now())
    make(run.pk, timezone.now)
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    with storages["reports"].open(run.file) as source:
        content: bytes = source.read()
    return content


def converted(folder: Path, to: str, files: list[Path], reading: str = "") -> list[Path]:
    """What LibreOffice makes of files when it opens them."""
    out = folder / f"out-{to}-{len(list(folder.iterdir()))}"
    words = [
        str(SOFFICE), f"-env:UserInstallation=file://{folder / 'profile'}", "--headless",
        "--convert-to", to, "--outdir", str(out),
        *([f"--infilter={reading}"] if reading else []), *map(str, files),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=240)
    return [out / f"{each.stem}.{to}" for each in files]


def cells_of(path: Path) -> list[list[tuple[str, str, bool]]]:
    """Of each row of the first sheet its cells: type, text, and whether there is a formula."""
    sheet = ET.parse(path).getroot().find(f".//{TABLE}table")
    assert sheet is not None
    found = []
    for row in sheet.iter(f"{TABLE}table-row"):
        cells: list[tuple[str, str, bool]] = []
        for cell in row.findall(f"{TABLE}table-cell"):
            text = "\n".join("".join(each.itertext()) for each in cell)
            kind = cell.get(f"{OFFICE}value-type", "")
            own = (kind, text, cell.get(f"{TABLE}formula") is not None)
            cells += [own] * min(int(cell.get(f"{TABLE}number-columns-repeated", "1")), 60)
        if any(text for _kind, text, _formula in cells):
            found.append(cells)
    return found


class TestFormulas:
    def test_thirty_payloads_stay_text_in_every_form_and_path_and_numbers_numbers(
        self, alice: Membership, tmp_path: Path
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        confirm(client, alice.user)
        listed: Any = client.get(
            "/transactions/?day_from=2026-08-01&columns=reference&columns=amount&download=csv"
        )
        fleet = client.get("/terminals/report/?format=csv")
        assert fleet.status_code == 200
        commas = {
            "report": made(alice, "transactions", "csv"), "list": b"".join(listed),
            "fleet-report": made(alice, "fleet", "csv"), "fleet": fleet.content,
        }  # fmt: skip
        semicolons = {"marks": made(alice, "transactions", "csv", comma=True, semicolon=True)}
        books = {
            "book": made(alice, "transactions", "xlsx"),
            "fleet-book": client.get("/terminals/report/?format=xlsx").content,
        }  # fmt: skip
        opened: dict[str, list[list[tuple[str, str, bool]]]] = {}
        for group, ending, reading in (
            (commas, "csv", COMMAS), (semicolons, "csv", SEMICOLONS), (books, "xlsx", ""),
        ):  # fmt: skip
            files = []
            for name, content in group.items():
                files.append(tmp_path / f"{name}.{ending}")
                files[-1].write_bytes(content)
            for path in converted(tmp_path, "fods", files, reading):
                opened[path.stem] = cells_of(path)
        wanted = {self._plain(text) for text in PAYLOADS}
        for name, rows in opened.items():
            formulas = [cell for row in rows for cell in row if cell[2]]
            assert not formulas, (name, formulas)
            texts = {
                self._plain(text) for row in rows for kind, text, _formula in row
                if kind == "string"
            }  # fmt: skip
            assert wanted <= texts, (name, wanted - texts)
        for name in ("report", "book"):
            head = [text for _kind, text, _formula in opened[name][0]]
            place = head.index("Amount")
            values = [row[place] for row in opened[name][1:]]
            assert all(kind in ("float", "currency") for kind, _text, _formula in values), name
            assert sum(text.replace(",", "") == "1234.56" for _kind, text, _formula in values) == 30
        # An amount that is less than nothing is a number too.
        lines = made(alice, "journal-xero", "csv")
        path = tmp_path / "xero.csv"
        path.write_bytes(lines)
        (flat,) = converted(tmp_path, "fods", [path], COMMAS)
        rows = cells_of(flat)
        place = [text for _kind, text, _formula in rows[0]].index("*Amount")
        below = [row[place] for row in rows[1:] if row[place][1].startswith("-")]
        assert below
        assert {kind for kind, _text, _formula in below} <= {"float", "currency"}
        assert b"'-" not in lines

    @staticmethod
    def _plain(text: str) -> str:
        """Without the guard and the blanks that a program folds."""
        return "".join(text.lstrip("'").split())


class TestLooks:
    @pytest.mark.parametrize("language", ["en", "ar"])
    def test_identifiers_are_whole_and_nothing_is_too_narrow(
        self, alice: Membership, tmp_path: Path, language: str
    ) -> None:
        chosen = ["business_day", "terminal", "rrn", "amount", "currency"]
        path = tmp_path / f"book-{language}.xlsx"
        path.write_bytes(
            made(alice, "transactions", "xlsx", language=language, columns=chosen)
        )  # fmt: skip
        (flat,) = converted(tmp_path, "fods", [path])
        rows = cells_of(flat)[1:]
        plain = made(alice, "transactions", "csv", columns=chosen).decode("utf-8-sig")
        table = list(csv.reader(io.StringIO(plain)))[1:]
        assert [row[1][1] for row in rows] == [row[1] for row in table]
        assert [row[2][1] for row in rows] == [row[2] for row in table]
        assert all(len(row[1]) == 16 for row in table)
        text = flat.read_text()
        assert ('writing-mode="rl-tb"' in text) == (language == "ar")
        (paper,) = converted(tmp_path, "pdf", [path])
        words = "".join(page.extract_text() for page in pypdf.PdfReader(paper).pages)
        assert "###" not in words
        assert "E+" not in words
