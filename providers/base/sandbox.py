"""Serving a simulated provider over real HTTP on loopback, with faults that can be switched.

A provider's folder has a `sandbox` with a class `Sandbox`, which turns a Request into an Answer.
This module carries both over a socket, and spoils them on the way where a fault says so: the
provider's own part stays honest, and every provider gets every fault.
"""

import contextlib
import json
import random
import socket
import struct
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from providers.base.registry import FOLDER

# Faults of the wire, by the moment at which they strike. A provider's sandbox may add its own.
BEFORE = {
    "throttle": "429 with Retry-After in seconds",
    "throttle_date": "429 with Retry-After as a date",
    "throttle_bare": "429 without Retry-After",
    "error": "500, 502 or 503",
    "html": "502 with an HTML page",
    "plain": "500 with plain text",
    "timeout": "no answer until the caller gives up",
    "redirect": "302 to another host",
    "lost_before": "a change: not applied, then the connection is reset",
}
AFTER = {
    "reset": "the connection is reset in the middle of the body",
    "truncate": "the JSON is cut, with the Content-Length of what is left",
    "short": "the body is shorter than its Content-Length",
    "html_ok": "200 with an HTML page",
    "drip": "the body comes byte by byte",
    "huge": "a body of 200 MB",
    "bomb": "a gzip body that unpacks to 512 MB",
    "deep": "10,000 nested arrays",
    "digits": "a number of a million digits",
    "lost": "a change: applied, then the connection is reset",
    "lost_504": "a change: applied, then 504",
}


@dataclass(frozen=True)
class Request:
    """A call as the sandbox sees it; `path` begins after the provider's name."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether its method is one that changes things, as most providers keep it."""
        return self.method not in ("GET", "HEAD")


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Faults:
    """Which faults strike and how often, 0 to 1; seeded, so that a run can be told again."""

    rates: dict[str, float] = field(default_factory=dict)
    seed: int = 1
    retry_after: float = 1
    # How long a `timeout` holds the connection, and how many bytes a second a `drip` gives.
    hold_seconds: float = 60
    drip_bytes: int = 1
    # Where a `reset`, `truncate` or `short` cuts, as a share of the body; random where None.
    cut_at: float | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self.struck: dict[str, int] = {}

    def strikes(self, name: str) -> bool:
        """Whether this fault strikes now; counts it."""
        rate = self.rates.get(name, 0)
        if not rate:
            return False
        with self._lock:
            hit = self._random.random() < rate
            if hit:
                self.struck[name] = self.struck.get(name, 0) + 1
        return hit

    def first(self, names: Mapping[str, str], *, changes: bool) -> str | None:
        """The first fault of a group that strikes this call."""
        for name in names:
            if name.startswith("lost") and not changes:
                continue
            if self.strikes(name):
                return name
        return None

    def between(self, low: int, high: int) -> int:
        with self._lock:
            return self._random.randint(low, high)

    def cut(self, size: int) -> int:
        if self.cut_at is not None:
            return min(int(size * self.cut_at), size - 1)
        return self.between(0, max(size - 1, 0))


class Simulated(Protocol):
    """A provider's sandbox."""

    faults: Faults

    def answer(self, request: Request) -> Answer: ...
    def changes(self, request: Request) -> bool: ...
    def now(self) -> datetime: ...


