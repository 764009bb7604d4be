"""Jobs of the worker: reading accounts. A message carries only an account's number; what is true
is in the database, so a message that comes twice, late or never does no harm."""

import logging
from typing import Any

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from merchants import sync
from merchants.actions.days import move_days, open_changes
from merchants.actions.mail import send_digests, send_letters
from merchants.actions.operations import end_unagreed, forget_keys
from merchants.actions.trail import seal_entries
from merchants.models import ProviderAccount, SyncRun
from merchants.operations import accounts_with_work, send_operations
from merchants.sync import (
    AlreadyRunning,
    Ask,
    NotActive,
    close_gaps,
    due_accounts,
    revive,
    run_sync,
)
from portal import isolation
from portal.celery import wake

log = logging.getLogger(__name__)


@shared_task(
    bind=True,
    name="merchants.sync_account",
    # Recovery of a crashed PostgreSQL may take a minute or more.
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=2,
    retry_backoff_max=30,
    max_retries=20,
)
def sync_account(
    self: "Task[Any, Any]", account_id: int, reason: str, user_id: int | None = None
) -> str:
    """Read one account now."""
    try:
        run = run_sync(account_id, Ask(reason=reason, requested_by=user_id))
        if run.state == SyncRun.State.DONE:
            close_gaps(account_id)
    except (AlreadyRunning, NotActive, ProviderAccount.DoesNotExist) as problem:
        log.info("account %s not synced: %s", account_id, problem)
        return type(problem).__name__
    return str(run.state)


@shared_task(
    bind=True,
    name="merchants.close_gaps",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=2,
    retry_backoff_max=30,
    max_retries=20,
)
def close_asked_gaps(self: "Task[Any, Any]", account_id: int) -> int:
    """Close the gaps that somebody asked for; one whose account is busy waits for its reading."""
    try:
        return len(close_gaps(account_id))
    except (AlreadyRunning, NotActive, ProviderAccount.DoesNotExist) as problem:
        log.info("account %s, gaps not closed yet: %s", account_id, problem)
        return 0


@shared_task(name="merchants.sync_due")
@isolation.everywhere()
def sync_due() -> int:
    """Start the accounts whose time has come."""
    due = due_accounts(timezone.now())
    for pk in due:
        wake("merchants.sync_account", pk, SyncRun.Reason.SCHEDULE.value)
    return len(due)


@shared_task(name="merchants.sweep_runs")
@isolation.everywhere()
def sweep_runs() -> int:
    """Start again what a killed worker left."""
    accounts = revive()
    for pk in accounts:
        wake("merchants.sync_account", pk, SyncRun.Reason.REVIVED.value)
    return len(accounts)


@shared_task(name="merchants.read_hints")
def read_hints(account_id: int) -> None:
    """Read what webhooks have named."""
    sync.read_hints(account_id)


@shared_task(name="merchants.send_operations")
def send_operations_(account_id: int) -> int:
    """Send what people have asked of a provider, and look what became of it."""
    try:
        return send_operations(account_id)
    except ProviderAccount.DoesNotExist:
        return 0


@shared_task(name="merchants.send_due_operations")
@isolation.everywhere()
def send_due_operations() -> int:
    """Wake the accounts of which something waits: a message that was lost delays it and no more."""
    end_unagreed(timezone.now())
    accounts = accounts_with_work(timezone.now())
    for pk in accounts:
        wake("merchants.send_operations", pk)
    return len(accounts)


@shared_task(name="merchants.move_days")
@isolation.everywhere()
def move_days_(pk: int) -> int:
    """Move the rows of a change of business days."""
    return move_days(pk, timezone.now)


@shared_task(name="merchants.move_due_days")
@isolation.everywhere()
def move_due_days() -> int:
    """Go on with what was stopped on the way."""
    changes = open_changes()
    for pk in changes:
        wake("merchants.move_days", pk)
    return len(changes)


@shared_task(name="merchants.forget_keys")
@isolation.everywhere()
def forget_keys_() -> int:
    """Let go of the keys of operations that have lasted as long as they are kept."""
    return forget_keys(timezone.now())


@shared_task(name="merchants.seal_trail")
@isolation.everywhere()
def seal_trail() -> int:
    """Seal what was added to the trail since the last time."""
    return seal_entries()


@shared_task(name="merchants.send_letters")
def send_letters_() -> int:
    """Send the mail that waits."""
    return send_letters(timezone.now())


@shared_task(name="merchants.send_digests")
@isolation.everywhere()
def send_digests_() -> int:
    """Mail owners what stands in the trail of last week, where that has not been done."""
    return send_digests(timezone.now())
