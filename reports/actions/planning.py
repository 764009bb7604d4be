"""Layouts, schedules and destinations: made, changed, paused, removed."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncssh
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import Membership, Right
from portal.conflicts import Conflict
from portal.encryption import seal
from reports.catalogue import REPORTS
from reports.models import Destination, Layout, ReportRun, Schedule

# Of one person, and of one merchant.
MOST_SCHEDULES, MOST_LAYOUTS, MOST_DESTINATIONS = 50, 200, 20


class Wrong(Conflict):
    """In words, why a layout, a schedule or a destination cannot be as it was asked."""


def _columns(report: str, columns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    own = REPORTS[report].by_name
    found = [
        {"name": each["name"], "heading": each.get("heading", "").strip()[:60]}
        for each in columns
        if each["name"] in own
    ]
    if not found:
        raise Wrong(_("Choose at least one column."))
    heads = [each["heading"] or str(own[each["name"]].title) for each in found]
    if len(set(heads)) < len(heads):
        raise Wrong(_("Two columns have the same heading."))
    return found


def make_layout(
    *, by: Membership, report: str, name: str, columns: Sequence[dict[str, str]], at: datetime
) -> Layout:
    """Keep columns, their order and headings by a name. Raises Wrong."""
    by.need(Right.EXPORT)
    by.need(REPORTS[report].right)
    own = Layout.objects.filter(merchant=by.merchant_id)
    if own.count() >= MOST_LAYOUTS:
        raise Wrong(_("There are as many as there can be. Remove one first."))
    kept = _columns(report, columns)
    try:
        with transaction.atomic():
            made = Layout.objects.create(
                merchant_id=by.merchant_id, report=report, name=name.strip(), columns=kept,
                changed_at=at, changed_by=by.user,
            )  # fmt: skip
            record("layout.made", subject=by, facts={"layout": made.name, "report": report})
    except IntegrityError:
        raise Wrong(_("There is one of this name already.")) from None
    return made


@transaction.atomic
def change_layout(
    *, layout: Layout, by: Membership, columns: Sequence[dict[str, str]], at: datetime
) -> Layout:
    """Another version, where something is different. What has taken an older one keeps it."""
    by.need(Right.EXPORT)
    by.need(REPORTS[layout.report].right)
    own = Layout.objects.select_for_update(no_key=True).get(pk=layout.pk)
    kept = _columns(own.report, columns)
    if kept != own.columns:
        own.columns, own.changed_at, own.changed_by = kept, at, by.user
        own.version += 1
        own.save()
        record("layout.changed", subject=by, facts={"layout": own.name, "version": own.version})
    return own


@transaction.atomic
def remove_layout(*, layout: Layout, by: Membership) -> None:
    """What has taken it goes on as it is."""
    by.need(Right.EXPORT)
    gone, _each = Layout.objects.filter(pk=layout.pk).delete()
    if gone:
        record("layout.removed", subject=by, facts={"layout": layout.name})


@transaction.atomic
def plan_report(
    *, by: Membership, report: str, form: str, wish: dict[str, Any], name: str, rhythm: str,
    hour: int, zone: str, way: str, at: datetime, weekday: int | None = None,
    day: int | None = None, destination: Destination | None = None,
    recipients: Iterable[Membership] = (), patience: int = 6,
) -> Schedule:  # fmt: skip
    """Have a report come by itself, the first time when it is due next. Raises Wrong."""
    by.need(Right.EXPORT)
    by.need(REPORTS[report].right)
    Membership.objects.select_for_update(no_key=True).get(pk=by.pk)
    if Schedule.objects.filter(member=by).count() >= MOST_SCHEDULES:
        raise Wrong(_("There are as many as there can be. Remove one first."))
    # The columns of today, so that one that is added later does not come into its files.
    of = REPORTS[report]
    usual = of.paper if form == ReportRun.Form.PDF and of.paper else tuple(of.by_name)
    names = wish.get("columns") or usual
    made = Schedule(
        merchant_id=by.merchant_id, member=by, name=name.strip(), report=report, form=form,
        wish=wish | {"columns": list(names)}, rhythm=rhythm, hour=hour, zone=zone, way=way,
        weekday=weekday if rhythm == Schedule.Rhythm.WEEKLY else None,
        day=day if rhythm == Schedule.Rhythm.MONTHLY else None,
        destination=destination if way == Schedule.Way.SFTP else None,
        patience=patience, made_at=at,
    )  # fmt: skip
    made.next_at = made.after(at)
    made.save()
    made.recipients.set(recipients)
    facts = {"schedule": made.name, "report": report, "rhythm": rhythm, "way": way}
    record("schedule.made", subject=by, facts=facts)
    return made


@transaction.atomic
def pause_schedule(*, schedule: Schedule, by: Membership, at: datetime) -> None:
    """Make none until somebody goes on with it; what falls due meanwhile is left out."""
    own = Schedule.objects.filter(pk=schedule.pk, paused_at=None)
    if own.update(paused_at=at):
        record("schedule.paused", subject=by, facts={"schedule": schedule.name})


@transaction.atomic
def resume_schedule(*, schedule: Schedule, by: Membership, at: datetime) -> None:
    """Go on with it, from the next time on."""
    by.need(Right.EXPORT)
    own = Schedule.objects.select_for_update().get(pk=schedule.pk)
    if own.paused_at is not None:
        own.paused_at, own.next_at = None, own.after(at)
        own.save(update_fields=["paused_at", "next_at"])
        record("schedule.resumed", subject=by, facts={"schedule": own.name})


@transaction.atomic
def take_layout(*, schedule: Schedule, by: Membership) -> bool:
    """Let a schedule have its layout as it is now; whether there was a newer one."""
    by.need(Right.EXPORT)
    own = Schedule.objects.select_for_update().get(pk=schedule.pk)
    taken = own.wish.get("layout") or {}
    layout = Layout.objects.filter(merchant=own.merchant_id, pk=taken.get("id", 0)).first()
    if layout is None or layout.version == taken.get("version"):
        return False
    own.wish = own.wish | layout.wish
    own.save(update_fields=["wish"])
    facts = {"schedule": own.name, "layout": layout.name, "version": layout.version}
    record("schedule.took_layout", subject=by, facts=facts)
    return True


@transaction.atomic
def remove_schedule(*, schedule: Schedule, by: Membership) -> None:
    """It comes no more, and links to its files open nothing; the files stay their time."""
    gone, _each = Schedule.objects.filter(pk=schedule.pk).delete()
    if gone:
        record("schedule.removed", subject=by, facts={"schedule": schedule.name})


def allowed(host: str, port: int) -> bool:
    """Whether whoever runs the portal lets files go there."""
    return {f"{host}:{port}", host} & set(settings.DELIVERY_HOSTS) != set()


def add_destination(
    *, by: Membership, name: str, host: str, port: int, username: str, host_key: str, folder: str,
    secret: dict[str, str], at: datetime,
) -> Destination:  # fmt: skip
    """Keep an SFTP server with its own key and what opens it. Raises Wrong."""
    by.need(Right.ACCOUNTS)
    host = host.strip().lower()
    if not allowed(host, port):
        raise Wrong(
            _("Files may not go to %(host)s. Whoever runs the portal names it in DELIVERY_HOSTS.")
            % {"host": f"{host}:{port}"}
        )
    try:
        asyncssh.import_public_key(host_key)
    # Of a good type with bad numbers the library says so by other errors.
    except ValueError:
        raise Wrong(_("This is no key of a server, as “ssh-ed25519 AAAA…” is.")) from None
    if "key" in secret:
        try:
            asyncssh.import_private_key(secret["key"])
        except (ValueError, asyncssh.KeyEncryptionError):
            raise Wrong(_("This is no private key, or it is protected by a password.")) from None
    if Destination.objects.filter(merchant=by.merchant_id).count() >= MOST_DESTINATIONS:
        raise Wrong(_("There are as many as there can be. Remove one first."))
    try:
        with transaction.atomic():
            made = Destination.objects.create(
                merchant_id=by.merchant_id, name=name.strip(), host=host, port=port,
                username=username, host_key=host_key.strip(), folder=folder.strip(), made_at=at,
            )  # fmt: skip
            made.sealed = seal(json.dumps(secret).encode(), row=made.row)
            made.save(update_fields=["sealed"])
            record("destination.added", subject=by, facts={"name": made.name, "host": host})
    except IntegrityError:
        raise Wrong(_("There is one of this name already.")) from None
    return made


def remove_destination(*, destination: Destination, by: Membership) -> None:
    """Forget a server and what opens it. Raises Wrong while a schedule sends files there."""
    by.need(Right.ACCOUNTS)
    with transaction.atomic():
        own = Destination.objects.select_for_update().filter(pk=destination.pk)
        if own.first() is None:
            return
        if Schedule.objects.filter(destination=destination.pk).exists():
            raise Wrong(_("A schedule sends its files there. Remove that first."))
        own.delete()
        record("destination.removed", subject=by, facts={"name": destination.name})
