"""The one door to the network.

Reads are repeated with growing, random pauses, and a Retry-After is kept by all who share the
door. A call that changes something is never repeated here: some providers have no idempotency,
and some change state on GET. Redirects are not followed, so a credential goes to no other host.
No body, credential, address or query string enters a message or a log line.

Its connections, with their deadline and their look-up of names, stand in `network`.
"""

import ipaddress
import logging
import random
import re
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2
import msgspec
import tenacity
from tenacity.stop import stop_base

from providers.base.clock import Clock, SystemClock
from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Refused,
    Throttled,
    Unknown,
    Unreachable,
    Unreadable,
)
from providers.base.network import Network, Transport

T = TypeVar("T")

# These would log addresses with their query strings, in which some providers want credentials.
for name in ("httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Limits:
    """What one call may take, in seconds and bytes, and how often a read is tried."""

    connect: float = 5
    read: float = 30
    # Below the 60 s a page may take in all: a drip of one byte a second never trips `read`.
    total: float = 35
    size: int = 16 * 1024 * 1024
    tries: int = 6
    first_pause: float = 0.5
    longest_pause: float = 20
    # A longer Retry-After is not slept through: the run ends and the account waits.
    longest_wait: float = 30
    # Requests that may begin in one second, over all threads; None leaves it to the provider.
    per_second: float | None = None


@dataclass(frozen=True)
class Answer:
    """A whole body, and the provider's own time where it said so."""

    status: int
    body: bytes
    at: datetime | None


Explain = Callable[[int, bytes], Refused]


def _plain_refusal(status: int, body: bytes) -> Refused:
    return Refused(f"The provider refused the call (HTTP {status}).", status=status)


# Visible ASCII without the signs that parsers disagree about.
_PLAIN = re.compile(r"[A-Za-z0-9:/._~\[\]@?#&=%+-]+")


def allowed(base_url: str, hosts: frozenset[str]) -> str:
    """Check that an address may be called, and return it without a trailing slash.

    `hosts` holds `host[:port]`; https is required but for loopback hosts that are listed.
    """
    if not _PLAIN.fullmatch(base_url):
        raise Refused("The address may hold only plain letters, digits and signs.")
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("The address is not of the form https://host/path.") from None
    loopback = host in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise Refused("The address must begin with https.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Refused("The address must be a plain one, with no name, password or query in it.")
    if (f"{host}:{port}" if port else host) not in hosts:
        raise Refused(
            "The address names a host that is not one of this provider's; "
            "whoever runs the portal can add it to PROVIDER_HOSTS."
        )
    return base_url.rstrip("/")


def leads_inside(host: str) -> bool:
    """Whether a `host[:port]` itself names this machine or a private network."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or not ipaddress.ip_address(name).is_global
    except ValueError:
        return False


class Door:
    """A reusable connection to one base address; safe to share between threads."""

    def __init__(
        self,
        base_url: str,
        *,
        hosts: frozenset[str],
        headers: dict[str, str],
        secrets: dict[str, str] | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        explain: Explain = _plain_refusal,
    ) -> None:
        self.limits = limits or Limits()
        self._clock: Clock = clock or SystemClock()
        self._explain = explain
        # Credentials that a provider wants among the parameters of each call.
        self._secrets = secrets or {}
        self._base = allowed(base_url, hosts)
        self._turn = threading.Lock()
        # When the next request may begin: by our own rate, and by what the provider asked for.
        self._next_slot = self._not_before = 0.0
        self._closed = threading.Event()
        self._network = Network(self._base)
        self._client = httpx2.Client(
            transport=Transport(self._network),
            headers={**headers, "Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=httpx2.Timeout(
                connect=self.limits.connect, read=self.limits.read, write=10, pool=60
            ),
            follow_redirects=False,
            # Proxies and .netrc of the machine are not among the hosts that were allowed.
            trust_env=False,
        )

    def close(self) -> None:
        """Give up every pause and connection; threads that still wait end with Unreachable."""
        self._closed.set()
        self._client.close()

    def read(
        self,
        path: str,
        *,
        query: dict[str, str] | None = None,
        decode: Callable[[bytes], T],
    ) -> tuple[T, datetime | None]:
        """Get and decode a body, trying again on what may pass; returns it with their time.

        A frame that cannot be decoded may be a cut one, so it is asked for again too.
        """

        def once() -> tuple[T, datetime | None]:
            answer = self._call("GET", path, query=query, body=None, changes=False)
            return decode(answer.body), answer.at

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.limits.tries) | _TooLong(self.limits),
            wait=self._pause,
            retry=tenacity.retry_if_exception(_passing),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(once)

    def write(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        decode: Callable[[bytes], T],
    ) -> T:
        """Send a change once. No answer, or one that cannot be read, is Unknown.

        A provider that changes things on GET is sent its parameters as `query`; a `form` is sent as
        one, with what is secret in it instead of in the address.
        """
        answer = self._call(method, path, query=query, body=body, form=form, changes=True)
        try:
            return decode(answer.body)
        except Unreadable as problem:
            raise Unknown(f"The change was sent, and the answer is unreadable: {problem}") from None

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Full jitter under a doubling ceiling; a stated Retry-After plus up to a tenth."""
        failure = state.outcome.exception() if state.outcome else None
        seconds = _asked_pause(failure)
        if seconds is not None:
            return seconds + random.uniform(0, seconds * 0.1)  # noqa: S311
        ceiling = self.limits.first_pause * 2 ** (state.attempt_number - 1)
        return random.uniform(0, min(ceiling, self.limits.longest_pause))  # noqa: S311

    def _sleep(self, seconds: float) -> None:
        """Wait in short pieces, so that closing the door ends every wait."""
        end = self._clock.monotonic() + seconds
        while not self._closed.is_set() and (rest := end - self._clock.monotonic()) > 0:
            self._clock.sleep(min(rest, 0.5))

    def _await_turn(self) -> None:
        """Wait until the provider's own pause is over and the rate allows another request."""
        with self._turn:
            slot = max(self._clock.monotonic(), self._next_slot)
            if self.limits.per_second:
                self._next_slot = slot + 1 / self.limits.per_second
        while not self._closed.is_set():
            now = self._clock.monotonic()
            # Looked at again before each request: another thread may have been told to wait.
            asked = self._not_before - now
            if asked > self.limits.longest_wait:
                raise Throttled("The provider has asked not to be called yet.", asked)
            if max(slot - now, asked) <= 0:
                return
            self._sleep(min(max(slot - now, asked), 0.5))
        raise Unreachable("The connection was closed here.", slow=True)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None,
        body: object,
        changes: bool,
        form: dict[str, str] | None = None,
    ) -> Answer:
        self._await_turn()
        if form is None:
            query = {**self._secrets, **(query or {})}
        url = f"{self._base}{path}?{urlencode(query)}" if query else self._base + path
        content, headers = None, {}
        if form is not None:
            content = urlencode({**self._secrets, **form}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
        elif body is not None:
            content = msgspec.json.encode(body)
            headers = {"Content-Type": "application/json"}
        deadline = self._clock.monotonic() + self.limits.total
        self._network.allow(self.limits.total)
        try:
            with self._client.stream(method, url, content=content, headers=headers) as response:
                # What says enough by its status is judged before a body is waited for.
                self._judge_status(response, changes=changes)
                data = self._take(response, deadline)
        except httpx2.ConnectTimeout:
            raise Unreachable(
                "The provider could not be reached in time; nothing was sent.", slow=True
            ) from None
        except (httpx2.ConnectError, httpx2.PoolTimeout):
            raise Unreachable("The provider could not be reached; nothing was sent.") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError):
            raise Refused("The call cannot be written down; nothing was sent.") from None
        except (httpx2.ReadTimeout, httpx2.WriteTimeout):
            if changes:
                raise Unknown("The change was sent and no answer came in time.") from None
            raise Unreachable("The provider did not answer in time.", slow=True) from None
        except (httpx2.TransportError, httpx2.StreamError, RuntimeError) as problem:
            raise self._lost(changes, type(problem).__name__) from None
        except _Cut as problem:
            if changes:
                raise Unknown(f"The change was sent, and {problem}") from None
            raise problem.failure from None
        return self._judge(response, data)

    def _lost(self, changes: bool, how: str) -> ProviderFailure:
        if changes:
            return Unknown(f"The change was sent and no answer came ({how}).")
        return Unreachable(f"The provider's answer did not arrive whole ({how}).")

    def _take(self, response: httpx2.Response, deadline: float) -> bytes:
        """Read a body within the limits of time and of decoded size."""
        encoding = response.headers.get("content-encoding", "identity")
        if encoding not in ("identity", "gzip"):
            raise _Cut(Unreadable("The answer is compressed in a way that was not asked for."))
        unzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_raw():
            rest = self.limits.size - size + 1
            try:
                part = unzip.decompress(chunk, rest) if unzip else chunk
            except zlib.error:
                raise _Cut(Unreachable("The answer's compression is broken.")) from None
            parts.append(part)
            size += len(part)
            if size > self.limits.size:
                raise _Cut(
                    Refused(f"The answer is larger than {self.limits.size // 2**20} MiB."),
                )
            if self._clock.monotonic() > deadline:
                raise _Cut(Unreachable("The provider answered too slowly.", slow=True))
        if unzip and (not unzip.eof or unzip.unused_data):
            raise _Cut(Unreachable("The answer's compression does not end where it should."))
        return b"".join(parts)

    def _judge_status(self, response: httpx2.Response, *, changes: bool) -> None:
        status = response.status_code
        if status in (401, 403):
            raise NotAuthorised(f"The provider refused the credentials (HTTP {status}).")
        if status == 429:
            seconds = self._retry_after(response)
            raise Throttled("The provider asks to call less often (HTTP 429).", seconds)
        if 300 <= status < 400:
            if changes:
                raise Unknown(f"The change was sent and a redirect came back (HTTP {status}).")
            raise Refused(
                f"The provider answered with a redirect (HTTP {status}), which is not followed: "
                "check the account's address.",
                status=status,
            )
        if status >= 500 or status == 408:
            seconds = self._retry_after(response)
            if changes:
                raise Unknown(f"The change was sent and the provider failed (HTTP {status}).")
            raise Unreachable(f"The provider failed (HTTP {status}).", seconds=seconds)

    def _judge(self, response: httpx2.Response, data: bytes) -> Answer:
        if 200 <= response.status_code < 300:
            return Answer(response.status_code, data, _http_date(response.headers.get("date")))
        raise self._explain(response.status_code, data)

    def _retry_after(self, response: httpx2.Response) -> float | None:
        """Seconds to wait, by all who share the door, from either form of Retry-After (RFC 9110,
        10.2.3)."""
        text = response.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            seconds = float(min(int(text[:9]), 24 * 3600))
        else:
            at = _http_date(text)
            if at is None:
                return None
            # Measured on the provider's own clock, so that a skew of ours does not matter.
            now = _http_date(response.headers.get("date")) or self._clock.now()
            seconds = min(max((at - now).total_seconds(), 0), 24 * 3600)
        with self._turn:
            self._not_before = max(self._not_before, self._clock.monotonic() + seconds)
        return seconds


class _Cut(Exception):
    """Reading was stopped here; carries the failure that a read ends with."""

    def __init__(self, failure: ProviderFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def _passing(failure: BaseException) -> bool:
    """Whether the same read may succeed in a moment."""
    if isinstance(failure, Unreachable):
        return not failure.slow
    return isinstance(failure, (Throttled, Unreadable))


def _asked_pause(failure: BaseException | None) -> float | None:
    """The pause that the provider itself asked for, in seconds."""
    return failure.seconds if isinstance(failure, (Throttled, Unreachable)) else None


class _TooLong(stop_base):
    """Stop where the provider asks for a longer wait than is slept through."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        failure = state.outcome.exception() if state.outcome else None
        seconds = _asked_pause(failure)
        return seconds is not None and seconds > self._limits.longest_wait


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
