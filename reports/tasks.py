"""Jobs of the worker: finding what is wrong, and telling of it."""

from celery import shared_task
from django.utils import timezone

from merchants.models import Merchant
from portal import isolation
from reports.health import note_alerts


@shared_task(name="reports.note_alerts")
def note_alerts_() -> int:
    """Look at every merchant; how many things are new."""
    with isolation.everywhere():
        merchants = list(Merchant.objects.order_by("pk"))
    return sum(note_alerts(each, timezone.now()) for each in merchants)
