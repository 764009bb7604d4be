"""Figures over several rooms, for a person. They come from roll-ups, whatever there is of rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    DateTimeField,
    Exists,
    F,
    Field,
    Func,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
    When,
)  # fmt: skip
from django.db.models.lookups import GreaterThanOrEqual

from merchants.models import Branch, Gap, Membership, ProviderAccount
from merchants.queries import (
    MAIN,
    Freshness,
    accounts_with_health,
    branch_limit,
    branches_for,
)
from providers.base.provider import AssignsTerminals, CreatesReconciliations
from providers.base.registry import providers_that
from settlements.models import Reconciliation
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions.models import DayTotal, DeclineTotal, HourTotal, Kind, Status, Transaction
from transactions.queries import transactions_for

DAYS, MONTHS = 30, 12
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
# A terminal that sold in these days is silent where this many of its usual hours have passed since,
# or, while those are not known, so much time.
SOLD_WITHIN, SILENT_HOURS, SILENT_FOR = timedelta(days=14), 3, timedelta(hours=24)
MOST_ATTENTION = 200
MINUTES = 24 * 60


@dataclass(frozen=True)
class Clock:
    """Branches whose business day and hour are the same at a moment."""

    zone: str
    day: date
    hour: int
    cut_off: int
    # None stands for the rows that have no branch.
    branches: tuple[int | None, ...]

    def of_branches(self) -> Q:
        """The rows of these branches."""
        own = Q(branch__in=[pk for pk in self.branches if pk is not None])
        return own | Q(branch=None) if None in self.branches else own

    def on(self, *days: date) -> Q:
        """The roll-ups of these branches and some business days."""
        return self.of_branches() & Q(day__in=days)

    def begins(self, day: date) -> datetime:
        """When a business day begins."""
        return datetime.combine(day, time(self.cut_off), ZoneInfo(self.zone))

    @property
    def hours(self) -> list[int]:
        """The hours of a business day in its own order."""
        return [(self.cut_off + each) % 24 for each in range(24)]

    @property
    def over(self) -> set[int]:
        """Those of them that are over."""
        return set(self.hours[: self.hours.index(self.hour)])


def clocks_of(member: Membership, moment: datetime) -> tuple[list[Clock], dict[int, Branch]]:
    """A person's branches by their present business day, most branches first; and by pk."""
    groups: dict[tuple[str, Any], list[int | None]] = defaultdict(list)
    own = branches_for(member).order_by("pk")
    branches = {branch.pk: branch for branch in ([member.here] if member.here else own)}
    for branch in branches.values():
        groups[branch.zone, branch.cut_off].append(branch.pk)
    first = max(groups, key=lambda key: len(groups[key]), default=None)
    if first is not None and member.sees_every_branch and member.here is None:
        groups[first].append(None)
    found = []
    for (zone, cut_off), pks in groups.items():
        local = moment.astimezone(ZoneInfo(zone))
        day = Branch(zone=zone, cut_off=cut_off).business_day(moment)
        found.append(Clock(zone, day, local.hour, cut_off.hour, tuple(pks)))
    return sorted(found, key=lambda each: -len(each.branches)), branches


def _looked_at(member: Membership) -> Q:
    """Of what a person may see, the branch to which they keep their figures."""
    limit = branch_limit(member)
    return limit & Q(branch=member.here.pk) if member.here else limit


def _either(conditions: Iterable[Q]) -> Q:
    either = Q(pk__in=[])
    for condition in conditions:
        either |= condition
    return either


@dataclass
class Totals:
    """What some rows of one currency add up to. Amounts are minor units."""

    sales: int = 0
    sales_minor: int = 0
    refunds: int = 0
    refunds_minor: int = 0
    declined: int = 0

    def add(self, other: "Totals") -> None:
        self.sales += other.sales
        self.sales_minor += other.sales_minor
        self.refunds += other.refunds
        self.refunds_minor += other.refunds_minor
        self.declined += other.declined

    @property
    def net_minor(self) -> int:
        return self.sales_minor - self.refunds_minor

    @property
    def approval_per_mille(self) -> int | None:
        """Approved of all answered purchases, in thousandths; None before the first."""
        answered = self.sales + self.declined
        return None if not answered else round(1000 * self.sales / answered)


@dataclass(frozen=True)
class Part:
    """One cell of today's or last week's day."""

    today: bool
    provider: str
    branch: int | None
    scheme: str
    currency: str
    totals: Totals


SUMS = ("sales", "sales_minor", "refunds", "refunds_minor", "declined")


