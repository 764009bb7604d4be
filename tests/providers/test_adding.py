"""Adding a provider edits nothing: a folder is put beside the others, and the house takes it up."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.embedded import ROOT
from tests.conftest import environment

CLIENT = '''"""Calls to Pebble."""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from providers.base import reading
from providers.base.http import Door
from providers.base.paging import Batch
from providers.base.provider import Period
from providers.base.records import BranchRecord


class Credentials(msgspec.Struct, frozen=True):
    """What Pebble needs."""

    pebble_key: Annotated[str, msgspec.Meta(min_length=4, extra_json_schema={"secret": True})]
    base_url: str = "https://api.pebble.test"


class Place(msgspec.Struct):
    """A branch of ours."""

    id: str
    name: str | None = None


class Connector:
    """One account at Pebble."""

    name, title, version = "pebble", "Pebble", "1"
    hosts = frozenset({"api.pebble.test"})
    credentials = Credentials
    default_zone = "Asia/Tokyo"
    receipt_example = b\'{"amount":"1"}\'
    demo, given, currency, deadlines = (), None, "JPY", None

    def __init__(self, credentials, *, hosts=frozenset(), limits=None, door=None):
        self._door = door or Door(
            credentials.base_url, hosts=self.hosts | hosts, limits=limits,
            headers={"x-pebble": credentials.pebble_key},
        )

    def close(self):
        self._door.close()

    def try_connection(self):
        return "places"

    def list_branches(self, period: Period) -> Generator[Batch]:
        rows, at = self._door.read("/places", decode=_rows)
        yield Batch(reading.cut(rows, self.version), 1, 1, 1, at, whole=True)

    def read_branches(self, items: Iterable[reading.Item]):
        return reading.read(items, Place, lambda p: BranchRecord(ref=p.id, name=p.name or ""))


def _rows(body):
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.MsgspecError:
        from providers.base.errors import Unreadable

        raise Unreadable("The answer is not a list.") from None
'''
WORDS = """[credentials.pebble_key]
label = "Pebble key"
help = "From your Pebble."

[credentials.base_url]
label = "Address"
help = "Pebble's own."

[declines.other]
reason = "No reason"
advice = "Try again."
"""
OK = {"status": 200, "headers": {}, "body": [{"id": "p1", "name": "Ginza"}]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ok": (OK, {"result": {"records": [{"ref": "p1", "name": "Ginza"}], "rejected": [],
                           "whole": True}}),
    "not_authorised": ({"status": 401, "headers": {}, "body": {}},
                       {"failure": {"code": "not_authorised"}}),
    "refused": ({"status": 400, "headers": {}, "body": {}}, {"failure": {"code": "refused"}}),
    "throttled": ({"status": 429, "headers": {"Retry-After": "7"}, "body": {}},
                  {"failure": {"code": "throttled", "seconds": 7.0}}),
    "unreachable": ({"status": 503, "headers": {}, "body": {}},
                    {"failure": {"code": "unreachable"}}),
    "unreadable": ({"status": 200, "headers": {}, "body": {"no": 1}},
                   {"failure": {"code": "unreadable"}}),
}  # fmt: skip
SEES = """
from providers.base.registry import providers, providers_that
from providers.base.provider import ListsBranches, ListsTransactions
from django.conf import settings
import django
django.setup()
from merchants.forms import ConnectAccount
from merchants.sync.resources import resources
assert "pebble" in providers()
assert "pebble" in providers_that(ListsBranches)
assert "pebble" not in providers_that(ListsTransactions)
form = ConnectAccount(provider="pebble")
assert list(form.fields) == ["name", "pebble_key", "base_url"], list(form.fields)
assert "Pebble key" in form.as_p() and "password" in form.as_p()
todo = [r.name for r in resources() if issubclass(providers()["pebble"], r.capability)]
assert todo == ["branches"], todo
print("seen")
"""
PAGES = """
import pytest
from django.test import Client
from django.urls import reverse

from tests.conftest import confirm


def test_its_page_offers_to_connect_it(db, alice):
    client = Client()
    client.force_login(alice.user)
    confirm(client, alice.user)
    assert reverse("merchants:connect", args=["pebble"]) in client.get(
        reverse("merchants:accounts")
    ).content.decode()
    page = client.get(reverse("merchants:connect", args=["pebble"])).content.decode()
    assert "Pebble key" in page
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the project with one more folder in it, and no other file changed."""
    copy = tmp_path / "house"
    left = shutil.ignore_patterns(".git", ".tools", "data", "staticfiles", "bench", "*.pyc", "docs")
    shutil.copytree(ROOT, copy, ignore=left, symlinks=True)
    folder = copy / "providers" / "pebble"
    (folder / "samples").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Pebble."""\n')
    (folder / "client.py").write_text(CLIENT)
    for language in ("en", "ar", "da"):
        (folder / f"words.{language}.toml").write_text(WORDS)
    request: dict[str, Any] = {"method": "GET", "path": "/places", "query": {}, "body": None}
    for case, (answer, outcome) in CASES.items():
        sample = {"arguments": {}, **outcome,
                  "conversation": [{"request": request, "answer": answer}]}  # fmt: skip
        path = folder / "samples" / f"list_branches.{case}.json"
        path.write_text(json.dumps(sample))
    return copy


def run(house: Path, *words: str) -> str:
    own = {name: value for name, value in environment().items() if not name.startswith("PYTEST")}
    own |= {
        "PYTHONPATH": str(house), "PORTAL_ROOT": str(house),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *words], cwd=house, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_registry_the_form_and_the_sync_take_it_up(house: Path) -> None:
    assert "seen" in run(house, "-c", SEES)


def test_the_sample_runner_and_the_pages_take_it_up(house: Path) -> None:
    (house / "tests" / "test_pebble.py").write_text(PAGES)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "pebble", "-p", "no:xdist"]
    told = run(house, *words, "tests/providers/test_samples.py", "tests/test_pebble.py")
    assert told.split()[0] == "." * 8
