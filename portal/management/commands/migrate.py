"""Migrates as the owner, and lets the application's role read and write what it does not own."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connections
from psycopg import sql

from portal import isolation

OWNER = "owner"
# What the application may not do: say which migrations ran, rewrite the trail or a close, and
# forget what was asked of providers.
TAKEN = {
    "django_migrations": "insert, update, delete",
    "merchants_auditentry": "update, delete, truncate",
    "merchants_auditvalue": "update, delete, truncate",
    "merchants_auditseal": "update, delete, truncate",
    "merchants_personkey": "delete, truncate",
    "merchants_operation": "delete, truncate",
    "merchants_auditstub": "insert, update, delete, truncate",
    "terminals_holding": "update, delete, truncate",
    "settlements_document": "update, delete, truncate",
    "settlements_closedrow": "update, delete, truncate",
}
# And where only some columns may be written again: what lets go of a person, and nothing else.
LEFT = {"terminals_holding": "update (terminal_user_id, let_go_at)"}


class Command(migrate.Command):
    """Django's migrate, by the owner's role, with the grants that every new table needs."""

    help = "Brings the database up to date as its owner, and grants the application's role its use."

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        with isolation.nobody():
            self._bring(*args, **options)

    def _bring(self, *args: Any, **options: Any) -> None:
        self._grant()
        super().handle(*args, **options)
        call_command("createcachetable", database=OWNER, verbosity=0)
        self._grant()

    def _grant(self) -> None:
        role = settings.DATABASES["default"].get("USER")
        connection = connections[OWNER]
        if not role or role == settings.DATABASES[OWNER].get("USER"):
            return
        name = sql.Identifier(role)
        with connection.cursor() as cursor:
            for statement in (
                "grant usage on schema public to {}",
                "grant select, insert, update, delete on all tables in schema public to {}",
                "grant usage, select on all sequences in schema public to {}",
                "alter default privileges in schema public"
                " grant select, insert, update, delete on tables to {}",
                "alter default privileges in schema public grant usage, select on sequences to {}",
            ):
                cursor.execute(sql.SQL(statement).format(name))
            for table, taken in TAKEN.items():
                cursor.execute("select to_regclass(%s) is not null", [table])
                if not cursor.fetchone()[0]:
                    continue
                revoke = sql.SQL("revoke {} on {} from {}")
                cursor.execute(revoke.format(sql.SQL(taken), sql.Identifier(table), name))
                if table in LEFT:
                    grant = sql.SQL("grant {} on {} to {}")
                    left = sql.SQL(LEFT[table])
                    cursor.execute(grant.format(left, sql.Identifier(table), name))