class _Reset(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    """One connection; kept open between calls."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: "Server"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        _, _, rest = parts.path.partition("/")
        name, _, path = rest.partition("/")
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        sandbox = self.server.sandboxes.get(name)
        if sandbox is None:
            self._send(Answer(404, b"no such provider"), None)
            return
        request = Request(
            self.command, "/" + path, dict(parse_qsl(parts.query)), self._named_headers(), body
        )
        self.server.count(request)
        try:
            self._strike_and_answer(sandbox, request)
        except _Reset:
            # A linger of zero seconds makes closing a reset instead of a farewell.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _named_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _strike_and_answer(self, sandbox: Simulated, request: Request) -> None:
        faults = sandbox.faults
        changes = sandbox.changes(request)
        before = faults.first(BEFORE, changes=changes)
        if before is not None:
            self._before(before, sandbox)
            return
        answer = sandbox.answer(request)
        after = faults.first(AFTER, changes=changes) if answer.status < 300 else None
        self._after(after, answer, sandbox)

    def _before(self, name: str, sandbox: Simulated) -> None:
        faults = sandbox.faults
        if name == "lost_before":
            raise _Reset
        if name == "timeout":
            self.server.stopping.wait(faults.hold_seconds)
            raise _Reset
        if name == "redirect":
            away = {"Location": "http://169.254.169.254/latest/meta-data/"}
            self._send(Answer(302, b"", away), sandbox)
            return
        if name.startswith("throttle"):
            headers = {}
            if name == "throttle":
                headers["Retry-After"] = str(round(faults.retry_after))
            if name == "throttle_date":
                at = sandbox.now() + timedelta(seconds=faults.retry_after)
                headers["Retry-After"] = format_datetime(at.astimezone(UTC), usegmt=True)
            self._send(Answer(429, b"", headers), sandbox)
            return
        page = b"<html><body><h1>Bad gateway</h1></body></html>"
        status = {"html": 502, "plain": 500}.get(name) or (500, 502, 503)[faults.between(0, 2)]
        text = page if name == "html" else b"upstream error" if name == "plain" else b""
        self._send(Answer(status, text, {"Content-Type": "text/html"}), sandbox)

    def _after(self, name: str | None, answer: Answer, sandbox: Simulated) -> None:
        faults, body = sandbox.faults, answer.body
        if name == "lost":
            raise _Reset
        if name == "lost_504":
            answer = Answer(504, b"gateway time-out")
        elif name == "truncate":
            answer = Answer(answer.status, body[: faults.cut(len(body))], answer.headers)
        elif name == "html_ok":
            answer = Answer(200, b"<html>please sign in</html>", {"Content-Type": "text/html"})
        elif name == "deep":
            answer = Answer(200, b"[" * 10_000 + b"]" * 10_000)
        elif name == "digits":
            answer = Answer(200, b'{"pages":{"total":' + b"9" * 1_000_000 + b"}}")
        elif name == "huge":
            self._head(Answer(200, b""), sandbox, 200 * 2**20)
            for _ in range(200):
                self.wfile.write(bytes(2**20))
            return
        elif name == "bomb":
            answer = Answer(200, bomb(), {"Content-Encoding": "gzip"})
        elif name in ("reset", "short"):
            self._head(answer, sandbox, len(body))
            self.wfile.write(body[: faults.cut(len(body))])
            self.wfile.flush()
            if name == "reset":
                raise _Reset
            self.close_connection = True
            return
        elif name == "drip":
            self._head(answer, sandbox, len(body))
            self.wfile.flush()
            for start in range(0, len(body), faults.drip_bytes):
                self.wfile.write(body[start : start + faults.drip_bytes])
                self.wfile.flush()
                if self.server.stopping.wait(0.05 if faults.drip_bytes > 1 else 0.2):
                    raise _Reset
            return
        self._send(answer, sandbox)

    def _send(self, answer: Answer, sandbox: Simulated | None) -> None:
        self._head(answer, sandbox, len(answer.body))
        self.wfile.write(answer.body)
        self.wfile.flush()

    def _head(self, answer: Answer, sandbox: Simulated | None, length: int) -> None:
        at = sandbox.now() if sandbox else datetime.now(UTC)
        self.send_response_only(answer.status)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Date": format_datetime(at.astimezone(UTC), usegmt=True),
            **answer.headers,
            "Content-Length": str(length),
        }
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: paths of some providers hold credentials."""


class Server(ThreadingHTTPServer):
    """Every provider's sandbox under its name."""

    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, port: int, sandboxes: Mapping[str, Simulated]) -> None:
        self.sandboxes = dict(sandboxes)
        self.stopping = threading.Event()
        self.calls: list[tuple[str, str]] = []
        self.keep_calls = False
        self._lock = threading.Lock()
        self.on_request: Callable[[Request], None] | None = None
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def count(self, request: Request) -> None:
        if self.keep_calls:
            with self._lock:
                self.calls.append((request.method, request.path))
        if self.on_request is not None:
            self.on_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is nothing to report; anything else is the sandbox's own fault."""
        problem = sys.exc_info()[1]
        # Writing to a connection that was closed on purpose is a ValueError of the stream.
        if isinstance(problem, OSError) or "closed file" in str(problem):
            return
        traceback.print_exc()

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()


