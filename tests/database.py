"""A database of its own for tests and benchmarks: made by the owner, used by the application."""

from typing import Any
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql


def url_of(alias: str) -> str:
    """A connection's address, for another process."""
    own = connections[alias].settings_dict
    password = f":{quote(own['PASSWORD'])}" if own["PASSWORD"] else ""
    host, port = own["HOST"] or "", own["PORT"]
    if host.startswith("/"):
        return f"postgresql://{own['USER']}@/{own['NAME']}?host={quote(host, safe='')}"
    return f"postgresql://{own['USER']}{password}@{host}{f':{port}' if port else ''}/{own['NAME']}"


def as_owner(name: str | None = None) -> psycopg.Connection[Any]:
    own = connections["owner"].settings_dict
    return psycopg.connect(
        dbname=name or own["NAME"],
        user=own["USER"],
        password=own["PASSWORD"] or None,
        host=own["HOST"] or None,
        port=own["PORT"] or None,
        options=own["OPTIONS"].get("options"),
        autocommit=True,
    )


def make_database(name: str) -> None:
    """Make and migrate an empty database, and turn this process's connections to it."""
    database = sql.Identifier(name)
    with as_owner("postgres") as owner:
        owner.execute(sql.SQL("drop database if exists {} with (force)").format(database))
        owner.execute(
            sql.SQL("create database {} template template0 encoding 'UTF8'").format(database)
        )
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        settings.DATABASES[alias]["NAME"] = name
    call_command("migrate", verbosity=0, interactive=False)
    connections["owner"].close()


def drop_database(name: str) -> None:
    connections.close_all()
    with as_owner("postgres") as owner:
        database = sql.Identifier(name)
        owner.execute(sql.SQL("drop database if exists {} with (force)").format(database))
