"""Jobs of the worker: closing the month of every branch."""

import logging
from datetime import date

from celery import shared_task
from django.utils import timezone

from merchants.actions.trail import Scene, acting
from merchants.models import Door, Membership
from merchants.queries import branches_for, in_force
from portal import isolation
from portal.conflicts import Conflict
from settlements.actions import close_month

log = logging.getLogger(__name__)


@shared_task(name="settlements.close_month")
def close_month_(member: int, month: str) -> int:
    """Close a month of every branch that somebody sees, as far as it can be; how many documents.

    What is closed already stays as it is, so that a job that died is asked for once more.
    """
    with isolation.everywhere():
        own = Membership.objects.filter(in_force(timezone.now()), pk=member, user__is_active=True)
        found = own.select_related("user", "merchant", "custom_role").first()
    if found is None:
        return 0
    made = 0
    with (
        isolation.of(found.merchant_id),
        acting(Scene(Door.JOB, found.user, found)),
    ):
        for branch in branches_for(found).order_by("name", "pk"):
            try:
                closed = close_month(
                    branch=branch, month=date.fromisoformat(month), by=found, at=timezone.now()
                )
                made += closed.documents
            except Conflict as problem:
                # The calendar shows which day of it stayed open, and why.
                log.info("month of branch %s not closed: %s", branch.pk, problem)
    return made
