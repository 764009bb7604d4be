"""What happened to one transaction, in the order of time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.urls import reverse
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext as _

from merchants.models import Membership
from transactions.models import Refunded, Session, Status, Transaction

# As receipts print them.
_PRINTED = "%d/%m/%Y %H:%M:%S"
COLOURS = {Status.APPROVED: "good", Status.REVERSED: "good", Status.DECLINED: "bad"}


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    `mark` is `ring` for what we did, `dashed` for what is expected, else its colour.
    """

    at: datetime | None
    title: str
    mark: str = "plain"
    # Where it leads, and an amount in minor units that belongs to it.
    url: str = ""
    minor: int | None = None
    code: str | None = None


def events_of(
    member: Membership,
    found: Transaction,
    slips: list[dict[str, Any]],
    session: Session | None,
    after: Transaction | None,
) -> list[Event]:
    """The session, the payment, its further receipts, what came next, and when we learned it."""
    zone = found.branch.zone if found.branch else "UTC"
    events = [
        Event(
            found.occurred_at,
            f"{found.get_kind_display()}: {_first_outcome(found)}",
            COLOURS.get(Status(found.status), "plain"),
            minor=found.amount_minor,
            code=found.approval_code or found.action_code,
        )
    ]
    if session is not None:
        title = _("Session opened on the till")
        events.append(Event(session.occurred_at, title, minor=session.amount_minor))
    for each in slips[1:]:
        printed = each["printed"]
        title = _("Reversal") if "reversal" in printed.get("type", "") else _further(each["kind"])
        done = printed.get("approved") == "yes"
        outcome = _("approved") if done else _("declined")
        code = printed.get("approval_code") or printed.get("action_code")
        events.append(
            Event(
                _moment(printed, zone), f"{title}: {outcome}", "good" if done else "bad", code=code
            )
        )
    if after is not None and found.status == Status.APPROVED:
        title = _("Next transaction on this terminal")
        url = reverse("transactions:detail", args=[after.pk])
        events.append(Event(after.occurred_at, title, url=url))
    events.append(Event(found.learned_at, _("We learned of it"), "ring"))
    if found.changed_at != found.learned_at:
        events.append(Event(found.changed_at, _("We learned that it had changed"), "ring"))
    if found.refunded != Refunded.NONE and len(slips) < 2:
        events.append(Event(None, found.get_refunded_display(), "accent"))
    for more in _further_chapters():
        events += more(member, found)
    last = max(event.at for event in events if event.at)
    # What has no time yet comes at the end.
    return sorted(events, key=lambda event: (event.at or last, event.at is None))


@cache
def _further_chapters() -> list[Callable[[Membership, Transaction], list[Event]]]:
    """What other apps know of a transaction: the `events` of their `story` modules."""
    return [
        import_module(f"{app.name}.story").events
        for app in apps.get_app_configs()
        if app.module is not None and module_has_submodule(app.module, "story")
    ]


def _first_outcome(found: Transaction) -> str:
    """What the first receipt said: what was reversed later had been approved."""
    if found.status == Status.REVERSED:
        return str(Status.APPROVED.label)
    return str(found.get_status_display())


def _further(kind: str) -> str:
    return _("Refund") if kind == "REFUND" else _("Further receipt")


def _moment(printed: dict[str, str], zone: str) -> datetime | None:
    """A printed wall clock; None where it is not of the usual form."""
    try:
        text = f"{printed.get('start_date', '')} {printed.get('start_time', '')}"
        return datetime.strptime(text, _PRINTED).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None
