"""The door's connections: one deadline over a whole exchange, and names looked up here.

A drip of headers trips no time-out of a single read, so what is left of the deadline bounds each
read. A name that leads to this machine or a private network is not connected to (OWASP ASVS 5,
1.3.6); only an address that was allowed as such is, like the sandbox's on loopback.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Network(httpcore2.NetworkBackend):
    """Connections of one door: to the host that was allowed, and under one deadline a call."""

    def __init__(self, base: str) -> None:
        self._backend = httpcore2.SyncBackend()
        host = urlsplit(base).hostname or ""
        # Loopback and private networks only where the allowed address names them itself.
        self._named = host == "localhost" or _address(host) is not None
        self._until = threading.local()

    def allow(self, seconds: float) -> None:
        """Begin a call: from now on this thread's reads and writes end after some seconds."""
        self._until.at = time.monotonic() + seconds

    def rest(self, timeout: float | None) -> float:
        rest = max(float(self._until.at) - time.monotonic(), 0.001)
        return rest if timeout is None else min(timeout, rest)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        # Looked up once, and connected to as looked up: a name cannot change in between.
        places = [host] if self._named else _public(host)
        problem: httpcore2.ConnectError | None = None
        for place in places:
            try:
                stream = self._backend.connect_tcp(
                    place, port, timeout=self.rest(timeout), socket_options=socket_options
                )
                return _Stream(stream, self)
            except httpcore2.ConnectError as refused:
                # A machine without IPv6 is given such addresses too, so the next one is tried.
                problem = refused
        raise problem or httpcore2.ConnectError("The name leads to no public address.")


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes keep the deadline of the call they belong to."""

    def __init__(self, stream: httpcore2.NetworkStream, network: Network) -> None:
        self._stream, self._network = stream, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.rest(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.rest(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        rest = self._network.rest(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, rest), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities that are trusted. Reading them takes 30 ms, so it is done once."""
    return httpx2.create_ssl_context(trust_env=False)


class Transport(httpx2.HTTPTransport):
    """The library's own transport over our connections."""

    def __init__(self, network: Network) -> None:
        super().__init__(verify=_certificates(), trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_certificates(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=network,
        )


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _public(host: str) -> list[str]:
    """The addresses of a name that lead neither into this machine nor into a private network."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise httpcore2.ConnectError("The name cannot be looked up.") from None
    places = dict.fromkeys(str(place[0]) for *_, place in found)
    return [place for place in places if _is_public(_address(place.partition("%")[0]))]


def _is_public(address: Address | None) -> bool:
    plain = getattr(address, "ipv4_mapped", None) or address
    return plain is not None and plain.is_global and not plain.is_multicast