def parts(member: Membership, clocks: list[Clock]) -> list[Part]:
    """The present business day, and the same weekday a week before, in their finest parts."""
    days = _either(clock.on(clock.day, clock.day - WEEK) for clock in clocks)
    present = {pk: clock.day for clock in clocks for pk in clock.branches}
    rows = (
        DayTotal.objects.filter(_looked_at(member), days, merchant=member.merchant_id)
        .order_by().values_list("day", "account__provider", "branch", "scheme", "currency")
        .annotate(**{f"total_{name}": Sum(name) for name in SUMS})
    )  # fmt: skip
    return [
        Part(day == present[branch], provider, branch, scheme, currency, Totals(*sums))
        for day, provider, branch, scheme, currency, *sums in rows
    ]


def added(found: Iterable[Part]) -> Totals:
    whole = Totals()
    for part in found:
        whole.add(part.totals)
    return whole


@dataclass(frozen=True)
class Share:
    """A part of today's sales, and of the same weekday a week before; bars in thousandths."""

    key: Any
    totals: Totals
    of_all: int
    of_most: int
    before_of_most: int


def shares(found: list[Part], key: Callable[[Part], Any]) -> list[Share]:
    """Today's sales by a key, the largest first; what sold only last week is listed too."""
    now: dict[Any, Totals] = defaultdict(Totals)
    before: dict[Any, Totals] = defaultdict(Totals)
    for part in found:
        (now if part.today else before)[key(part)].add(part.totals)
    keys = sorted({*now, *before}, key=lambda each: (-now[each].sales_minor, str(each)))
    whole = sum(each.sales_minor for each in now.values())
    most = max((e.sales_minor for e in (*now.values(), *before.values())), default=0)
    return [
        Share(
            each,
            now[each],
            _per_mille(now[each].sales_minor, whole),
            _per_mille(now[each].sales_minor, most),
            _per_mille(before[each].sales_minor, most),
        )
        for each in keys
    ]


def _per_mille(part: int, whole: int) -> int:
    return round(1000 * part / whole) if whole else 0


@dataclass(frozen=True)
class Hour:
    """An hour's sales today, None where it is still to come, and a week before."""

    hour: int
    now_minor: int | None
    before_minor: int


@dataclass(frozen=True)
class Day:
    """The present business day hour by hour, beside the same weekday a week before."""

    hours: list[Hour]
    # What had been sold a week before by the same time.
    before: Totals


def by_hour(member: Membership, clocks: list[Clock], moment: datetime, currency: str) -> Day:
    """The hours of the business day in its order, from the first to the last with a sale.

    A week before is counted up to the same time: whole hours from the roll-up, and the rows of
    the hour that is under way.
    """
    days = _either(clock.on(clock.day, clock.day - WEEK) for clock in clocks)
    rows = (
        HourTotal.objects.filter(_looked_at(member), days, merchant=member.merchant_id)
        .filter(currency=currency).order_by().values_list("branch", "day", "hour")
        .annotate(count=Sum("sales"), minor=Sum("sales_minor"), refused=Sum("declined"))
    )  # fmt: skip
    clock_of = {pk: clock for clock in clocks for pk in clock.branches}
    now: dict[int, int] = defaultdict(int)
    past: dict[int, int] = defaultdict(int)
    before = Totals()
    for branch, day, hour, count, minor, refused in rows:
        clock = clock_of[branch]
        if day == clock.day:
            now[hour] += minor
            continue
        past[hour] += minor
        if hour in clock.over:
            before.add(Totals(sales=count, sales_minor=minor, declined=refused))
    before.add(_of_the_open_hour(member, clocks, moment, currency))
    main = clocks[0]
    reached = main.hours.index(main.hour)
    hours = [
        Hour(hour, now[hour] if place <= reached else None, past[hour])
        for place, hour in enumerate(main.hours)
    ]
    busy = [place for place, each in enumerate(hours) if each.now_minor or each.before_minor]
    return Day(hours[min(busy) : max(*busy, reached) + 1] if busy else [], before)


