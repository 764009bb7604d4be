"""Looking for what somebody typed: every way in which it can be meant, by an index of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, Value
from django.utils.translation import gettext as _

from merchants.models import Membership
from merchants.queries import main_zone
from providers.base.reading import without_cards
from reports.search.dates import Days
from reports.search.meanings import Meaning, Part, Way, ways
from reports.search.meant import NAMED, Things, condition, resolve, with_names
from reports.search.near import Otherwise, tries
from reports.search.parts import Understood
from transactions.models import Transaction
from transactions.queries import currencies_of, first_digits_of, transactions_for

MOST, MOST_NEAR, MOST_ENDINGS = 20, 5, 400
WEEK = timedelta(days=6)
# What says of which kind a transaction is, and not which one.
KINDS_OF = {"scheme", "kind", "status"}


@dataclass(frozen=True)
class Hit:
    """A transaction that fits, why, and how well."""

    row: Transaction
    why: tuple[str, ...]
    score: int


@dataclass
class Found:
    """What a text was understood as, and what fits it; of each the best, and at most twenty."""

    text: str
    # On whose clock days and times were read.
    zone: str
    parts: list[Part] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    near: list[Hit] = field(default_factory=list)
    things: list[Any] = field(default_factory=list)
    # Whether somebody's mobile number was looked for.
    by_mobile: bool = False

    @property
    def transactions(self) -> list[Transaction]:
        return [hit.row for hit in self.hits]

    @property
    def count(self) -> int:
        return len(self.hits) + len(self.things)


def search(member: Membership, text: str, moment: datetime) -> Found:
    """What of a person's rows fits a text: all of its parts, in whichever way they can be meant."""
    zone = main_zone(member)
    read = Understood(text, moment, zone, partial(currencies_of, member, moment))
    things = Things(moment)
    resolved = [resolve(member, part, things) for part in read.parts]
    found = Found(_kept(read, resolved), zone, by_mobile=_of(read.parts, "mobile"))
    readings = with_names(member, resolved, things)
    if len(readings[0]) > 1:
        # What is named beside something else narrows it.
        meant = [way for reading in readings for way in ways(reading)]
    else:
        # What has a page of its own is that page, and not each of its transactions.
        meant = [way for way in ways(resolved) if not _of_names(way)]
        found.things = list(things)[:MOST]
    found.hits = _hits(member, [_narrowed(way, zone, moment) for way in meant])
    found.parts = _as_found(readings[0], found.hits)
    if not found.count:
        found.near = _near(member, readings[0])
    return found


def _kept(read: Understood, resolved: Sequence[Part]) -> str:
    """What may be kept of what was typed: of whole card numbers their last four.

    A terminal's id may look like one, and is none.
    """
    text = read.text
    if not any(m.kind == "terminal" and m.value for part in resolved for m in part.meanings):
        return without_cards(text) or ""
    for part in resolved:
        text = text.replace(part.text, _masked(part))
    return text


def _masked(part: Part) -> str:
    """A part as it may be shown and kept."""
    if any(each.kind == "terminal" and each.value for each in part.meanings):
        return part.text
    return without_cards(part.text) or ""


def _of(parts: Sequence[Part], kind: str) -> bool:
    return any(meaning.kind == kind for part in parts for meaning in part.meanings)


def _narrowed(way: Way, zone: str, moment: datetime) -> Way:
    """A way that only says of which kind something is, kept to the last days, and saying so.

    No index leads to a kind: of one that hardly ever happens all rows would be read.
    """
    if any(each.kind not in KINDS_OF for each in way):
        return way
    today = moment.astimezone(ZoneInfo(zone)).date()
    week = Days(today - WEEK, today)
    return (*way, Meaning("days", week, _("the last seven days"), 0))


def _of_names(way: Way) -> bool:
    return any(meaning.kind in NAMED for meaning in way)


def _hits(member: Membership, meant: list[Way]) -> list[Hit]:
    """The best rows of all ways: one statement to find them, and one to read them."""
    own = transactions_for(member)
    asked = [_fits(own, way, member) for way in meant]
    best: dict[int, Way] = {}
    # First digits are compared afterwards, so more with the same ending are looked through.
    digits = any(each.kind == "last4" and each.value[0] for way in meant for each in way)
    for pk, number in _found(asked, MOST_ENDINGS if digits else MOST + 1):
        best.setdefault(pk, meant[number])
    rows = own.in_bulk(list(best))
    hits = [
        Hit(row, tuple(each.words for each in best[pk]), sum(each.weight for each in best[pk]))
        for pk, row in rows.items()
    ]
    hits = _of_card(hits, best)
    hits.sort(key=lambda hit: (hit.score, hit.row.occurred_at, hit.row.pk), reverse=True)
    return hits[:MOST]


def _fits(own: QuerySet[Transaction], way: Way, member: Membership) -> QuerySet[Transaction]:
    for meaning in way:
        own = own.filter(condition(meaning, member))
    return own


def _found(asked: Sequence[QuerySet[Transaction]], most: int) -> list[tuple[int, int]]:
    """The ids of the newest rows of each, with the number of what asked for them."""
    some = [
        each.order_by("-occurred_at", "-pk").annotate(number=Value(number))
        .values_list("pk", "number")[:most]
        for number, each in enumerate(asked)
    ]  # fmt: skip
    if not some:
        return []
    together = some[0].union(*some[1:], all=True) if len(some) > 1 else some[0]
    return sorted(together, key=lambda row: row[1])


def _of_card(hits: list[Hit], best: dict[int, Way]) -> list[Hit]:
    """Without those whose receipts have other first digits than were typed.

    They stand on the receipts alone; where they were not printed, the card may be the one.
    """
    typed = {
        hit.row.pk: each.value[0]
        for hit in hits for each in best[hit.row.pk] if each.kind == "last4" and each.value[0]
    }  # fmt: skip
    if not typed:
        return hits
    printed = first_digits_of(list(typed))
    return [
        hit for hit in hits
        if not (first := typed.get(hit.row.pk)) or not (there := printed.get(hit.row.pk))
        or there.startswith(first[: len(there)])
    ]  # fmt: skip


def _as_found(parts: list[Part], hits: list[Hit]) -> list[Part]:
    """The parts as they were meant by what fits; where nothing does, as they are likeliest."""
    said = {words for hit in hits for words in hit.why}
    shown = []
    for part in parts:
        own: list[Meaning] = [each for each in part.meanings if each.words in said]
        meanings = tuple(own) or part.meanings[:2]
        shown.append(replace(part, text=_masked(part), meanings=meanings))
    return shown


def _near(member: Membership, parts: list[Part]) -> list[Hit]:
    own = transactions_for(member)
    tried: list[Otherwise] = tries(parts, member)
    best: dict[int, Otherwise] = {}
    asked = [_fits(own.filter(each.fits), each.rest, member) for each in tried]
    for pk, number in _found(asked, MOST_NEAR):
        best.setdefault(pk, tried[number])
    hits = [
        Hit(row, (best[pk].why(row), *(each.words for each in best[pk].rest)), -best[pk].penalty)
        for pk, row in own.in_bulk(list(best)).items()
    ]
    hits.sort(key=lambda hit: (hit.score, hit.row.occurred_at, hit.row.pk), reverse=True)
    return hits[:MOST_NEAR]