@dataclass(frozen=True)
class Options:
    """How big and how broken the simulated providers are."""

    seed: int = 1
    now: datetime | None = None
    # The first day of the history; 90 days before now where None.
    since: datetime | None = None
    transactions: int = 50_000
    terminals: int = 60
    faults: dict[str, float] = field(default_factory=dict)
    switches: dict[str, str] = field(default_factory=dict)
    # Where changes are kept from one start to the next; nowhere if None.
    folder: str | None = None


def sandboxes(options: Options) -> dict[str, Simulated]:
    """Every provider's sandbox, found in its folder.

    Raises ValueError for a fault or a switch that none of them knows.
    """
    modules = {
        path.parent.name: import_module(f"providers.{path.parent.name}.sandbox")
        for path in sorted(FOLDER.glob("*/sandbox"))
    }
    own = {fault for module in modules.values() for fault in (*module.CONTENT, *module.LISTS)}
    for fault in options.faults:
        if fault not in {*BEFORE, *AFTER, *own}:
            raise ValueError(f"There is no fault named {fault}.")
    for name, value in options.switches.items():
        known = [module.SWITCHES[name] for module in modules.values() if name in module.SWITCHES]
        if not known:
            raise ValueError(f"There is no switch named {name}.")
        if not any(
            value in values or (values[0].isdigit() and value.isdigit()) for values in known
        ):
            raise ValueError(f"The switch {name} is one of: {', '.join(known[0])}.")
    return {name: module.Sandbox(options) for name, module in modules.items()}


class Journal:
    """The changes that a sandbox has taken, kept in a file from one start to the next."""

    def __init__(self, folder: str | None, name: str) -> None:
        self._path = Path(folder) / f"{name}.jsonl" if folder else None
        self._replaying = False

    def add(self, request: Request, at: datetime, **more: str) -> None:
        """Write a call down that has changed something."""
        if self._path is None or self._replaying:
            return
        entry = {
            "at": at.isoformat(), "method": request.method, "path": request.path,
            "query": request.query, "body": request.body.decode("utf-8", "replace"), **more,
        }  # fmt: skip
        with self._path.open("a") as journal:
            journal.write(json.dumps(entry) + "\n")

    def replay(self) -> Iterator[tuple[dict[str, Any], datetime]]:
        """Every entry with its time, to be answered again; nothing is written meanwhile."""
        if self._path is None or not self._path.exists():
            return
        self._replaying = True
        for line in self._path.read_text().splitlines():
            entry = json.loads(line)
            yield entry, datetime.fromisoformat(entry["at"]).astimezone(UTC)
        self._replaying = False


class Clock:
    """The provider's time: the machine's, or one that stands where it was put and can be moved."""

    def __init__(self, now: datetime | None) -> None:
        self._fixed = now
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return (self._fixed or datetime.now(UTC)) + self.skew

    def move(self, by: timedelta) -> None:
        self.skew += by


@cache
def bomb() -> bytes:
    """Less than a megabyte, in one stream, that unpacks to half a gigabyte."""
    packer = zlib.compressobj(9, wbits=31)
    part = bytes(2**20)
    return b"".join(packer.compress(part) for _ in range(512)) + packer.flush()


def wait_for(port: int, seconds: float = 20) -> bool:
    """Whether something listens on a port of loopback within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False
