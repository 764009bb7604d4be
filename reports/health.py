"""What is wrong in a merchant's fleet: found by rules, told once to each who wants to know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.core.mail import send_mail
from django.db import connection, transaction
from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.utils.translation import ngettext

from merchants.actions.trail import record
from merchants.models import (
    Alert,
    AlertChoice,
    Branch,
    Drift,
    Membership,
    Merchant,
    Operation,
    Right,
    Role,
)
from merchants.queries import branch_limit, in_force
from portal import isolation
from reports.queries import WEEK, Clock, attention, clocks_of
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions.models import Status, Transaction
from transactions.queries import refunds_for

Rule = Alert.Rule
# "Usually": the median of as many same weekdays, and not less than so many sales.
WEEKS, LEAST = 4, 3
# Held by somebody and silent for so long.
IDLE_FOR = timedelta(days=5)
# What comes back so soon is the same thing still, and is not told again.
SAME_WITHIN = timedelta(hours=12)
MOST = 500
# What the page of notices finds out for itself as it is looked at.
LIVE = (Rule.SILENT, Rule.DISCONNECTED, Rule.UNASSIGNED, Rule.OPEN)
_SOLD = """
    select terminal_id, count(*) from transactions_transaction
    where merchant_id = %s and occurred_at >= %s and occurred_at < %s and status = %s
    and kind = 'PURCHASE' and terminal_id is not null
    and (branch_id = any(%s) or (%s and branch_id is null)) group by 1
"""


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong by a rule."""

    rule: str
    kind: str
    pk: int
    branch: int | None
    facts: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, int]:
        return self.rule, self.kind, self.pk


def find_wrong(member: Membership, moment: datetime) -> list[Wrong]:
    """Everything that is wrong now in what an owner sees."""
    clocks, _branches = clocks_of(member, moment)
    found = [
        _of(group.reason, terminal)
        for group in attention(member, clocks, moment)
        for terminal in group.terminals
    ]
    found += behind(member, clocks, moment)
    idle = terminals_for(member).filter(
        ~Q(terminal_user=None), last_seen_at__lt=moment - IDLE_FOR, ref__isnull=False
    )
    found += [_of(Rule.IDLE, each) for each in idle.order_by("pk")[:MOST]]
    return [
        *found,
        *_namesakes(member),
        *_differences(member, moment),
        *_stuck(member),
        *_alone(member),
    ]


def _of(rule: str, terminal: Terminal, **figures: int) -> Wrong:
    branch = terminal.branch.pk if terminal.branch else None
    facts = {"name": terminal.tid, **figures}
    return Wrong(rule, "terminal", terminal.pk, branch, facts)


def behind(member: Membership, clocks: list[Clock], moment: datetime) -> list[Wrong]:
    """Terminals that usually have sold by now on this weekday, and have not sold at all today."""
    usual: dict[int, list[int]] = {}
    today: dict[int, int] = {}
    for clock in clocks:
        begun = clock.begins(clock.day)
        passed = moment - begun
        today |= _sold(member, clock, begun, moment)
        for week in range(1, WEEKS + 1):
            since = begun - week * WEEK
            for pk, number in _sold(member, clock, since, since + passed).items():
                usual.setdefault(pk, []).append(number)
    # A week without any sale is one of the four as well.
    middle = {pk: int(median([*few, *[0] * (WEEKS - len(few))])) for pk, few in usual.items()}
    late = {pk: number for pk, number in middle.items() if number >= LEAST and not today.get(pk)}
    rows = terminals_for(member).filter(pk__in=late).order_by("pk")
    return [_of(Rule.BEHIND, each, usual=late[each.pk], sold=0) for each in rows]


def _sold(member: Membership, clock: Clock, since: datetime, until: datetime) -> dict[int, int]:
    """How many sales each terminal of a clock's branches made in a time."""
    own = [pk for pk in clock.branches if pk is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            _SOLD,
            [member.merchant_id, since, until, Status.APPROVED.value, own, None in clock.branches],
        )
        return dict(cursor.fetchall())


def _namesakes(member: Membership) -> list[Wrong]:
    own = Branch.objects.filter(merchant=member.merchant_id).exclude(name_ar="")
    twice = own.order_by().values("name_ar").annotate(found=Count("pk")).filter(found__gt=1)
    same = own.filter(name_ar__in=twice.values("name_ar")).order_by("pk")[:MOST]
    return [Wrong(Rule.NAMESAKE, "branch", each.pk, each.pk, {"name": each.name}) for each in same]


def _differences(member: Membership, moment: datetime) -> list[Wrong]:
    own = Drift.objects.filter(merchant=member.merchant_id, ended_at=None)
    return [
        Wrong(Rule.DRIFT, "drift", each.pk, None, {"name": each.field})
        for each in own.exclude(ignored_until__gt=moment).order_by("pk")[:MOST]
    ]


def _stuck(member: Membership) -> list[Wrong]:
    own = Operation.objects.filter(
        merchant=member.merchant_id, state=Operation.State.UNKNOWN, next_at=None
    )
    return [
        Wrong(Rule.STUCK, "operation", each.pk, None, {"name": each.kind})
        for each in own.order_by("pk")[:MOST]
    ]


