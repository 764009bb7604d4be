"""Every recorded conversation of every provider, played over loopback.

A sample is `samples/<method>.<case>.json`: the call, what goes over the wire, and what comes of it.
A capability's method without samples of its success and of each way it fails does not pass.
"""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from providers.base.errors import ProviderFailure
from providers.base.http import Limits
from providers.base.money import Money
from providers.base.provider import CAPABILITIES, Period, Watch
from providers.base.records import TerminalUserRecord
from providers.base.registry import FOLDER, providers

KEY = "sample-key-0123456789"
SAMPLES = sorted(FOLDER.glob("*/samples/*.json"))
FAILURES = {"not_authorised", "refused", "throttled", "unreachable", "unreadable"}
CHANGES = (
    "create_", "assign_", "unassign_", "disconnect_", "delete_", "reset_", "start_", "prepare_",
    "ready_", "capture_", "cancel_",
)  # fmt: skip


def methods_of(factory: Any) -> set[str]:
    """The calls that a connector offers: the methods of the capabilities that it has."""
    names: set[str] = set()
    for capability in CAPABILITIES:
        own = {name for name in vars(capability) if not name.startswith("_")}
        if all(hasattr(factory, name) for name in own):
            # Neither these nor `ended_states` call the provider.
            names |= {n for n in own if not n.startswith("read_") and n != "ended_states"}
    return names


@pytest.mark.parametrize("provider", sorted(providers()))
def test_every_method_has_samples_of_success_and_of_every_failure(provider: str) -> None:
    names = [path.stem.split(".") for path in SAMPLES if path.parent.parent.name == provider]
    cases: dict[str, set[str]] = {}
    for method, case in names:
        cases.setdefault(method, set()).add(case)
    offered = methods_of(providers()[provider])
    assert set(cases) == offered
    for method in offered:
        wanted = FAILURES | {"ok"}
        if method.startswith(CHANGES):
            # A change whose answer makes no sense has an unknown outcome.
            wanted = wanted - {"unreadable", "unreachable"} | {"unknown"}
        assert wanted <= cases[method], method


class Recorded(ThreadingHTTPServer):
    """Answers what was recorded, in order, and keeps what it was asked."""

    def __init__(self, conversation: list[dict[str, Any]]) -> None:
        self.conversation = list(conversation)
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Recorded

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(
            {
                "method": self.command,
                "path": parts.path,
                "query": dict(parse_qsl(parts.query)),
                "body": self._body(body),
                "key": self.headers["api-key"],
            }
        )
        answer = self.server.conversation.pop(0)["answer"]
        text = answer.get("text")
        content = text.encode() if text is not None else json.dumps(answer["body"]).encode()
        self.send_response(answer["status"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self, body: bytes) -> Any:
        """What was sent: JSON, or a form's fields."""
        if "form" in self.headers.get("content-type", ""):
            return dict(parse_qsl(body.decode(), keep_blank_values=True))
        return json.loads(body) if body else None

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def serve() -> Iterator[Any]:
    running: list[Recorded] = []

    def start(conversation: list[dict[str, Any]]) -> Recorded:
        server = Recorded(conversation)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def call(connector: Any, method: str, arguments: dict[str, Any]) -> Any:
    """Make the call, and give its outcome in plain values."""
    if "amount_minor" in arguments:
        money = Money(arguments.pop("amount_minor"), arguments.pop("currency"))
        arguments["amount"] = money
    if "owner" in arguments:
        arguments["owner"] = TerminalUserRecord(ref="", **arguments["owner"])
    if "watch" in arguments:
        asked: dict[str, Any] = {k: tuple(v) for k, v in arguments["watch"].items()}
        arguments["watch"] = Watch(**asked, fetchers=1)
    if method.startswith("list_"):
        batches = list(getattr(connector, method)(Period(fetchers=1), **arguments))
    elif method.startswith("follow_"):
        if "tids" in arguments:
            arguments["fetchers"] = 1
        batches = list(getattr(connector, method)(**arguments))
    else:
        return plain(getattr(connector, method)(**arguments))
    items = [item for batch in batches for item in batch.items]
    reading = getattr(connector, re.sub("^(list|follow)_", "read_", method))(items)
    seen = {name: [tid for batch in batches for tid in getattr(batch, name)]
            for name in ("looked", "missed")}  # fmt: skip
    return {name: tids for name, tids in seen.items() if tids} | {
        "records": [plain(record) for _, record in reading.records],
        "rejected": [[each.key, each.reason, each.path] for each in reading.rejected],
        "whole": batches[-1].whole,
    }


def credentials_of(factory: Any, url: str) -> Any:
    """An account whose every secret is the sample's key."""
    names = factory.credentials.__struct_fields__
    return factory.credentials(**{name: url if name == "base_url" else KEY for name in names})


def plain(record: Any) -> Any:
    """A record without the fields that the provider did not say."""
    return _drop(json.loads(msgspec.json.encode(record)))


def _drop(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop(inner) for key, inner in value.items() if inner is not None}
    return [_drop(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_sample(path: Path, serve: Any) -> None:
    sample = json.loads(path.read_text())
    server = serve(sample["conversation"])
    host = f"127.0.0.1:{server.server_address[1]}"
    factory = providers()[path.parent.parent.name]
    credentials = credentials_of(factory, f"http://{host}")
    connector: Any = factory(
        credentials, hosts=frozenset({host}), limits=Limits(tries=1, read=5, total=8)
    )
    method = path.stem.split(".")[0]
    try:
        if "failure" in sample:
            with pytest.raises(ProviderFailure) as failed:
                call(connector, method, dict(sample["arguments"]))
            failure = failed.value
            assert failure.code == sample["failure"]["code"]
            for key in ("seconds", "reason", "words"):
                if key in sample["failure"]:
                    assert getattr(failure, key) == sample["failure"][key]
            assert KEY not in repr(failure)
        else:
            assert call(connector, method, dict(sample["arguments"])) == sample["result"]
    finally:
        connector.close()
    # Where the key goes in a header it is not part of what was recorded.
    header = KEY if "api_key" in factory.credentials.__struct_fields__ else None
    wire = [turn["request"] | {"key": header} for turn in sample["conversation"]]
    assert server.asked == wire
    assert server.conversation == []
