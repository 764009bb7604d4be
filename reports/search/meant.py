"""Which rows a part can mean: ids that are somebody's, names of branches, terminals and people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from merchants.models import AuditEntry, Branch, Membership, Right
from merchants.queries import branches_for
from portal.folding import any_of, words_of
from portal.templatetags.show import branch_text
from reports.search.meanings import Meaning, Part, is_card, last_four, whole_card
from settlements.models import Reconciliation
from settlements.queries import reconciliations_for
from terminals.models import Terminal, TerminalUser
from terminals.queries import terminal_users_for, terminals_for
from transactions.models import Kind, Session
from transactions.queries import noted, sessions_for, transactions_of_ref

MOST_NAMED = 60
# So many mobile numbers are looked for in an hour by somebody who sees them masked.
MOST_NUMBERS, WITHIN = 30, timedelta(hours=1)
NAMED = ("branch", "terminal", "person")


@dataclass
class Things:
    """What fits beside transactions, each of which has a page of its own."""

    # As of when it is asked.
    moment: datetime
    branches: list[Branch] = field(default_factory=list)
    terminals: list[Terminal] = field(default_factory=list)
    people: list[TerminalUser] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    reconciliations: list[Reconciliation] = field(default_factory=list)

    def __iter__(self) -> Any:
        yield from self.branches
        yield from self.terminals
        yield from self.people
        yield from self.sessions
        yield from self.reconciliations


def condition(meaning: Meaning, member: Membership) -> Q:
    """The transactions that a meaning fits, each by an index of its own."""
    kind, value = meaning.kind, meaning.value
    if kind == "note":
        return Q(pk__in=noted(member, value))
    if kind == "last4":
        return Q(pan_last4=value[1])
    if kind == "amount":
        pairs, back = value
        fits = Q()
        for minor, currency in pairs:
            fits |= Q(amount_minor=minor, currency=currency)
        return fits & Q(kind=Kind.REFUND) if back else fits
    if kind == "days":
        return Q(business_day__range=(value.first, value.last))
    if kind == "span":
        return Q(occurred_at__gte=value[0], occurred_at__lt=value[1])
    field_ = {"approval": "approval_code", "person": "terminal_user"}.get(kind, kind)
    return Q(**{f"{field_}__in": value} if isinstance(value, tuple) else {field_: value})


def resolve(member: Membership, part: Part, things: Things) -> Part:
    """A part whose ids are looked up: whose they are, or nobody's."""
    meanings: list[Meaning] = []
    for meaning in part.meanings:
        resolved = _RESOLVED.get(meaning.kind)
        meanings += [meaning] if resolved is None else resolved(member, meaning, things)
    return replace(part, meanings=tuple(meanings))


def _terminal(member: Membership, meaning: Meaning, things: Things) -> list[Meaning]:
    own = list(terminals_for(member).filter(tid=meaning.value).order_by("pk")[:MOST_NAMED])
    things.terminals += own
    if not own and is_card(meaning.value):
        return _card(member, whole_card(meaning.value), things)
    return [replace(meaning, kind="terminal", value=tuple(each.pk for each in own))]


def _mobile(member: Membership, meaning: Meaning, things: Things) -> list[Meaning]:
    """By the whole number only; who sees numbers masked cannot try one after the other."""
    if not member.sees_personal and _tried(member, things.moment) >= MOST_NUMBERS:
        words = _("too many mobile numbers in an hour")
        return [replace(meaning, kind="pk", value=(), words=words)]
    own = terminal_users_for(member).filter(mobile=meaning.value, erased_at=None)
    people = list(own.order_by("pk")[:MOST_NAMED])
    things.people += people
    return [replace(meaning, kind="person", value=tuple(each.pk for each in people))]


def _tried(member: Membership, moment: datetime) -> int:
    own = AuditEntry.objects.filter(
        merchant=member.merchant_id, actor=member.user_id, action="rows.searched",
        at__gt=moment - WITHIN, facts__mobile=True,
    )  # fmt: skip
    return own.count()


def _ref(member: Membership, meaning: Meaning, things: Things) -> list[Meaning]:
    ref = meaning.value
    # A terminal that was made anew at its provider is found by what it was called there before too.
    former = terminals_for(member).filter(aliases__ref=ref).order_by("pk")
    present = terminals_for(member).filter(ref=ref).order_by("pk")
    things.terminals += present[:MOST_NAMED] or former[:MOST_NAMED]
    known = branches_for(member).filter(identities__ref=ref)
    things.branches += known.order_by("pk").distinct()[:MOST_NAMED]
    if member.may(Right.FIGURES):
        own = reconciliations_for(member).filter(ref=ref)
        things.reconciliations += own.order_by("pk")[:MOST_NAMED]
    pks = transactions_of_ref(member, ref)
    if not pks:
        # A session that was answered is on its transaction's page.
        things.sessions += sessions_for(member).filter(ref=ref).order_by("pk")[:MOST_NAMED]
    return [replace(meaning, kind="pk", value=tuple(pks))]


def _card(member: Membership, meaning: Meaning, things: Things) -> list[Meaning]:
    """Who may not see a card's first digits cannot find them out by looking for them either."""
    first, last = meaning.value
    if not first or member.may(Right.CARDS):
        return [meaning]
    return [last_four(("", last), meaning.weight)]