def _of_the_open_hour(
    member: Membership, clocks: list[Clock], moment: datetime, currency: str
) -> Totals:
    """A week before by each branch's own clock, which may have been put forward or back since."""
    hours = []
    for clock in clocks:
        end = moment.astimezone(ZoneInfo(clock.zone)) - WEEK
        begin = end.replace(minute=0, second=0, microsecond=0)
        span = (begin.astimezone(UTC), end.astimezone(UTC))
        hours.append(clock.of_branches() & Q(occurred_at__range=span))
    sale = Q(status=Status.APPROVED)
    row = (
        transactions_for(member).filter(_looked_at(member)).select_related(None).order_by()
        .filter(_either(hours), kind=Kind.PURCHASE, currency=currency)
        .aggregate(
            sales=Count("pk", filter=sale), sales_minor=Sum("captured_minor", filter=sale),
            declined=Count("pk", filter=Q(status=Status.DECLINED)),
        )
    )  # fmt: skip
    return Totals(**{name: found or 0 for name, found in row.items()})


@dataclass(frozen=True)
class Sold:
    """A day's or a month's sales."""

    day: date
    minor: int
    last: date


def history(member: Membership, last: date, currency: str) -> tuple[list[Sold], list[Sold]]:
    """The last 30 business days and the last 12 months, also where nothing was sold."""
    months = [last.replace(day=1)]
    while len(months) < MONTHS:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    rows = (
        DayTotal.objects.filter(_looked_at(member), merchant=member.merchant_id)
        .filter(day__range=(months[0], last), currency=currency)
        .order_by().values_list("day").annotate(minor=Sum("sales_minor"))
    )  # fmt: skip
    daily = dict(rows)
    monthly: dict[date, int] = defaultdict(int)
    for day, minor in daily.items():
        monthly[day.replace(day=1)] += minor
    days = [last - timedelta(days=each) for each in reversed(range(DAYS))]
    return (
        [Sold(day, daily.get(day, 0), day) for day in days],
        [Sold(month, monthly[month], min(_end_of(month), last)) for month in months],
    )


def _end_of(month: date) -> date:
    return (month + 31 * DAY).replace(day=1) - DAY


@dataclass(frozen=True)
class Declined:
    """How often today's purchases were declined with a code; '' where none was given."""

    code: str
    provider: str
    declined: int


def declines(member: Membership, clocks: list[Clock], currency: str) -> list[Declined]:
    """Today's reasons for declines, the most frequent first."""
    rows = (
        DeclineTotal.objects.filter(_looked_at(member), merchant=member.merchant_id)
        .filter(_either(clock.on(clock.day) for clock in clocks), currency=currency)
        .order_by().values_list("action_code", "account__provider").annotate(found=Sum("declined"))
    )  # fmt: skip
    ranked = sorted(rows, key=lambda row: (-row[2], row[0]))
    return [Declined(*row) for row in ranked]


@dataclass(frozen=True)
class Attention:
    """Terminals that somebody should look at, for one reason, the longest silent first."""

    reason: str
    terminals: list[Terminal]


def attention(member: Membership, clocks: list[Clock], moment: datetime) -> list[Attention]:
    """What is wrong in the fleet of terminals that sold lately, the most urgent reason first."""

    # The bounds of each branch's own yesterday lead straight to its first sale in the index,
    # however many sales there are.
    def of(value: Callable[[Clock], Any], field: "Field[Any, Any]") -> Case:
        cases = [When(clock.of_branches(), then=Value(value(clock))) for clock in clocks]
        return Case(*cases, output_field=field)

    bounds = {
        "began": of(lambda clock: clock.begins(clock.day - DAY), DateTimeField()),
        "ended": of(lambda clock: clock.begins(clock.day), DateTimeField()),
        "yesterday": of(lambda clock: clock.day - DAY, DateField()),
    }
    sold = Transaction.objects.filter(
        terminal=OuterRef("pk"), occurred_at__gte=OuterRef("began"),
        occurred_at__lt=OuterRef("ended"), status=Status.APPROVED,
    ).order_by("occurred_at")  # fmt: skip
    closed = Reconciliation.objects.filter(
        terminal=OuterRef("pk"), business_day__gte=OuterRef("yesterday")
    )
    closes = Q(account__provider__in=providers_that(CreatesReconciliations))
    waits = Q(sold__isnull=False) & closes & ~Exists(closed)
    passed = Func(
        F("usual_hours"), F("last_seen_at"), Value(moment),
        of(lambda clock: clock.zone, CharField()),
        function="terminals_usual_hours_passed", output_field=IntegerField(),
    )  # fmt: skip
    # So many usual hours take at least as long, which spares the count for who sells right now.
    away = Q(usual_hours__isnull=False) & Q(last_seen_at__lt=moment - SILENT_HOURS * HOUR)
    silent = Case(
        When(usual_hours=None, then=Q(last_seen_at__lt=moment - SILENT_FOR)),
        When(away, then=GreaterThanOrEqual(passed, SILENT_HOURS)),
        default=Value(False), output_field=BooleanField(),
    )  # fmt: skip
    # Where a provider hands terminals to nobody, none is without a holder.
    unheld = Q(terminal_user=None, account__provider__in=providers_that(AssignsTerminals))
    own = (
        terminals_for(member).select_related(None).select_related("branch", "terminal_user")
        .filter(_looked_at(member), last_seen_at__gte=moment - SOLD_WITHIN)
        .annotate(**bounds).annotate(sold=Subquery(sold.values("pk")[:1]))
        .annotate(open=Case(When(waits, then=True), default=Value(False)), silent=silent)
        .annotate(unheld=Case(When(unheld, then=True), default=Value(False)))
        .filter(Q(open=True) | Q(connected=False) | Q(unheld=True) | Q(silent=True))
        .only("tid", "name", "connected", "last_seen_at", "branch__name", "branch__name_ar",
              "terminal_user__name", "terminal_user__erased_at", "terminal_user__ref")
        .order_by("last_seen_at", "pk")[:MOST_ATTENTION]
    )  # fmt: skip
    is_so: dict[str, Callable[[Any], bool]] = {
        "SILENT": lambda each: each.silent,
        "DISCONNECTED": lambda each: each.connected is False,
        "UNASSIGNED": lambda each: each.unheld,
        "OPEN": lambda each: each.open,
    }
    found = list(own)
    groups = [
        Attention(reason, [each for each in found if holds(each)])
        for reason, holds in is_so.items()
    ]
    return [group for group in groups if group.terminals]


