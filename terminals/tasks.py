"""Jobs of the worker: many terminals at once, fed from the rows; a message is only a hint."""

import logging

from celery import shared_task
from django.utils import timezone

from portal import isolation
from terminals import actions
from terminals.models import BulkChange

log = logging.getLogger(__name__)


@shared_task(name="terminals.feed_change")
def feed_change(pk: int) -> int:
    """Ask for the next rows of one change of many terminals."""
    with isolation.everywhere():
        merchant = BulkChange.objects.values_list("merchant", flat=True).get(pk=pk)
    with isolation.of(merchant):
        return actions.feed_change(pk, timezone.now())


@shared_task(name="terminals.feed_changes")
def feed_changes() -> int:
    """The same for every change that is under way: a lost message delays it and no more."""
    with isolation.everywhere():
        under_way = actions.changes_under_way()
    return sum(_fed(pk) for pk in under_way)


def _fed(pk: int) -> int:
    """One that fails does not keep the others back."""
    try:
        return feed_change(pk)
    except Exception:
        log.exception("bulk change %s", pk)
        return 0


@shared_task(name="terminals.forget_files")
@isolation.everywhere()
def forget_files() -> int:
    """Let go of what stood in files that are long over."""
    return actions.forget_files(timezone.now())