_RESOLVED: dict[str, Any] = {"tid": _terminal, "mobile": _mobile, "ref": _ref, "last4": _card}


@dataclass(frozen=True)
class _Named:
    """Something with a name: its folded words, and the meaning that it is."""

    kind: str
    row: Any
    words: frozenset[str]
    name: str


def _names(member: Membership, words: Sequence[str]) -> list[_Named]:
    """What has a word in its name that begins with one of these."""
    wanted = any_of(words)
    found: list[_Named] = []
    rows: Iterable[tuple[str, Any, tuple[str, ...]]] = (
        ("branch", branches_for(member), ("name", "name_ar")),
        ("terminal", terminals_for(member), ("name", "label")),
        ("person", terminal_users_for(member).filter(erased_at=None), ("name",)),
    )
    for kind, own, fields in rows:
        for row in own.filter(words=wanted).order_by("name", "pk")[: MOST_NAMED * 5]:
            texts = [getattr(row, each) or "" for each in fields]
            said = branch_text(row) if kind == "branch" else getattr(row, "shown", row.name)
            for text in texts:
                if text:
                    found.append(_Named(kind, row, frozenset(words_of(text)), str(said)))
    return found


def with_names(member: Membership, parts: list[Part], things: Things) -> list[list[Part]]:
    """The readings of some parts, where words next to each other may be one name.

    The first is the one with names; where a name takes a figure that could be something else, the
    other reading stands too.
    """
    words = [words_of(part.text) if _may_be_named(part) else [] for part in parts]
    asked = sorted({word for some in words for word in some if not word.isdigit()})
    known = _names(member, asked) if asked else []
    if not known:
        return [parts]
    read: list[Part] = []
    took_a_figure = False
    at = 0
    while at < len(parts):
        size, fitting = _longest(words, at, known)
        if not fitting:
            read.append(parts[at])
            at += 1
            continue
        typed = {word for some in words[at : at + size] for word in some}
        read.append(_named_part(parts[at : at + size], typed, fitting, things))
        took_a_figure = took_a_figure or any(word.isdigit() for word in typed)
        at += size
    return [read, _word_by_word(parts, words, known, things)] if took_a_figure else [read]


def _word_by_word(
    parts: list[Part], words: list[list[str]], known: list[_Named], things: Things
) -> list[Part]:
    """The reading in which a figure beside a name is a figure."""
    read = []
    for part, own in zip(parts, words, strict=True):
        fitting = [
            each
            for each in known
            if own and not part.text.isdigit() and _covers(each.words, set(own))
        ]
        read.append(
            _named_part([part], set(own), fitting, Things(things.moment)) if fitting else part
        )
    return read


def _may_be_named(part: Part) -> bool:
    """Words, and short figures such as that of «Till 2»; what has a shape of its own is no name."""
    kinds = {meaning.kind for meaning in part.meanings}
    return kinds <= {"reference", "approval", "amount", "stan", "last4", "note"} and not any(
        sign in part.text for sign in "*:/+"
    )


def _longest(words: list[list[str]], at: int, known: list[_Named]) -> tuple[int, list[_Named]]:
    """How many parts from one on are words of one name, and of which."""
    for size in range(len(words) - at, 0, -1):
        some = words[at : at + size]
        typed = {word for each in some for word in each}
        if not all(some) or all(word.isdigit() for word in typed):
            continue
        fitting = [each for each in known if _covers(each.words, typed)]
        if fitting:
            return size, fitting
    return 0, []


def _covers(name: frozenset[str], typed: set[str]) -> bool:
    return all(
        word in name or (not word.isdigit() and any(each.startswith(word) for each in name))
        for word in typed
    )


def _named_part(parts: list[Part], typed: set[str], fitting: list[_Named], things: Things) -> Part:
    whole = [each for each in fitting if each.words == typed]
    meanings = []
    shown: dict[str, Any] = {
        "branch": things.branches,
        "terminal": things.terminals,
        "person": things.people,
    }
    for kind, weight in zip(NAMED, (46, 44, 43), strict=True):
        own = {each.row.pk: each for each in fitting if each.kind == kind}
        exact = [each for each in whole if each.kind == kind]
        if exact:
            own = {each.row.pk: each for each in exact}
        if not own:
            continue
        held: list[Any] = shown[kind]
        held += [each.row for each in own.values() if each.row not in held]
        names = sorted({each.name for each in own.values()})
        words = {
            "branch": _("branch %(name)s"), "terminal": _("terminal %(name)s"),
            "person": _("held by %(name)s"),
        }[kind] % {"name": _few(names)}  # fmt: skip
        more = 10 if exact else 0
        meanings.append(Meaning(kind, tuple(sorted(own)), words, weight + more))
    text = " ".join(part.text for part in parts)
    rest = parts[0].meanings if len(parts) == 1 else ()
    return Part(
        text,
        (*meanings, *(each for each in rest if each.kind in ("reference", "note"))),
        parts[0].begin,
    )


def _few(names: list[str]) -> str:
    more = f" +{len(names) - 2}" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
