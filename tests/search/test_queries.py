"""What people type, in Arabic and English, finds what they look for first.

`queries.tsv` holds what was typed, what is looked for, and its reference at the provider, its
terminal id, its name or its mobile number. They were written from the demo's rows as a customer's
slip shows them; the right row is the newest that has all of what was typed.
"""

from pathlib import Path
from typing import Any

import pytest

from merchants.models import Membership
from merchants.sync import run_sync
from reports.search import Found, search
from tests.conftest import NOON, PROVE, QUICK

pytestmark = pytest.mark.django_db
QUERIES = [
    line.split("\t")
    for line in (Path(__file__).parent / "queries.tsv").read_text(encoding="utf-8").splitlines()
]


def first_of(found: Found) -> tuple[str, set[str | None]]:
    """What stands first: its kind, and by what it can be known."""
    things = [*found.things, *found.hits]
    if not things:
        return "nothing", set()
    first: Any = getattr(things[0], "row", things[0])
    kinds = {"TerminalUser": "person"}
    name = type(first).__name__
    known = {getattr(first, each, None) for each in ("ref", "tid", "name", "mobile")}
    return kinds.get(name, name.lower()), known


def test_what_is_looked_for_stands_first(play: Any, alice: Membership) -> None:
    nearpay = play(transactions=50_000, terminals=60)
    run_sync(nearpay.connect(alice.merchant).pk, limits=QUICK)
    wrong = []
    tried = QUERIES if PROVE else QUERIES[::3]
    for text, kind, right in tried:
        found = search(alice, text, NOON)
        first, known = first_of(found)
        if first != kind or right not in known:
            understood = "; ".join(f"{part.text} = {part.words}" for part in found.parts)
            wrong.append(f"{text!r}: {first}, not {kind} {right}; understood as {understood}")
    share = 1 - len(wrong) / len(tried)
    print(f"{share:.1%} of {len(tried)} have the right one first.", *wrong, sep="\n")
    assert len(QUERIES) >= 200
    assert share >= 0.97, "\n".join(wrong)
