"""Jobs of the worker over what is stored."""

from celery import shared_task
from django.utils import timezone

from portal import isolation
from transactions.keeping import let_go
from transactions.usual import tell_usual_hours


@shared_task(name="transactions.tell_usual_hours")
@isolation.everywhere()
def tell() -> int:
    """Tell anew in which hours terminals usually sell, where that is a day old."""
    return tell_usual_hours(timezone.now())


@shared_task(name="transactions.let_go")
@isolation.everywhere()
def let_go_() -> int:
    """Let go of what is personal and too old."""
    return let_go(timezone.now())
