"""The one door to the network: patient, bounded, and silent about what it carries."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpcore2
import pytest

from providers.base.errors import (
    NotAuthorised,
    ProviderFailure,
    Refused,
    Throttled,
    Unknown,
    Unreachable,
)
from providers.base.http import Door, Limits, allowed
from providers.base.sandbox import Answer, Faults, Request, Server

SECRET = "CANARY-KEY-1234567890"


class Clock:
    """Time that passes only by being slept through."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []
        self.lock = threading.Lock()

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(seconds)
            self.at += seconds


class Echo:
    """A provider that answers `{}` and keeps when it was called."""

    def __init__(self, clock: Clock, rates: dict[str, float]) -> None:
        self.faults = Faults(rates, seed=3)
        self.clock = clock
        self.called: list[float] = []

    def now(self) -> datetime:
        return self.clock.now()

    def changes(self, request: Request) -> bool:
        return request.writes

    def answer(self, request: Request) -> Answer:
        return Answer(200, b"{}")


@pytest.fixture
def open_door() -> Any:
    servers: list[Server] = []

    def start(limits: Limits | None = None, **rates: float) -> tuple[Door, Echo, Clock]:
        clock = Clock()
        echo = Echo(clock, rates)
        server = Server(0, {"echo": echo})
        server.on_request = lambda request: echo.called.append(clock.monotonic())
        server.__enter__()
        servers.append(server)
        host = f"127.0.0.1:{server.port}"
        door = Door(
            f"http://{host}/echo",
            hosts=frozenset({host}),
            headers={"api-key": SECRET},
            clock=clock,
            limits=limits or Limits(),
        )
        return door, echo, clock

    yield start
    for server in servers:
        server.__exit__()


class TestThrottling:
    @pytest.mark.parametrize("fault", ["throttle", "throttle_date"])
    @pytest.mark.parametrize("seconds", [0, 2, 25])
    def test_waits_as_long_as_it_was_told_and_not_much_longer(
        self, open_door: Any, fault: str, seconds: int
    ) -> None:
        door, echo, clock = open_door(**{fault: 1.0})
        echo.faults.retry_after = seconds
        with pytest.raises(Throttled):
            door.read("/x", decode=bytes)
        gaps = [b - a for a, b in zip(echo.called, echo.called[1:], strict=False)]
        assert len(echo.called) == 6
        # A date has whole seconds, so it may round by one.
        assert all(seconds - 1 < gap <= seconds * 1.2 + 1 for gap in gaps)
        if fault == "throttle":
            assert min(gaps) >= seconds

    def test_a_long_wait_is_handed_back_and_not_slept_through(self, open_door: Any) -> None:
        door, echo, clock = open_door(throttle=1.0)
        echo.faults.retry_after = 120
        with pytest.raises(Throttled) as told:
            door.read("/x", decode=bytes)
        assert told.value.seconds == 120
        assert (len(echo.called), clock.slept) == (1, [])

    def test_nobody_else_calls_in_the_window(self, open_door: Any) -> None:
        door, echo, clock = open_door(throttle=1.0)
        echo.faults.retry_after = 10
        for _ in range(2):
            with pytest.raises(Throttled):
                door.read("/x", decode=bytes)
        gaps = [b - a for a, b in zip(echo.called, echo.called[1:], strict=False)]
        assert min(gaps) >= 10

    def test_the_next_call_is_told_so_at_once(self, open_door: Any) -> None:
        """A pause of hours holds no thread, and no call is made in it."""
        door, echo, clock = open_door(throttle=1.0)
        echo.faults.retry_after = 7200
        for _ in range(3):
            with pytest.raises(Throttled) as told:
                door.read("/x", decode=bytes)
            assert told.value.seconds == pytest.approx(7200)
        assert (len(echo.called), clock.slept) == (1, [])

    def test_calls_that_wait_for_their_turn_keep_it_too(self, open_door: Any) -> None:
        door, echo, clock = open_door(Limits(per_second=2, tries=1), throttle=1.0)
        echo.faults.retry_after = 5
        turns: list[float] = []
        for _ in range(3):
            with pytest.raises(Throttled):
                door.read("/x", decode=bytes)
            turns.append(clock.at)
        gaps = [b - a for a, b in zip(echo.called, echo.called[1:], strict=False)]
        assert min(gaps) >= 5

    def test_a_failing_provider_may_ask_for_a_pause_as_well(self, open_door: Any) -> None:
        door, echo, clock = open_door(Limits(tries=2))
        echo.answer = lambda request: Answer(503, b"", {"Retry-After": "20"})
        with pytest.raises(Unreachable) as failed:
            door.read("/x", decode=bytes)
        assert failed.value.seconds == 20
        assert echo.called[1] - echo.called[0] >= 20

    @pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (401, NotAuthorised)])
    def test_a_status_speaks_before_its_body(
        self, open_door: Any, status: int, kind: type[Exception]
    ) -> None:
        door, echo, _ = open_door(Limits(tries=1))
        echo.answer = lambda request: Answer(status, b"?", {"Content-Encoding": "br"})
        with pytest.raises(kind):
            door.read("/x", decode=bytes)


