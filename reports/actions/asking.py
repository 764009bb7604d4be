"""Asking for reports, and taking them back."""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.files.storage import storages
from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import Membership, Right
from portal.celery import wake
from portal.conflicts import Conflict
from reports.catalogue import REPORTS
from reports.models import ReportRun

# Reports of one person that are not made yet.
MOST_OPEN = 20


class TooMany(Conflict):
    """The person has asked for as much as waits already."""

    status = 429


@transaction.atomic
def ask_report(
    *, by: Membership, report: str, form: str, wish: dict[str, Any], at: datetime
) -> ReportRun:
    """Have a report made; `wish` as `ReportRun.wish`. Raises TooMany."""
    by.need(Right.EXPORT)
    by.need(REPORTS[report].right)
    # Of two wishes at once the second sees the first.
    Membership.objects.select_for_update(no_key=True).get(pk=by.pk)
    own = ReportRun.objects.filter(member=by)
    if own.filter(state__in=ReportRun.OPEN).count() >= MOST_OPEN:
        raise TooMany(_("So many of your reports are not made yet. Wait for one, or cancel it."))
    made = ReportRun.objects.create(
        merchant_id=by.merchant_id, member=by, report=report, form=form, wish=wish, asked_at=at
    )
    facts = {"report": report, "form": form, "since": wish["since"], "until": wish["until"]}
    record("report.asked", subject=by, facts=facts)
    wake("reports.make", made.pk)
    return made


@transaction.atomic
def cancel_report(*, run: ReportRun, by: Membership, at: datetime) -> bool:
    """Not to be made any more; whether there was time."""
    own = ReportRun.objects.filter(pk=run.pk, member=by, state__in=ReportRun.OPEN)
    if not own.update(state=ReportRun.State.CANCELLED, finished_at=at):
        return False
    record("report.cancelled", subject=by, facts={"report": run.report})
    return True


def ask_again(*, run: ReportRun, by: Membership, at: datetime) -> ReportRun:
    """The same once more, of the rows as they are now."""
    return ask_report(by=by, report=run.report, form=run.form, wish=run.wish, at=at)


def forget_files(at: datetime) -> int:
    """Let the files go that were kept long enough; how many."""
    old = ReportRun.objects.filter(finished_at__lt=at - ReportRun.KEPT).exclude(file="")
    gone = 0
    for run in old.order_by("pk")[:1000]:
        # The row first: what is not offered may be left behind, and the other way round not.
        name, run.file = run.file, ""
        run.save(update_fields=["file"])
        remove(name)
        gone += 1
    return gone


def remove(name: str) -> None:
    """Take a file and its own folder out of the storage."""
    storage = storages["reports"]
    storage.delete(name)
    # Where folders are not kept by themselves there is none.
    with contextlib.suppress(OSError):
        storage.delete(name.rpartition("/")[0])


def sweep_files(at: datetime) -> int:
    """Remove, after a day, whole and half files that no report names; how many.

    A maker that died between keeping a file and saying so has left one.
    """
    storage, gone = storages["reports"], 0
    with contextlib.suppress(FileNotFoundError):
        for merchant in storage.listdir("")[0]:
            if not merchant.isdigit():
                continue
            for folder in storage.listdir(merchant)[0]:
                for name in storage.listdir(f"{merchant}/{folder}")[1]:
                    path = f"{merchant}/{folder}/{name}"
                    old = storage.get_modified_time(path) < at - timedelta(days=1)
                    if old and not ReportRun.objects.filter(file=path).exists():
                        remove(path)
                        gone += 1
    return gone


def sweep_parts(folder: Path, at: datetime) -> int:
    """Remove what makers have left that died, after a day; how many."""
    gone = 0
    for part in folder.glob("*.part"):
        if part.stat().st_mtime < (at - timedelta(days=1)).timestamp():
            part.unlink(missing_ok=True)
            gone += 1
    return gone
