"""Jobs of the worker over what is stored."""

from celery import shared_task
from django.utils import timezone

from portal import isolation
from transactions.usual import tell_usual_hours


@shared_task(name="transactions.tell_usual_hours")
@isolation.everywhere()
def tell() -> int:
    """Tell anew in which hours terminals usually sell, where that is a day old."""
    return tell_usual_hours(timezone.now())