class TestFailing:
    def test_headers_that_drip_keep_no_thread(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def drip() -> None:
                with listener.accept()[0] as caller:
                    caller.recv(4096)
                    caller.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    for _ in range(100):
                        try:
                            caller.sendall(b"a")
                        except OSError:
                            return
                        time.sleep(0.05)

            thread = threading.Thread(target=drip, daemon=True)
            thread.start()
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            limits = Limits(total=0.5, read=5, tries=1)
            door = Door(f"http://{host}", hosts=frozenset({host}), headers={}, limits=limits)
            with pytest.raises(Unreachable) as slow:
                door.read("/x", decode=bytes)
            assert slow.value.slow
            door.close()
            thread.join(10)
            assert not thread.is_alive()

    def test_a_redirect_of_a_change_is_unknown(self, open_door: Any) -> None:
        door, echo, _ = open_door(redirect=1.0)
        with pytest.raises(Unknown):
            door.write("POST", "/x", decode=bytes)

    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1.nip.example", "metadata"])
    def test_a_name_that_leads_inside_is_not_called(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = {"localhost": "127.0.0.1", "metadata": "169.254.169.254"}
        found = [(2, 1, 6, "", (places.get(name, "10.0.0.8"), 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        host = f"{name}.provider.test"
        door = Door(f"https://{host}", hosts=frozenset({host}), headers={}, limits=Limits(tries=1))
        with pytest.raises(Unreachable, match="nothing was sent"):
            door.read("/x", decode=bytes)

    def test_every_public_address_of_a_name_is_tried_and_no_other(
        self, open_door: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine without IPv6 is given such addresses too."""
        places = ["2606:4700::1", "10.0.0.8", "::ffff:127.0.0.1", "93.184.215.14"]
        found = [(2, 1, 6, "", (place, 443)) for place in places]
        tried: list[str] = []

        def refuse(self: Any, host: str, *_: Any, **__: Any) -> None:
            tried.append(host)
            raise httpcore2.ConnectError("refused")

        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", refuse)
        host = "api.provider.test"
        door = Door(f"https://{host}", hosts=frozenset({host}), headers={}, limits=Limits(tries=1))
        with pytest.raises(Unreachable, match="nothing was sent"):
            door.read("/x", decode=bytes)
        assert tried == ["2606:4700::1", "93.184.215.14"]

    def test_tries_six_times_with_growing_pauses(self, open_door: Any) -> None:
        door, echo, clock = open_door(error=1.0)
        with pytest.raises(Unreachable):
            door.read("/x", decode=bytes)
        assert len(echo.called) == 6
        assert all(pause <= 0.5 * 2**n for n, pause in enumerate(clock.slept))

    def test_a_call_that_changes_something_is_sent_once(self, open_door: Any) -> None:
        for fault in ("error", "lost", "lost_before", "lost_504", "html"):
            door, echo, clock = open_door(**{fault: 1.0})
            with pytest.raises(Unknown):
                door.write("POST", "/x", body={"a": 1}, decode=bytes)
            assert (len(echo.called), clock.slept) == (1, [])

    def test_a_change_that_was_never_sent_is_not_unknown(self) -> None:
        door = Door("http://127.0.0.1:9", hosts=frozenset({"127.0.0.1:9"}), headers={})
        with pytest.raises(Unreachable):
            door.write("POST", "/x", decode=bytes)

    def test_a_redirect_is_not_followed(self, open_door: Any) -> None:
        door, echo, _ = open_door(redirect=1.0)
        with pytest.raises(Refused, match="redirect"):
            door.read("/x", decode=bytes)
        assert len(echo.called) == 1

    def test_a_slow_drip_is_cut_off(self, open_door: Any) -> None:
        door, echo, clock = open_door(Limits(total=0.15), drip=1.0)
        with pytest.raises(Unreachable) as slow:
            door.read("/x", decode=bytes)
        assert slow.value.slow
        assert len(echo.called) == 1

    @pytest.mark.parametrize("fault", ["huge", "bomb"])
    def test_a_body_without_measure_is_cut_at_the_limit(self, open_door: Any, fault: str) -> None:
        door, echo, _ = open_door(**{fault: 1.0})
        with pytest.raises(Refused, match="larger than 16 MiB"):
            door.read("/x", decode=bytes)


class TestRate:
    def test_calls_begin_no_faster_than_agreed(self, open_door: Any) -> None:
        door, echo, clock = open_door(Limits(per_second=4))
        for _ in range(9):
            door.read("/x", decode=bytes)
        assert clock.at - 1000 == pytest.approx(2.0)


class TestSilence:
    @pytest.mark.parametrize(
        "fault", ["error", "html", "reset", "short", "throttle", "redirect", "html_ok"]
    )
    def test_no_failure_tells_a_secret(self, open_door: Any, fault: str, caplog: Any) -> None:
        caplog.set_level("DEBUG")
        door, *_ = open_door(Limits(tries=2), **{fault: 1.0})
        with pytest.raises((ProviderFailure, ZeroDivisionError)) as failed:
            door.read("/secret-path", query={"accessToken": SECRET}, decode=lambda body: 1 // 0)
        assert SECRET not in repr(failed.value)
        assert "secret-path" not in str(failed.value)
        assert SECRET not in caplog.text


class TestAddresses:
    HOSTS = frozenset({"api.nearpay.io", "127.0.0.1:8001"})

    @pytest.mark.parametrize(
        "url", ["https://api.nearpay.io/v1/clients-sdk", "http://127.0.0.1:8001/nearpay"]
    )
    def test_of_the_provider_are_allowed(self, url: str) -> None:
        assert allowed(url + "/", self.HOSTS) == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.nearpay.io/v1",
            "https://evil.example/v1",
            "https://api.nearpay.io.evil.example/v1",
            "https://user:word@api.nearpay.io/v1",
            "https://api.nearpay.io:8443/v1",
            "https://api.nearpay.io:no/v1",
            "https://api.nearpay.io/v1?x=1",
            "https://api.nearpay.io/v1#x",
            "http://127.0.0.1:8002/nearpay",
            "http://169.254.169.254/",
            "https://[::ffff:169.254.169.254]/",
            "https://2852039166/",
            "https://0x7f000001/",
            "file:///etc/passwd",
            "gopher://api.nearpay.io/",
            "//api.nearpay.io/",
            "https://[::1",
            "https://api.nearpay.io\t/v1",
            "https://api.nearpay.io/v1\n",
            "https://api.nearpay.io\\@evil.example/",
            "https://аpi.nearpay.io/",
            "",
        ],
    )
    def test_of_anyone_else_are_refused(self, url: str) -> None:
        with pytest.raises(Refused):
            allowed(url, self.HOSTS)

    def test_the_credentials_refused(self, play: Any) -> None:
        nearpay = play()
        with pytest.raises(NotAuthorised):
            nearpay.connector(key="not-a-known-key").try_connection()