# A part of a day's strip: what it is, where it begins and how wide it is, in minutes.
Stretch = tuple[str, int, int]


def strips(freshness: list[Freshness], moment: datetime) -> list[list[Stretch]]:
    """The present calendar day of each provider: what is complete, missing, open, and now."""
    wanted = Q(pk__in=[])
    begins = []
    for each in freshness:
        there = ZoneInfo(each.zone)
        begin = datetime.combine(moment.astimezone(there).date(), time(), there)
        begins.append(begin)
        if each.gaps:
            wanted |= Q(account__in=each.accounts, until__gt=begin)
    some = any(each.gaps for each in freshness)
    gaps = list(Gap.objects.filter(wanted, resource=MAIN).order_by("until")) if some else []
    found = []
    for each, begin in zip(freshness, begins, strict=True):

        def minute(at: datetime, begin: datetime = begin) -> int:
            return min(max(int((at - begin).total_seconds() // 60), 0), MINUTES)

        done, now = minute(each.complete_to or begin), minute(moment)
        strip: list[Stretch] = [("done", 0, done), ("open", done, max(now - done, 0))]
        for gap in gaps:
            if gap.account_id in each.accounts:
                since = minute(gap.since or begin)
                strip.append(("gap", since, max(minute(gap.until) - since, 4)))
        found.append([*strip, ("tick", min(now, MINUTES - 4), 4)])
    return found


@dataclass(frozen=True)
class Trouble:
    """What is wrong with an account: `REFUSED`, `FAILING`, `GAP` or `ASIDE`, and how often."""

    kind: str
    account: ProviderAccount
    count: int


def troubles(member: Membership) -> list[Trouble]:
    """What somebody should look at in a person's accounts, the most urgent first."""
    found = []
    own = accounts_with_health(member).exclude(state=ProviderAccount.State.REMOVED)
    for account in own.order_by("name", "pk"):
        counts = {
            "REFUSED": int(account.state == ProviderAccount.State.REFUSED),
            "FAILING": account.failures,
            "GAP": account.gaps_found or 0,  # type: ignore[attr-defined]
            "ASIDE": account.aside or 0,  # type: ignore[attr-defined]
        }
        found += [Trouble(kind, account, count) for kind, count in counts.items() if count]
    order = ("REFUSED", "FAILING", "GAP", "ASIDE")
    return sorted(found, key=lambda each: (order.index(each.kind), each.account.name))


def medians(values: list[int], width: int = 7) -> list[int]:
    """The median of the values around each: a calm line over a restless series.

    The ends have the first and the last whole window, so that they do not follow single values.
    """
    last = max(len(values) - width, 0)
    begins = (min(max(at - width // 2, 0), last) for at in range(len(values)))
    windows = (sorted(values[begin : begin + width]) for begin in begins)
    return [window[len(window) // 2] for window in windows]
