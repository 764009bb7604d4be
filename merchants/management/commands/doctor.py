"""Says what is wrong with this installation, and how to mend it."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, SystemCheckError
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from merchants.actions.accounts import credentials_of
from merchants.models import ProviderAccount
from portal import isolation
from portal.celery import app
from providers.base.errors import NotAuthorised
from providers.base.http import leads_inside

OLDEST_POSTGRESQL = 15


class Command(BaseCommand):
    help = "Checks this installation; each problem comes with what to do."
    requires_system_checks: list[str] = []

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        problems = 0
        for title, check in CHECKS.items():
            try:
                found = list(check())
            except Exception as failure:  # noqa: BLE001 (a check that cannot run is a finding)
                found = [f"could not be checked: {type(failure).__name__}."]
            problems += len(found)
            self.stdout.write(f"{'ok  ' if not found else 'BAD '} {title}")
            for sentence in found:
                self.stdout.write(f"     {sentence}")
        if problems:
            self.stdout.write(f"{problems} to mend.")
            raise SystemExit(1)
        self.stdout.write("Nothing to mend.")


def _database() -> Iterator[str]:
    for alias, name in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL")):
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("show server_version_num")
                version = int(cursor.fetchone()[0]) // 10_000
        except DatabaseError:
            yield f"The database does not answer: check {name} and that the server runs."
            continue
        if version < OLDEST_POSTGRESQL:
            yield f"PostgreSQL is {version}; at least {OLDEST_POSTGRESQL} is needed."


def _roles() -> Iterator[str]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "select rolsuper or rolbypassrls or rolcreaterole from pg_roles"
            " where rolname = current_user"
        )
        if cursor.fetchone()[0]:
            yield "DATABASE_URL's role has more rights than it needs: use one that owns nothing."
        cursor.execute("select count(*) from pg_tables where tableowner = current_user")
        if cursor.fetchone()[0]:
            yield (
                "DATABASE_URL's role owns tables: let another role own them, name it in "
                "DATABASE_OWNER_URL, and run migrate."
            )


def _migrations() -> Iterator[str]:
    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield f"{len(plan)} migrations are not applied: run «manage.py migrate»."


def _broker() -> Iterator[str]:
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception:  # noqa: BLE001 (every broker has errors of its own)
        yield "The broker does not answer: check BROKER_URL and that the server runs."
        return
    if not app.control.inspect(timeout=2).ping():
        yield "No worker answers: start «celery -A portal worker»."


def _beat() -> Iterator[str]:
    late = settings.SYNC_EVERY_SECONDS * 2
    for account in ProviderAccount.objects.filter(state=ProviderAccount.State.ACTIVE):
        behind = (now() - account.next_sync_at).total_seconds()
        if behind > late:
            yield (
                f"{account.name} has been due for {behind:.0f} s: start «celery -A portal beat», "
                "or give the worker more processes."
            )


def _keys() -> Iterator[str]:
    for account in ProviderAccount.objects.exclude(credentials=None):
        try:
            credentials_of(account)
        except NotAuthorised:
            yield (
                f"The credentials of {account.name} open with none of ENCRYPTION_KEYS: add the key "
                "with which they were stored, or connect the account again."
            )


def _providers() -> Iterator[str]:
    for account in ProviderAccount.objects.filter(state=ProviderAccount.State.REFUSED):
        yield f"{account.name}: the provider refused its credentials; give it new ones."


def _files() -> Iterator[str]:
    if not (Path(settings.STATIC_ROOT) / "css").exists():
        yield "The static files are not collected: run «manage.py collectstatic»."
    for code, _name in settings.LANGUAGES[1:]:
        if not (Path(settings.LOCALE_PATHS[0]) / code / "LC_MESSAGES" / "django.mo").exists():
            yield f"The translations to {code} are not compiled: run «make translations»."


def _deployment() -> Iterator[str]:
    if settings.DEMO:
        return  # Loopback only, which the settings have made sure of.
    if settings.OWN_SERVERS:
        yield "The embedded database serves, which is for trying out: set DATABASE_URL."
    for host in settings.PROVIDER_HOSTS:
        if leads_inside(host):
            yield (
                f"PROVIDER_HOSTS names {host}, which is this machine or a private network: that is "
                "for the demo only, take it away."
            )
    if settings.DEBUG:
        yield "DEBUG is on: take it out of the environment."
    if not settings.SECURE_PROXY_SSL_HEADER:
        yield "BEHIND_TLS_PROXY is off: the portal speaks plain http to a proxy that ends TLS."
    output = io.StringIO()
    try:
        call_command("check", deploy=True, fail_level="WARNING", stderr=output, stdout=output)
    except SystemCheckError as found:
        yield f"«manage.py check --deploy» finds: {' '.join(str(found).split())[:600]}"


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "database": _database,
    "database roles": _roles,
    "migrations": _migrations,
    "broker and worker": _broker,
    "schedule": _beat,
    "encryption keys": _keys,
    "provider accounts": _providers,
    "files": _files,
    "deployment": _deployment,
}
