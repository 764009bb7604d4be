"""Tables that people hand in and take away: CSV and XLSX, as texts.

What is handed in is somebody's file: its size, its unpacked size and its rows are limited, and what
a spreadsheet has made of a long identifier is said instead of believed.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import python_calamine
import rustpy_xlsxwriter
from django.http import HttpResponse
from django.utils.translation import gettext as _

MOST_ROWS = 2000
MOST_BYTES = 2 * 2**20
MOST_UNPACKED = 64 * 2**20
MOST_COLUMNS = 40
LONGEST = 300
# A spreadsheet keeps fifteen digits of a number; what is longer ends in zeros that are not true.
TRUE_DIGITS = 15
ROUNDED = "\ufffd"
# A spreadsheet would take a text that begins so for a formula.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class NotATable(Exception):
    """A sentence for people: why the file cannot be read."""


@dataclass(frozen=True)
class Table:
    """What the file is called, its first row, and the others, each as long as the first."""

    name: str
    header: list[str]
    rows: list[list[str]]


def read_table(name: str, content: bytes) -> Table:
    """A CSV or XLSX file as texts; raises NotATable. Empty rows are left out."""
    if len(content) > MOST_BYTES:
        raise NotATable(_("The file is larger than 2 MB."))
    if content[:4] == b"PK\x03\x04":
        found = _spreadsheet(content)
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise NotATable(_("This is an old or an encrypted workbook. Save it as XLSX or CSV."))
    else:
        found = _separated(content)
    rows = [[_armed(cell.strip()[:LONGEST]) for cell in row] for row in found]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise NotATable(_("The file has no rows."))
    header, *rest = rows
    width = len(header)
    if width > MOST_COLUMNS:
        raise NotATable(_("The file has too many columns."))
    if len(rest) > MOST_ROWS:
        raise NotATable(_("The file has more than %(most)s rows.") % {"most": MOST_ROWS})
    if not rest:
        raise NotATable(_("The file has a first row and nothing under it."))
    return Table(name[:200], header, [[*row, *[""] * width][:width] for row in rest])


def _separated(content: bytes) -> list[list[str]]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = _decoded(content, "utf-16")
    else:
        text = _decoded(content, "utf-8-sig")
    if "\x00" in text:
        raise NotATable(_("This is neither CSV nor XLSX."))
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text), delimiter=mark))
    except csv.Error:
        raise NotATable(_("The file is no CSV that can be read.")) from None


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise NotATable(_("The text is not UTF-8. Save the file as CSV UTF-8 or XLSX.")) from None


def _spreadsheet(content: bytes) -> list[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(each.file_size for each in archive.infolist()) > MOST_UNPACKED:
                raise NotATable(_("The workbook is too large."))
            sheets = [each for each in archive.namelist() if each.startswith("xl/worksheets/")]
            if any(_reaches_far(archive.read(each)) for each in sheets):
                raise NotATable(_("The file has more than %(most)s rows.") % {"most": MOST_ROWS})
        book = python_calamine.load_workbook(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0)
        if sheet.total_width > 1000 or sheet.total_height > 10 * MOST_ROWS:
            raise NotATable(_("The file has more than %(most)s rows.") % {"most": MOST_ROWS})
        cells = sheet.to_python()
    except (zipfile.BadZipFile, python_calamine.CalamineError, IndexError, OSError):
        raise NotATable(_("The workbook cannot be read.")) from None
    return [[_text(cell) for cell in row] for row in cells]


def _reaches_far(sheet: bytes) -> bool:
    """Whether a cell stands so far out that reading all up to it would take the memory."""
    cells = re.finditer(rb"""r=["']([A-Z]{1,3})([0-9]{1,7})["']""", sheet)
    return any(len(each[1]) > 2 or int(each[2]) > 10 * MOST_ROWS for each in cells)


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        digits = f"{cell:.0f}"
        return digits if len(digits.lstrip("-")) <= TRUE_DIGITS else ROUNDED
    return "" if cell is None else str(cell)


def disarmed(text: str) -> str:
    """A text that no spreadsheet takes for a formula; `read_table` takes the mark off again."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _armed(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA) else text


def answer_of(
    kind: str, name: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> HttpResponse:
    """A table to take away: `xlsx`, and anything else is CSV."""
    if kind == "xlsx":
        answer = HttpResponse(xlsx_of(name, header, rows), content_type=XLSX)
    else:
        kind = "csv"
        answer = HttpResponse(csv_of(header, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def csv_of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Texts as CSV with a mark of its encoding; what looks like a formula is disarmed."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in (header, *rows):
        writer.writerow([disarmed(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Texts as a workbook of one sheet whose head stays; a text never becomes a formula."""
    out = io.BytesIO()
    names = _apart(header)
    records = [dict(zip(names, row, strict=True)) for row in rows]
    rustpy_xlsxwriter.write_worksheet(
        records or [dict.fromkeys(names, "")], out, sheet_name=title[:31], freeze_row=1,
        bold_headers=True, autofit=True,
    )  # fmt: skip
    return out.getvalue()


def _apart(header: Sequence[str]) -> list[str]:
    """Somebody's own names of columns, of which two may be one, told apart by their place."""
    return [
        f"{name} ({place})" if not name or name in header[: place - 1] else name
        for place, name in enumerate(header, 1)
    ]
