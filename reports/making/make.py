"""Making a report: one snapshot of the database, one whole file, or none.

Only one process makes one report at a time, behind a lock of its database session; whoever finds it
unfinished without anybody at work makes it anew. Its rows are those that its person may see now.
"""

import contextlib
import errno
import logging
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import connection, connections, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from merchants.actions.trail import Scene, acting, record
from merchants.models import Door, Membership, Right
from merchants.queries import branches_for, in_force, main_zone
from merchants.sync.locks import lock_key, taken
from portal import isolation
from portal.proofs import sealed
from providers.base.money import exponent
from reports.catalogue import REPORTS, Asked, Column, Report
from reports.making import proof
from reports.making.statement import MOST_ROWS, on_paper, statement_pdf
from reports.making.writers import Hashed, digest_of, write_csv, write_lines, write_xlsx
from reports.models import ReportRun
from reports.periods import Period

log = logging.getLogger(__name__)
State = ReportRun.State
Clock = Callable[[], datetime]
MOST_TRIES = 5
# How often it is said how far one is, and looked whether it is still wanted.
SECONDS = 1.0


class Cancelled(Exception):
    """Somebody does not want it any more."""


class CannotBeMade(Exception):
    """A sentence for people."""


def open_runs() -> list[int]:
    """The reports that wait, or whose maker may have died."""
    own = ReportRun.objects.filter(state__in=ReportRun.OPEN)
    return list(own.order_by("pk").values_list("pk", flat=True)[:100])


def make(pk: int, clock: Clock) -> bool:
    """Make a report, if nobody else does; whether it ended here."""
    with isolation.everywhere():
        run = ReportRun.objects.filter(pk=pk).first()
    if run is None:
        return False
    with isolation.of(run.merchant_id), taken([lock_key(pk, "report")]) as mine:
        if not mine:
            return False
        run = ReportRun.objects.select_related(
            "member__user", "member__merchant", "member__custom_role"
        ).get(pk=pk)
        if run.state not in ReportRun.OPEN:
            return False
        with acting(Scene(Door.JOB, run.member.user, run.member)):
            return _Making(run, clock).done()


