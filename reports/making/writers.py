"""Writing files: the database writes texts as it reads, and spreadsheets have typed cells."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import rustpy_xlsxwriter
from django.db import connection
from django.utils.translation import gettext as _

from portal.tables import disarmed
from reports.catalogue import Column, Kind

# A sheet's rows, less its head and a row of sums.
SHEET = 1_048_574
# Rows that a spreadsheet's cursor takes at a time.
CHUNK = 2_000
# Wide enough for what columns of a kind hold.
WIDTHS = {Kind.MOMENT: 27, Kind.WALL: 20, Kind.DAY: 12, Kind.TEXT: 22, Kind.WORD: 13}
Told = Callable[[int], None]
# The database's own names of alphabets.
_NAMES = {"utf-8-sig": "UTF8", "cp1252": "WIN1252"}


class Hashed:
    """A file that knows the SHA-256 and the size of what was written."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def write_csv(
    out: Hashed, statement: str, given: dict[str, Any], head: Iterable[str], *, mark: str,
    told: Told, before: str = "", encoding: str = "utf-8-sig",
) -> int:  # fmt: skip
    """Rows as CSV, in UTF-8 with a mark of it, which spreadsheets need to read other alphabets.

    How many rows there are. `before` is a line above the head.
    """
    quoted = (f'"{disarmed(each).replace(chr(34), chr(34) * 2)}"' for each in head)
    first = f"{before}\n" if before else ""
    out.write((first + mark.join(quoted) + "\n").encode(encoding, "replace"))
    how = f"format csv, delimiter '{mark}', encoding '{_NAMES[encoding]}'"
    return _copy(out, f"copy ({statement}) to stdout ({how})", given, told)


def write_lines(out: Hashed, statement: str, given: dict[str, Any], told: Told) -> int:
    """Rows as JSON, one object a line, with the columns' own names; how many there are."""
    # JSON has no control characters of its own, so nothing is ever quoted by these.
    lines = f"copy (select row_to_json(r) from ({statement}) r) to stdout"
    return _copy(out, lines + " (format csv, quote E'\\x01', delimiter E'\\x02')", given, told)


def _copy(out: Hashed, statement: str, given: dict[str, Any], told: Told) -> int:
    with connection.cursor() as cursor:
        for piece in cursor.copied(statement, given, CHUNK):
            out.write(piece)
            told(CHUNK)
        # What the database itself has counted.
        return int(cursor.rowcount)


@contextmanager
def _survived() -> Iterator[None]:
    """A file that cannot be written makes the library panic, which would end the whole worker."""
    try:
        yield
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise OSError(str(problem)) from None


def write_xlsx(
    path: Path, statement: str, given: dict[str, Any], columns: list[Column], *,
    rows: int, places: int, proof: list[dict[str, str]], right_to_left: bool, told: Told,
) -> None:  # fmt: skip
    """Rows as sheets with typed cells: identifiers are texts, the head stays; then the proof."""
    heads = _apart([str(each.title) for each in columns])
    book = rustpy_xlsxwriter.FastExcel(str(path))
    book.format(bold_headers=True).freeze(row=1)
    decimals = rustpy_xlsxwriter.Format().set_num_format(
        "#,##0" + (f".{'0' * places}" if places else "")
    )
    plain = {
        Kind.MAJOR: decimals,
        Kind.WALL: rustpy_xlsxwriter.Format().set_num_format("yyyy-mm-dd hh:mm:ss"),
        Kind.DAY: rustpy_xlsxwriter.Format().set_num_format("yyyy-mm-dd"),
    }
    formats: Any = [plain.get(each.kind) for each in columns]
    with connection.chunked_cursor() as cursor, _survived():
        cursor.cursor.itersize = CHUNK
        cursor.execute(statement, given)
        records = _records(cursor, heads, told)
        for number in range(max(1, -(-rows // SHEET))):
            some = itertools.islice(records, min(SHEET, max(rows - number * SHEET, 0)))
            book.sheet(
                _("Rows") + (f" {number + 1}" if number else ""),
                some if rows else [dict.fromkeys(heads)],
                column_widths=[
                    max(WIDTHS.get(each.kind, 14), min(len(head) + 2, 32))
                    for head, each in zip(heads, columns, strict=True)
                ],
                column_formats=formats,
                ignore_errors=[
                    head for head, each in zip(heads, columns, strict=True)
                    if each.kind in (Kind.TEXT, Kind.WORD)
                ],
                sheet_view={"right_to_left": True} if right_to_left else None,
            )  # fmt: skip
        if proof:
            view = {"right_to_left": True} if right_to_left else None
            book.sheet(_("Proof"), proof, column_widths=[34, 70], sheet_view=view)
        book.save()


def _records(cursor: Any, heads: list[str], told: Told) -> Iterator[dict[str, Any]]:
    for row in cursor:
        told(1)
        yield dict(zip(heads, row, strict=True))


def _apart(heads: list[str]) -> list[str]:
    """Headings of which two may be one, told apart by their place."""
    return [
        f"{head} ({place})" if head in heads[: place - 1] else head
        for place, head in enumerate(heads, 1)
    ]
