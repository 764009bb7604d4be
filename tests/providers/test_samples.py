"""Every recorded conversation of every provider, played over loopback.

A sample is `samples/<method>.<case>.json`: the call, what goes over the wire, and what comes of it.
A capability's method without samples of its success and of each way it fails does not pass.
"""

import json
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
from providers.base.provider import CAPABILITIES, Period
from providers.base.records import TerminalUserRecord
from providers.base.registry import FOLDER, providers

KEY = "sample-key-0123456789"
SAMPLES = sorted(FOLDER.glob("*/samples/*.json"))
FAILURES = {"not_authorised", "refused", "throttled", "unreachable", "unreadable"}
CHANGES = ("create_", "assign_", "unassign_", "disconnect_")


def methods_of(factory: Any) -> set[str]:
    """The calls that a connector offers: the methods of the capabilities that it has."""
    names: set[str] = set()
    for capability in CAPABILITIES:
        own = {name for name in vars(capability) if not name.startswith("_")}
        if all(hasattr(factory, name) for name in own):
            names |= {name for name in own if not name.startswith("read_")}
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
                "body": json.loads(body) if body else None,
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

    do_GET = do_POST = do_PUT = _answer  # noqa: N815

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
    if not method.startswith("list_"):
        return plain(getattr(connector, method)(**arguments))
    batches = list(getattr(connector, method)(Period(fetchers=1), **arguments))
    items = [item for batch in batches for item in batch.items]
    reading = getattr(connector, method.replace("list_", "read_"))(items)
    return {
        "records": [plain(record) for _, record in reading.records],
        "rejected": [[each.key, each.reason, each.path] for each in reading.rejected],
        "whole": batches[-1].whole,
    }


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
    credentials = factory.credentials(api_key=KEY, base_url=f"http://{host}")
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
    wire = [turn["request"] | {"key": KEY} for turn in sample["conversation"]]
    assert server.asked == wire
    assert server.conversation == []