def _alone(member: Membership) -> list[Wrong]:
    """Refunds that wait for a second person; who sees the sale's branch hears of it."""
    own = refunds_for(member).filter(state=Operation.State.REQUESTED, needs_second=True)
    waiting = list(own.order_by("pk")[:MOST])
    sales = Transaction.objects.in_bulk([each.asked["sale"] for each in waiting])
    return [
        Wrong(
            Rule.SECOND, "operation", each.pk, sales[each.asked["sale"]].branch_id,
            {"name": each.kind},
        )
        for each in waiting
        if each.asked["sale"] in sales
    ]  # fmt: skip


def note_alerts(merchant: Merchant, moment: datetime) -> int:
    """Find what is wrong with a merchant now, and tell of what is new; how much that is.

    The alerts and the mail about them are written together, so that each is told once, whatever
    dies in between.
    """
    with isolation.of(merchant.pk), transaction.atomic():
        # One at a time for a merchant; rows that refer to it are written meanwhile.
        Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
        team = Membership.objects.filter(in_force(moment), merchant=merchant)
        team = team.filter(user__is_active=True, user__is_service=False)
        people = list(team.select_related("user", "merchant", "custom_role").order_by("pk"))
        owner = next((each for each in people if each.role == Role.OWNER), None)
        if owner is None:
            return 0
        new = _keep(merchant, find_wrong(owner, moment), moment)
        for each in people:
            _tell(each, new)
    return len(new)


def _keep(merchant: Merchant, wrong: Iterable[Wrong], moment: datetime) -> list[Alert]:
    """Begin what is new, end what is over; what has just ended goes on. Returns what is new."""
    found = {each.key: each for each in wrong}
    own = Alert.objects.filter(merchant=merchant)
    there = {
        (each.rule, each.subject_kind, each.subject_id): each for each in own.filter(ended_at=None)
    }
    gone = [each.pk for key, each in there.items() if key not in found]
    Alert.objects.filter(pk__in=gone).update(ended_at=moment)
    recent = {
        (each.rule, each.subject_kind, each.subject_id): each
        for each in own.filter(ended_at__gt=moment - SAME_WITHIN).exclude(pk__in=gone)
    }
    again = [recent[key].pk for key in found if key not in there and key in recent]
    Alert.objects.filter(pk__in=again).update(ended_at=None)
    new = [
        Alert(
            merchant=merchant, rule=each.rule, subject_kind=each.kind, subject_id=each.pk,
            branch_id=each.branch, facts=each.facts, found_at=moment,
        )
        for key, each in found.items()
        if key not in there and key not in recent
    ]  # fmt: skip
    return Alert.objects.bulk_create(new)


def _tell(member: Membership, new: list[Alert]) -> None:
    """Mail somebody what is new of what they want to hear by mail and may see."""
    mailed = set(
        AlertChoice.objects.filter(membership=member, way=AlertChoice.Way.MAIL).values_list(
            "rule", flat=True
        )
    )
    own = [each for each in new if each.rule in mailed]
    if not own or not member.may(Right.LOOK_UP):
        return
    seen = alerts_for(member).filter(pk__in=[each.pk for each in own])
    rows = list(seen.order_by("rule", "pk"))
    if not rows:
        return
    words = {"merchant": member.merchant.name, "number": len(rows)}
    subject = ngettext(
        "%(merchant)s: %(number)s thing waits for somebody",
        "%(merchant)s: %(number)s things wait for somebody",
        len(rows),
    )
    text = render_to_string("reports/alerts.txt", {"alerts": rows, "merchant": member.merchant})
    send_mail((subject % words).replace("\n", " "), text, None, [member.user.email])


def alerts_for(member: Membership) -> Any:
    """What waits, as far as somebody may see it."""
    own = Alert.objects.filter(merchant=member.merchant_id, ended_at=None).select_related("branch")
    return own.filter(branch_limit(member))


def wanted_by(member: Membership) -> Any:
    """The same without what they do not want to hear of."""
    refused = AlertChoice.objects.filter(membership=member.pk, way=AlertChoice.Way.NONE)
    return alerts_for(member).exclude(rule__in=refused.values("rule"))


def choices_of(member: Membership) -> dict[str, str]:
    """How somebody hears of each kind."""
    own = dict(AlertChoice.objects.filter(membership=member.pk).values_list("rule", "way"))
    return {rule: own.get(rule, AlertChoice.Way.PORTAL.value) for rule in Rule.values}


@transaction.atomic
def choose(*, by: Membership, ways: dict[str, str]) -> None:
    """Keep how somebody wants to hear of each kind."""
    rows = [
        AlertChoice(merchant_id=by.merchant_id, membership=by, rule=rule, way=way)
        for rule, way in sorted(ways.items())
    ]
    AlertChoice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["membership", "rule"], update_fields=["way"]
    )
    record("alerts.chosen", subject=by, facts=dict(ways))
