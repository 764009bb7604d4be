"""Letting go of what is personal once it is old, while the money stays.

A merchant says after how many months. A sale then no longer says in whose hands it was, on which
device, or what its customer was called in the till, nor does the ledger of terminals; and a person
who holds nothing and of whom nothing speaks any more is forgotten. Amounts, identifiers of the
payment and the printed slip (whose card number is masked from the beginning) stay.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from merchants.models import Merchant
from portal import isolation
from terminals.actions import erase_person, let_holdings_go
from terminals.models import Holding, Terminal, TerminalUser
from transactions.models import Transaction

# Rows in one transaction; nobody waits for longer than that takes.
AT_ONCE = 5000
_LET_GO = """
    update transactions_transaction set terminal_user_id = null, device_id = null, reference = null
    where id in (
        select id from transactions_transaction
        where merchant_id = %(merchant)s and occurred_at < %(before)s and (
            terminal_user_id is not null or device_id is not null or reference is not null
        )
        order by occurred_at, id limit %(most)s for update skip locked
    )
"""
_SESSIONS = """
    update transactions_session set reference = null
    where merchant_id = %(merchant)s and occurred_at < %(before)s and reference is not null
"""


def let_go(at: datetime) -> int:
    """Let go of what is too old, of every merchant that says so; how many rows were changed."""
    kept = list(Merchant.objects.exclude(personal_months=None).order_by("pk"))
    return sum(_of(merchant, at) for merchant in kept)


def _of(merchant: Merchant, at: datetime) -> int:
    assert merchant.personal_months is not None
    # A month is its longest, so that nothing goes too early.
    before = at - timedelta(days=31 * merchant.personal_months)
    given: dict[str, Any] = {"merchant": merchant.pk, "before": before, "most": AT_ONCE}
    changed = 0
    with isolation.of(merchant.pk):
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_LET_GO, given)
                found = int(cursor.rowcount)
            changed += found
            if found < AT_ONCE:
                break
        with connection.cursor() as cursor:
            cursor.execute(_SESSIONS, given)
            changed += int(cursor.rowcount)
        changed += let_holdings_go(merchant=merchant, before=before, at=at)
        for person in _unneeded(merchant, before):
            erase_person(person=person, by=None, at=at)
            changed += 1
    return changed


def _unneeded(merchant: Merchant, before: datetime) -> list[TerminalUser]:
    """People learned of before, who held nothing since and in whose hands no kept sale was made."""
    held = Terminal.objects.exclude(terminal_user=None).values("terminal_user")
    since = Holding.objects.exclude(terminal_user=None).values("terminal_user")
    known = TerminalUser.objects.filter(merchant=merchant, erased_at=None, learned_at__lt=before)
    known = known.exclude(pk__in=held).exclude(pk__in=since)
    spoken_of = Transaction.objects.filter(terminal_user=OuterRef("pk"))
    return list(known.exclude(Exists(spoken_of)).order_by("pk"))
