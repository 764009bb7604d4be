"""Jobs of the worker over what is stored."""

from celery import shared_task
from django.utils import timezone

from portal import isolation
from portal.celery import wake
from transactions.keeping import let_go
from transactions.looking import accounts_to_look_at, look
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


@shared_task(name="transactions.look_at_due")
@isolation.everywhere()
def look_at_due() -> int:
    """Wake the accounts of which something that is followed is due."""
    accounts = accounts_to_look_at(timezone.now())
    for pk in accounts:
        wake("transactions.look", pk)
    return len(accounts)


@shared_task(name="transactions.look")
def look_(account_id: int) -> int:
    """Look at what is due of an account."""
    return look(account_id)
