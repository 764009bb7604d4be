"""One line of time for a terminal, whatever its provider: what was done with it and what it did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import BigIntegerField, Case, Count, F, Max, Sum, Value, When
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.models import Drift, Membership, Right
from merchants.queries import drifts_of, operations_of
from providers.base.provider import FollowsTerminals, ListsReconciliations
from providers.base.registry import providers_that
from settlements.queries import reconciliations_for
from terminals.models import Device, Terminal
from transactions.models import Kind, Status
from transactions.queries import transactions_for

HOUR = timedelta(hours=1)
# Single events of one kind that are shown of a time; what goes beyond is in the lists.
MOST = 200


@dataclass(frozen=True)
class Moment:
    """One thing on the line. `mark` is as in the story of a transaction."""

    at: datetime
    title: str
    mark: str = "plain"
    sub: str = ""
    url: str = ""
    minor: int | None = None
    currency: str = ""


def timeline_of(
    member: Membership, terminal: Terminal, since: datetime, until: datetime
) -> list[Moment]:
    """Everything between two moments, the latest first: six queries, however much there is."""
    sold = _sold(member, terminal, since, until)
    hours = {row["hour"] for row in sold if row["one"] == 0}
    found = [
        *_held(terminal, since, until), *_operations(terminal, since, until),
        *_differences(terminal, since, until), *_devices(terminal, since, until),
        *_aliases(terminal, since, until),
        *_sales(sold), *_single(sold), *_silent(hours, terminal, since, until),
    ]  # fmt: skip
    if terminal.account.provider in providers_that(ListsReconciliations) and member.may(
        Right.FIGURES
    ):
        found += _closes(member, terminal, since, until)
    if terminal.provider_created_at and since <= terminal.provider_created_at < until:
        found.append(Moment(terminal.provider_created_at, _("Made at the provider"), "ring"))
    return sorted(found, key=lambda each: each.at, reverse=True)


def _held(terminal: Terminal, since: datetime, until: datetime) -> Iterator[Moment]:
    own = terminal.holdings.select_related("terminal_user")
    url = reverse("terminals:holders", args=[terminal.pk])
    for each in own.filter(since_at__gte=since, since_at__lt=until).order_by("-since_at")[:MOST]:
        if each.terminal_user is None:
            yield Moment(each.since_at, _("Held by nobody"), "ring", url=url)
        else:
            title = _("Held by %(name)s") % {"name": each.terminal_user.shown}
            yield Moment(each.since_at, title, "ring", url=url)


def _operations(terminal: Terminal, since: datetime, until: datetime) -> Iterator[Moment]:
    own = operations_of(terminal).filter(requested_at__gte=since, requested_at__lt=until)
    colours = {"CONFIRMED": "good", "REFUSED": "bad", "UNKNOWN": "accent"}
    for each in own[:MOST]:
        who = str(each.requested_by or "")
        sub = f"{each.get_state_display()} · {who}" if who else str(each.get_state_display())
        mark = colours.get(each.state, "plain")
        yield Moment(each.requested_at, str(each.get_kind_display()), mark, sub)


def _differences(terminal: Terminal, since: datetime, until: datetime) -> Iterator[Moment]:
    own = drifts_of(terminal).filter(found_at__gte=since, found_at__lt=until)
    for each in own[:MOST]:
        title = _("The provider says otherwise: %(what)s") % {"what": each.get_field_display()}
        open_ = each.ended_at is None
        url = reverse("terminals:difference", args=[each.pk]) if open_ else ""
        ending = "" if open_ else str(Drift.Ending(each.ending).label)
        yield Moment(each.found_at, title, "accent", ending, url)


def _devices(terminal: Terminal, since: datetime, until: datetime) -> Iterator[Moment]:
    own = Device.objects.filter(terminal=terminal, last_seen_at__gte=since, last_seen_at__lt=until)
    for each in own.order_by("-last_seen_at", "-pk")[:MOST]:
        assert each.last_seen_at is not None
        yield Moment(each.last_seen_at, _("Last payment on this device"), "plain", each.ref)


def _aliases(terminal: Terminal, since: datetime, until: datetime) -> Iterator[Moment]:
    """What the provider called it before: it was made anew there, or removed."""
    if terminal.account.provider not in providers_that(FollowsTerminals):
        return
    own = terminal.aliases.filter(until_at__gte=since, until_at__lt=until)
    for each in own.order_by("-until_at", "-pk")[:MOST]:
        yield Moment(each.until_at, _("Its reference at the provider ended"), "ring", each.ref)


def _sold(member: Membership, terminal: Terminal, since: datetime, until: datetime) -> list[Any]:
    """Plain sales by the hour, since a till's day would be longer than anybody reads; and each
    decline, reversal and refund as a row of its own (`one` is its pk)."""
    own = transactions_for(member).filter(
        terminal=terminal, occurred_at__gte=since, occurred_at__lt=until
    )
    plain = When(kind=Kind.PURCHASE, status=Status.APPROVED, then=Value(0))
    one = Case(plain, default=F("pk"), output_field=BigIntegerField())
    own = own.annotate(hour=TruncHour("occurred_at"), one=one)
    rows = own.order_by().values("hour", "currency", "one").annotate(
        number=Count("pk"), minor=Sum("captured_minor"), last=Max("occurred_at"),
        what=Max("kind"), state=Max("status"), asked=Max("amount_minor"),
    )  # fmt: skip
    return list(rows.order_by("-last", "-one"))


def _sales(rows: list[Any]) -> Iterator[Moment]:
    for row in rows:
        if row["one"] == 0:
            title = _("Sales: %(number)s") % {"number": row["number"]}
            yield Moment(row["last"], title, "good", minor=row["minor"], currency=row["currency"])


def _single(rows: list[Any]) -> Iterator[Moment]:
    """What is no plain sale: declines, reversals, refunds."""
    for row in [each for each in rows if each["one"]][:MOST]:
        mark = "bad" if row["state"] == Status.DECLINED else "plain"
        title = f"{Kind(row['what']).label}: {Status(row['state']).label}"
        minor = -row["asked"] if row["what"] == Kind.REFUND else row["asked"]
        url = reverse("transactions:detail", args=[row["one"]])
        yield Moment(row["last"], title, mark, url=url, minor=minor, currency=row["currency"])


def _closes(
    member: Membership, terminal: Terminal, since: datetime, until: datetime
) -> Iterator[Moment]:
    own = reconciliations_for(member).filter(
        terminal=terminal, occurred_at__gte=since, occurred_at__lt=until
    )
    for each in own.order_by("-occurred_at", "-pk")[:MOST]:
        title = _("Reconciled") if each.balanced else _("Reconciled, out of balance")
        url = reverse("settlements:detail", args=[each.pk])
        yield Moment(each.occurred_at, title, "good" if each.balanced else "bad", url=url)


def _silent(
    hours: set[datetime], terminal: Terminal, since: datetime, until: datetime
) -> Iterator[Moment]:
    """Stretches of usual hours without a sale, told where each begins."""
    if terminal.usual_hours is None:
        return
    zone = ZoneInfo(terminal.branch.zone if terminal.branch else "UTC")
    sold = {each.astimezone(zone).replace(minute=0) for each in hours}
    begun: datetime | None = None
    length = 0
    at = since.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    while at <= until:
        usual = at + HOUR <= until and terminal.usual_hours[at.weekday()] >> at.hour & 1
        if usual and at not in sold:
            begun, length = begun or at, length + 1
        elif begun is not None and (usual or at.hour == 0 or at + HOUR > until):
            if length >= 2:
                title = _("Silent in %(number)s of its usual hours") % {"number": length}
                yield Moment(begun, title, "dashed")
            begun, length = None, 0
        at += HOUR