class _Part(File):  # type: ignore[type-arg]
    """A file that a folder of the same disk takes by its name, without copying it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


class _Making:
    """One report in the making."""

    def __init__(self, run: ReportRun, clock: Clock) -> None:
        self.run, self.clock = run, clock
        self.own = ReportRun.objects.filter(pk=run.pk)
        self.report = REPORTS[run.report]
        folder = Path(settings.REPORTS_PARTS)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.part = folder / f"{run.pk}-{uuid.uuid4().hex}.part"
        self.rows, self.said_at = 0, time.monotonic()
        self.seen: dict[str, Any] = {}
        # Another program's form has marks of its own.
        own = self.report.marks if run.form == ReportRun.Form.CSV else None
        self.wish: dict[str, Any] = {**run.wish, **(own or {})}

    def done(self) -> bool:
        if self.run.tries >= MOST_TRIES:
            return self._fail(_("It could not be made, though it was tried several times."))
        self.own.filter(state__in=ReportRun.OPEN).update(
            state=State.RUNNING, started_at=self.clock(), tries=self.run.tries + 1, done_rows=0
        )
        try:
            with translation.override(self.run.wish.get("language") or "en"):
                manifest = self._write(self._asked())
            return self._keep(manifest)
        except Cancelled:
            return False
        except CannotBeMade as problem:
            return self._fail(str(problem))
        except OSError as problem:
            # The spreadsheet's library says it in words alone.
            full = problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            said = ("os error 28", "os error 27", "No space", "File too large")
            if not full and not any(each in str(problem) for each in said):
                raise
            log.exception("report %s", self.run.pk)
            return self._fail(_("There is no room for the file. Whoever runs the portal can help."))
        finally:
            self.part.unlink(missing_ok=True)

    def _asked(self) -> Asked:
        """What it is of, by the rights of now."""
        now, member = self.clock(), self.run.member
        force = Membership.objects.filter(in_force(now), pk=member.pk, user__is_active=True)
        if not force.exists():
            raise CannotBeMade(_("Who asked for it does not work here any more."))
        for right in (Right.EXPORT, self.report.right):
            if not member.may(right):
                raise CannotBeMade(_("This needs the right “%(right)s”.") % {"right": right.label})
        wish = self.run.wish
        seen = set(branches_for(member).values_list("pk", flat=True))
        wanted = set(wish.get("branches") or ())
        every = member.sees_every_branch and not wanted
        period = Period(*(date.fromisoformat(wish[name]) for name in ("since", "until")))
        return Asked(
            member, period, main_zone(member), now,
            branches=None if every else tuple(sorted(seen & wanted if wanted else seen)),
            comma=bool(self.wish.get("comma")),
        )  # fmt: skip

    def _write(self, asked: Asked) -> dict[str, Any]:
        """Write the part file from one moment of the database; its manifest."""
        columns = self.report.chosen(tuple(self.run.wish.get("columns") or ()))
        heads = self.run.wish.get("headings") or {}
        columns = [replace(each, title=heads.get(each.name, each.title)) for each in columns]
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read, read only")
                # Days and times are written by the database: always by ISO 8601.
                cursor.execute("set local datestyle to 'ISO, YMD'")
            totals = control(self.report, asked)
            wish = self.wish | {"form": self.run.form, "encoding": self.report.encoding}
            wish["before"] = int(self.report.before is not None)
            manifest = proof.manifest_of(self.report, asked, columns, wish, totals)
            self.seen = {
                "branches": None if asked.branches is None else list(asked.branches),
                "personal": asked.member.sees_personal,
            }
            self._say(rows=manifest["rows"])
            if self.run.form == ReportRun.Form.PDF:
                self._paper(asked, columns, manifest)
                digest, size = digest_of(self.part), self.part.stat().st_size
            elif self.run.form == ReportRun.Form.XLSX:
                self._spreadsheet(asked, columns, manifest)
                digest, size = digest_of(self.part), self.part.stat().st_size
            else:
                with self.part.open("wb") as raw:
                    out = Hashed(raw)
                    self.rows = self._text(out, asked, columns)
                    raw.flush()
                    os.fsync(raw.fileno())
                digest, size = out.digest, out.size
        if self.rows != manifest["rows"]:
            raise CannotBeMade(_("Its rows could not be counted. Please tell who runs the portal."))
        return sealed(manifest, digest, size)

    def _text(self, out: Hashed, asked: Asked, columns: list[Column]) -> int:
        zone, given = self.report.zone, asked.given
        if self.run.form == ReportRun.Form.JSONL:
            statement = self.report.statement(columns, lambda each: each.plain(zone))
            return write_lines(out, statement, given, self._told)
        statement = self.report.statement(columns, lambda each: each.written(zone, asked.comma))
        mark = ";" if self.wish.get("semicolon") else ","
        before = self.report.before(asked) if self.report.before else ""
        heads = [str(each.title) for each in columns]
        return write_csv(
            out, statement, given, heads, mark=mark, told=self._told,
            before=before, encoding=self.report.encoding,
        )  # fmt: skip

    def _spreadsheet(self, asked: Asked, columns: list[Column], manifest: dict[str, Any]) -> None:
        used = {each.get("currency") for each in manifest["totals"]} - {None}
        words = {
            "what": _("What"), "value": _("Value"), "title": _("Report"),
            "merchant": _("Merchant"), "made_by": _("Made by"), "made_at": _("Made at"),
            "rows": _("Rows"), "days": _("Business days (the last is not in it)"),
            "clock": _("Clock, when its day begins, branches"), "branches": _("Branches"),
            "total": _("Total"),
        }  # fmt: skip
        statement = self.report.statement(columns, lambda each: each.typed(self.report.zone))
        write_xlsx(
            self.part, statement, asked.given, columns, rows=manifest["rows"],
            places=max((exponent(str(each)) for each in used), default=2),
            proof=proof.as_rows(manifest, words),
            right_to_left=translation.get_language_bidi(), told=self._told,
        )  # fmt: skip

    def _paper(self, asked: Asked, columns: list[Column], manifest: dict[str, Any]) -> None:
        if manifest["rows"] > MOST_ROWS:
            raise CannotBeMade(
                _(
                    "Paper has at most %(most)s rows, and this has %(rows)s: choose fewer days, or"
                    " another form."
                )
                % {"most": MOST_ROWS, "rows": manifest["rows"]}
            )
        shown = on_paper(self.report, columns, named=bool(self.run.wish.get("columns")))
        manifest["columns"] = [
            each
            for each in manifest["columns"]
            if each["name"] in {column.name for column in shown}
        ]
        zone = self.report.zone
        statement = self.report.statement(shown, lambda each: each.plain(zone))
        with connection.cursor() as cursor:
            cursor.execute(statement, asked.given)
            rows = cursor.fetchall()
        language = translation.get_language() or "en"
        self.part.write_bytes(statement_pdf(self.report, asked, shown, rows, manifest, language))
        self._told(len(rows))

    def _told(self, rows: int) -> None:
        self.rows += rows
        if time.monotonic() - self.said_at > SECONDS:
            self._say(done_rows=self.rows)
            self.said_at = time.monotonic()

    def _say(self, **told: int) -> None:
        """Say how far it is, beside the snapshot, and stop where it is not wanted any more."""
        beside = connections.create_connection("default")
        try:
            sets = ", ".join(f"{name} = %s" for name in told)
            with beside.cursor() as cursor:
                cursor.execute(
                    f"update reports_reportrun set {sets} where id = %s and state = 'RUNNING'",
                    [*told.values(), self.run.pk],
                )
                if not cursor.rowcount:
                    raise Cancelled
        finally:
            beside.close()

    def _keep(self, manifest: dict[str, Any]) -> bool:
        """Put the whole file where it is fetched from, and only then say that it is there."""
        storage, run = storages["reports"], self.run
        period = Period(*(date.fromisoformat(run.wish[name]) for name in ("since", "until")))
        name = f"{run.merchant_id}/{uuid.uuid4().hex}/{run.report}-{period.name}.{run.form}"
        try:
            with self.part.open("rb") as content:
                stored = storage.save(name, _Part(content, name=str(self.part)))
        except OSError:
            with contextlib.suppress(OSError):
                storage.delete(name)
            raise
        with transaction.atomic():
            kept = self.own.filter(state=State.RUNNING).update(
                state=State.DONE, finished_at=self.clock(), rows=manifest["rows"],
                done_rows=manifest["rows"], file=stored, size=manifest["bytes"],
                digest=manifest["sha256"], manifest=manifest, seen=self.seen,
            )  # fmt: skip
            if kept:
                facts = {"report": run.report, "rows": manifest["rows"], "form": run.form}
                record("report.made", subject=run.member, facts=facts)
        if not kept:
            with contextlib.suppress(OSError):
                storage.delete(stored)
        return bool(kept)

    def _fail(self, problem: str) -> bool:
        return bool(
            self.own.filter(state__in=ReportRun.OPEN).update(
                state=State.FAILED, finished_at=self.clock(), problem=problem[:500]
            )
        )


def control(report: Report, asked: Asked) -> list[dict[str, Any]]:
    """The rows of a report, counted and added up by what its totals are by."""
    with connection.cursor() as cursor:
        cursor.execute(report.control(), asked.given)
        found = cursor.fetchall()
    names = [*report.totals, "rows", *report.summed]
    totals = [dict(zip(names, row, strict=True)) for row in found]
    return [
        {name: int(value) if name in ("rows", *report.summed) else value
         for name, value in each.items()}
        for each in totals
        if each["rows"]
    ]  # fmt: skip
