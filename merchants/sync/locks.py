"""Who is reading what: one advisory lock per account and resource, and what a dead run leaves.

The lock is held by the run's own database session, so a lock that is free means that no such run
lives, however its process ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import xxhash
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from merchants.actions.resource import Resource
from merchants.models import ProviderAccount, SyncRun

# A run says at least this often that it lives.
HEARTBEAT_SECONDS = 5


class AlreadyRunning(Exception):
    """Another run is reading this account at the moment."""


def lock_key(account_id: int, resource: str) -> int:
    """The advisory lock of one account and resource, as PostgreSQL's signed 64 bits."""
    unsigned = xxhash.xxh3_64_intdigest(f"sync:{account_id}:{resource}".encode())
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


@contextmanager
def taken(keys: list[int]) -> Iterator[bool]:
    """Take all of some locks, or none, and say which; the session's end frees them in any case."""
    held: list[int] = []
    try:
        with connection.cursor() as cursor:
            for key in keys:
                cursor.execute("select pg_try_advisory_lock(%s)", [key])
                if not cursor.fetchone()[0]:
                    break
                held.append(key)
        yield len(held) == len(keys)
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                for key in held:
                    cursor.execute("select pg_advisory_unlock(%s)", [key])


@contextmanager
def locked(account: ProviderAccount, todo: list[Resource]) -> Iterator[None]:
    """Hold the lock of every resource of an account, or raise AlreadyRunning."""
    with taken([lock_key(account.pk, resource.name) for resource in todo]) as mine:
        if not mine:
            raise AlreadyRunning("This account is being synced already.")
        yield


def close_abandoned(account: ProviderAccount, names: set[str]) -> int:
    """Whoever holds the locks knows that a running run of theirs is dead."""
    dead = SyncRun.objects.filter(
        account=account, state=SyncRun.State.RUNNING, steps__resource__in=names
    )
    return SyncRun.objects.filter(pk__in=dead.values("pk")).update(
        state=SyncRun.State.INTERRUPTED, finished_at=timezone.now()
    )


def due_accounts(now: datetime) -> list[int]:
    """Take the accounts whose time has come; each is handed to one caller only."""
    with transaction.atomic():
        due = (
            ProviderAccount.objects.select_for_update(skip_locked=True)
            .filter(state=ProviderAccount.State.ACTIVE, next_sync_at__lte=now)
            .order_by("next_sync_at", "pk")
        )
        pks = [account.pk for account in due]
        # Moved on at once, so that a slow queue does not fill with the same account; a run that
        # ends sets its own next time.
        later = now + timedelta(seconds=settings.SYNC_EVERY_SECONDS)
        ProviderAccount.objects.filter(pk__in=pks).update(next_sync_at=later)
    return pks


def abandoned_runs() -> list[SyncRun]:
    """Runs that say they are running while nobody holds their locks."""
    dead = []
    quiet = timezone.now() - timedelta(seconds=HEARTBEAT_SECONDS)
    running = SyncRun.objects.filter(state=SyncRun.State.RUNNING, heartbeat_at__lt=quiet)
    with connection.cursor() as cursor:
        for run in running.prefetch_related("steps").order_by("pk"):
            keys = [lock_key(run.account_id, step.resource) for step in run.steps.all()]
            cursor.execute(
                "select count(*) from pg_locks where locktype = 'advisory' and granted"
                " and ((classid::bigint << 32) | objid::bigint) = any(%s)"
                " and objsubid = 1 and database = (select oid from pg_database"
                " where datname = current_database())",
                [keys],
            )
            if cursor.fetchone()[0] == 0:
                dead.append(run)
    return dead


def revive() -> list[int]:
    """Mark abandoned runs as interrupted, and return the accounts to be read again."""
    accounts = []
    for run in abandoned_runs():
        marked = SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.RUNNING).update(
            state=SyncRun.State.INTERRUPTED, finished_at=F("heartbeat_at")
        )
        if marked:
            accounts.append(run.account_id)
    return accounts
