"""Runs everything on this machine: the demo, its sandbox, web, worker and beat."""

import contextlib
import fcntl
import io
import os
import shlex
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.utils.timezone import now
from honcho.manager import Manager

from merchants import demo
from merchants.forms import DEMO_PASSWORD
from portal import embedded, isolation
from providers.base.sandbox import wait_for

WEB_THREADS = 4


class Command(BaseCommand):
    help = "Runs the portal with its demo on loopback; Ctrl-C stops all of it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--transactions", type=int, default=50_000)

    def handle(self, *args: Any, port: int, transactions: int, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("«up» runs the demo: start it with «make up», or set DEMO=1.")
        embedded.FOLDER.mkdir(exist_ok=True)
        with (embedded.FOLDER / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError("«make up» is running in this folder already.") from None
            self.pids = embedded.FOLDER / "up.pids"
            self._end_leftovers()
            for taken in (port, port + 1):
                self._check_free(taken)
            self._prepare(port)
            try:
                self._run(port, transactions)
            finally:
                (embedded.FOLDER / "demo.env").unlink(missing_ok=True)

    def _check_free(self, port: int) -> None:
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                raise CommandError(
                    f"Port {port} is taken by another program. Stop that one, or choose another: "
                    "make up PORT=8080 (it uses that port and the next)."
                ) from None

    def _end_leftovers(self) -> None:
        """What a killed «make up» left running would hold its ports; end it first."""
        with contextlib.suppress(FileNotFoundError):
            for line in self.pids.read_text().split():
                if str(embedded.ROOT) in _command_line(int(line)):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(int(line), signal.SIGKILL)
                    time.sleep(0.2)
        self.pids.unlink(missing_ok=True)

    @isolation.everywhere()
    def _prepare(self, port: int) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        # Commands in another terminal find the same demo by this file.
        hosts = f"PROVIDER_HOSTS=127.0.0.1:{port + 1}"
        (embedded.FOLDER / "demo.env").write_text(f"DEMO=1\n{hosts}\n")
        demo.make_people()
        for account, terminals in demo.connect_accounts(f"http://127.0.0.1:{port + 1}", now()):
            if terminals:
                call_command("add-terminals", account.pk, *terminals, stdout=io.StringIO())
        connections.close_all()

    def _run(self, port: int, transactions: int) -> None:
        conductor = Manager()
        python = [sys.executable]
        manage = [*python, str(embedded.ROOT / "manage.py")]
        celery = [*python, "-m", "celery", "--quiet", "-A", "portal"]
        level = ["--loglevel", "WARNING"]
        sandbox = [*manage, "sandbox", "--port", str(port + 1)]
        sandbox += ["--transactions", str(transactions)]
        sandbox += ["--folder", str(embedded.FOLDER / "sandbox")]
        web = [*python, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}"]
        web += ["--workers", "2", "--threads", str(WEB_THREADS), "--log-level", "warning"]
        schedule = settings.CELERY_BEAT_SCHEDULE_FILENAME
        for name, words in {
            "sandbox": sandbox,
            "web": web,
            "worker": [*celery, "worker", "--concurrency", "2", *level],
            "beat": [*celery, "beat", "--schedule", schedule, *level],
        }.items():
            command = f"echo $$ >> {shlex.quote(str(self.pids))}; exec {shlex.join(words)}"
            environment = {**os.environ, "PORTAL_ROOT": str(embedded.ROOT)}
            # Where the links of its mails lead.
            environment.setdefault("PUBLIC_URL", f"http://localhost:{port}")
            conductor.add_process(name, command, env=environment, cwd=str(embedded.ROOT))
        threading.Thread(target=self._greet, args=(port,), daemon=True).start()
        conductor.loop()
        self.pids.unlink(missing_ok=True)
        if conductor.returncode not in (0, 128 + signal.SIGINT, 128 + signal.SIGTERM):
            raise CommandError("A part stopped by itself; its last lines above say why.")

    @isolation.everywhere()
    def _greet(self, port: int) -> None:
        """Say where to go once it can be gone to."""
        if wait_for(port, 60):
            people = "\n".join(f"  {email}" for email, *_ in demo.PEOPLE)
            self.stdout.write(
                f"\nThe portal is at http://localhost:{port}\n"
                f"Sign in with the password {DEMO_PASSWORD} as one of\n{people}\n"
                "The first reading is under way; Ctrl-C stops everything.\n"
            )
            self.stdout.flush()
        # The worker's first sync brings the branches, one of which is somebody's only one.
        for _ in range(120):
            if demo.give_one_branch() and demo.join_branches():
                break
            time.sleep(0.5)
        connections.close_all()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
