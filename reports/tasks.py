"""Jobs of the worker: finding what is wrong and telling of it, and making reports."""

from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from merchants.models import Merchant
from portal import isolation
from portal.celery import wake
from reports.actions import forget_files, sweep_files, sweep_parts
from reports.health import note_alerts
from reports.making.make import make, open_runs
from reports.planner import deliver, tend


@shared_task(name="reports.note_alerts")
def note_alerts_() -> int:
    """Look at every merchant; how many things are new."""
    with isolation.everywhere():
        merchants = list(Merchant.objects.order_by("pk"))
    return sum(note_alerts(each, timezone.now()) for each in merchants)


@shared_task(name="reports.make")
def make_(pk: int) -> bool:
    """Make a report that somebody has asked for."""
    return make(pk, timezone.now)


@shared_task(name="reports.make_due")
def make_due() -> int:
    """Wake what waits: a message that was lost, or a maker that died, delays it and no more."""
    with isolation.everywhere():
        runs = open_runs()
    for pk in runs:
        wake("reports.make", pk)
    return len(runs)


@shared_task(name="reports.tend")
def tend_() -> int:
    """Bring what comes by schedule one step on."""
    return tend(timezone.now)


@shared_task(name="reports.deliver")
def deliver_(pk: int) -> int:
    """Put a planned file onto its server."""
    return deliver(pk, timezone.now)


@shared_task(name="reports.forget_files")
def forget_files_() -> int:
    """Let old files go, and what was left of unfinished ones."""
    sweep_parts(Path(settings.REPORTS_PARTS), timezone.now())
    with isolation.everywhere():
        return forget_files(timezone.now()) + sweep_files(timezone.now())
