"""Serves every provider's sandbox on loopback."""

import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_datetime

from providers.base.sandbox import AFTER, BEFORE, Options, Server, sandboxes


class Command(BaseCommand):
    help = "Serves every provider's sandbox on loopback, /nearpay/… and so on, until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--now", help="a time with its zone, at which the clock stands still")
        parser.add_argument("--transactions", type=int, default=50_000)
        parser.add_argument("--terminals", type=int, default=60)
        names = ", ".join([*BEFORE, *AFTER])
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="NAME=RATE",
            help=f"0 to 1 of all calls; of the wire: {names}; of the content: enum, missing, "
            "extra, text_numbers, bad_money, nul, surrogate; of lists: repeat, stuck, empty, "
            "shift, late",
        )
        parser.add_argument(
            "--switch",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a doubtful point of a provider, for example order=oldest or pages=integer",
        )
        parser.add_argument("--folder", help="keep changes here from one start to the next")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            faults = {k: float(v) for k, v in _pairs(options["fault"]).items()}
        except ValueError:
            raise CommandError("A fault's rate is a number from 0 to 1.", returncode=2) from None
        moment = parse_datetime(options["now"]) if options["now"] else None
        if options["now"] and (moment is None or moment.tzinfo is None):
            raise CommandError(
                "--now is a time with its zone, such as 2026-11-21T12:00:00+03:00.", returncode=2
            )
        asked = Options(
            seed=options["seed"],
            now=moment,
            since=_since(options["folder"]),
            transactions=options["transactions"],
            terminals=options["terminals"],
            faults=faults,
            switches=_pairs(options["switch"]),
            folder=options["folder"],
        )
        try:
            made = sandboxes(asked)
        except ValueError as problem:
            raise CommandError(str(problem), returncode=2) from None
        done = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: done.set())
        try:
            server = Server(options["port"], made)
        except OSError:
            raise CommandError(f"Port {options['port']} is taken; choose another.") from None
        with server:
            self.stdout.write(f"sandbox at http://127.0.0.1:{server.port}/ ({', '.join(made)})")
            self.stdout.flush()
            done.wait()
        sys.exit(0)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    if not all(pairs.values()):
        raise CommandError("Write it as NAME=VALUE.", returncode=2)
    return pairs


def _since(folder: str | None) -> datetime | None:
    """A kept sandbox begins where it began at its first start, so its history stands still."""
    if folder is None:
        return None
    path = Path(folder) / "since"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text((datetime.now(UTC) - timedelta(days=90)).isoformat())
    return datetime.fromisoformat(path.read_text())
