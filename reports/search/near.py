"""What nearly fits where nothing does: each time one part is a little otherwise, and it says so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from merchants.models import Membership
from portal.templatetags.show import branch_text, day
from providers.base.money import exponent
from reports.search.dates import Days
from reports.search.meanings import Meaning, Part, Way, ways
from reports.search.meant import condition
from transactions.models import Transaction

AROUND = timedelta(minutes=10)
# Ways of the other parts that are tried with each that is otherwise, and all that are tried.
OTHER_WAYS, MOST_TRIED = 2, 16
# Identifiers of so many signs, in which a digit may be wrong, missing or too much.
SIZES = {"rrn": 12, "tid": 16, "stan": 6, "approval": 6, "last4": 4}
FIELDS = {
    "rrn": "rrn",
    "stan": "stan",
    "approval": "approval_code",
    "last4": "pan_last4",
    "tid": "terminal__tid",
}

Why = Callable[[Transaction], str]


@dataclass(frozen=True)
class Otherwise:
    """A part that is a little otherwise: which rows that has, and what to say of one."""

    fits: Q
    why: Why
    penalty: int
    rest: Way = ()


def tries(parts: list[Part], member: Membership) -> list[Otherwise]:
    """Everything to be tried, the least change first."""
    found = []
    for number, part in enumerate(parts):
        others = [each for each in parts[:number] + parts[number + 1 :] if each.meanings]
        rest = ways(others)[:OTHER_WAYS] if others else [()]
        # Where the others cannot be meant together, nothing is nearly so.
        for way in rest:
            for each in _of_part(part, member, alone=not others):
                found.append(replace(each, rest=way))
    found.sort(key=lambda each: (each.penalty, -sum(meaning.weight for meaning in each.rest)))
    return found[:MOST_TRIED]


def _of_part(part: Part, member: Membership, *, alone: bool) -> Iterator[Otherwise]:
    kinds = {meaning.kind: meaning for meaning in part.meanings}
    if "amount" in kinds:
        yield from _amounts(kinds["amount"])
    if "span" in kinds:
        yield _around(kinds["span"])
    yield from _digits(part)
    if alone:
        return
    if "days" in kinds or "span" in kinds:
        yield from _other_days(kinds.get("days") or kinds["span"])
    if "branch" in kinds:
        yield _elsewhere(kinds["branch"], member)
    elif not kinds.keys() & {"amount", "days", "span", "last4"}:
        text = part.text
        yield Otherwise(Q(), lambda row: _("without “%(text)s”") % {"text": text}, 60)


def _amounts(meaning: Meaning) -> Iterator[Otherwise]:
    """One unit more or less."""
    pairs, _back = meaning.value
    fits = Q(pk__in=[])
    for minor, currency in pairs:
        unit = 10 ** exponent(currency)
        fits |= Q(amount_minor__range=(max(minor - unit, 0), minor + unit), currency=currency) & ~Q(
            amount_minor=minor
        )
    asked, code = pairs[0]

    def why(row: Transaction) -> str:
        told = {"is": _plain(row.amount_minor, row.currency), "asked": _plain(asked, code)}
        return _("%(is)s, not %(asked)s") % told

    yield Otherwise(fits, why, 20)


def _plain(minor: int, currency: str) -> str:
    places = exponent(currency)
    units, rest = divmod(minor, 10**places)
    return f"{units}.{rest:0{places}d}" if places else str(units)


def _around(meaning: Meaning) -> Otherwise:
    begin, end = meaning.value

    def why(row: Transaction) -> str:
        early = row.occurred_at < begin
        away = begin - row.occurred_at if early else row.occurred_at - end
        minutes = int(away.total_seconds() // 60) + 1
        words = _("%(minutes)d min before") if early else _("%(minutes)d min after")
        return words % {"minutes": minutes}

    fits = Q(occurred_at__gte=begin - AROUND, occurred_at__lt=end + AROUND)
    return Otherwise(fits & ~Q(occurred_at__gte=begin, occurred_at__lt=end), why, 10)


def _other_days(meaning: Meaning) -> Iterator[Otherwise]:
    """The business days beside; and the day that has its day and month the other way round."""
    if isinstance(meaning.value, Days):
        first, last = meaning.value.first, meaning.value.last
    else:
        first = last = meaning.value[0].date()
    one = timedelta(days=1)

    def why(row: Transaction) -> str:
        told = {"is": day(row.business_day), "asked": day(first)}
        return _("business day %(is)s, not %(asked)s") % told

    near = Q(business_day__range=(first - one, last + one))
    yield Otherwise(near & ~Q(business_day__range=(first, last)), why, 30)
    if first == last and first.day <= 12 and first.day != first.month:
        turned = first.replace(day=first.month, month=first.day)
        yield Otherwise(Q(business_day=turned), why, 35)


def _elsewhere(meaning: Meaning, member: Membership) -> Otherwise:
    def why(row: Transaction) -> str:
        where = branch_text(row.branch) if row.branch else "–"
        return _("at %(branch)s") % {"branch": where}

    return Otherwise(~condition(meaning, member), why, 40)


def _digits(part: Part) -> Iterator[Otherwise]:
    """Identifiers that differ by a slip of the finger."""
    token = part.text
    if not token.isdigit() or not token.isascii():
        return
    for kind, size in SIZES.items():
        if abs(len(token) - size) > 1 or (len(token) < 4 and kind != "last4"):
            continue
        slips = slips_of(token, size)
        if not slips:
            continue
        field = FIELDS[kind]
        leaf = field.removeprefix("terminal__")

        def why(row: Transaction, leaf: str = leaf, slips: dict[str, str] = slips) -> str:
            value = getattr(row.terminal if leaf == "tid" else row, leaf)
            return f"{value}: {slips.get(value, '')}"

        # An end of four digits says little by itself.
        yield Otherwise(Q(**{f"{field}__in": list(slips)}), why, 50 if kind == "last4" else 15)


def slips_of(typed: str, size: int) -> dict[str, str]:
    """What may have been meant by digits of about that size: each with what went wrong."""
    found: dict[str, str] = {}
    if len(typed) == size:
        for number in range(size - 1):
            first, second = typed[number], typed[number + 1]
            swapped = typed[:number] + second + first + typed[number + 2 :]
            found.setdefault(swapped, _("two digits swapped"))
        for number in range(size):
            for digit in "0123456789":
                other = typed[:number] + digit + typed[number + 1 :]
                found.setdefault(other, _("one digit differs"))
    elif len(typed) == size - 1:
        for number in range(size):
            for digit in "0123456789":
                found.setdefault(
                    typed[:number] + digit + typed[number:], _("one digit was missing")
                )
    elif len(typed) == size + 1:
        for number in range(len(typed)):
            found.setdefault(typed[:number] + typed[number + 1 :], _("one digit too many"))
    found.pop(typed, None)
    return found
