"""Taking a report's file to where a schedule wants it: a mail, a link, an SFTP server."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import asyncssh
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from merchants.models import Membership, Right
from merchants.queries import in_force
from portal.encryption import unseal
from reports.actions.planning import allowed
from reports.catalogue import REPORTS
from reports.links import link_to
from reports.models import Destination, PlannedRun, ReportRun, Schedule
from reports.queries import open_to

# A link opens its file for so long.
LINK_LASTS = timedelta(days=7)
# What is larger goes as a link: mail servers refuse it.
MOST_ATTACHED = 8 * 2**20
# Seconds for a server to answer, and for all of a file.
ANSWERS, WHOLE = 20, 15 * 60
CHUNK = 256 * 1024
TYPES = {
    # As bytes: the ends of lines of a text are changed on its way.
    "csv": "application/octet-stream", "jsonl": "application/octet-stream",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


class NotDelivered(Exception):
    """In words, why a file did not arrive; `final` where trying again is of no use."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


def readers_of(schedule: Schedule, run: ReportRun, at: datetime) -> list[Membership]:
    """Its person and those it goes to besides, as far as they may see all that is in it."""
    wanted = {schedule.member_id, *schedule.recipients.values_list("pk", flat=True)}
    team = Membership.objects.filter(in_force(at), pk__in=wanted, user__is_active=True)
    found = []
    for each in team.select_related("user", "merchant", "custom_role").order_by("pk"):
        may = each.may(Right.EXPORT) and each.may(REPORTS[run.report].right)
        if may and open_to(run, each):
            found.append(each)
    return found


def letters(planned: PlannedRun, run: ReportRun, portal: str, at: datetime) -> list[EmailMessage]:
    """One mail to each reader: with the file, or with a link that ends."""
    schedule = planned.schedule
    attached = schedule.way == Schedule.Way.ATTACHED and (run.size or 0) <= MOST_ATTACHED
    content = _bytes(run) if attached else b""
    found = []
    for reader in readers_of(schedule, run, at):
        with translation.override(run.wish.get("language") or "en"):
            base = portal.rstrip("/")
            secret = link_to(run.pk, planned.pk, reader.pk, at + LINK_LASTS)
            context = {
                "schedule": schedule, "run": run, "title": REPORTS[run.report].title,
                "since": planned.since, "last": planned.until - timedelta(days=1),
                "note": planned.note, "attached": attached, "merchant": reader.merchant,
                "link": f"{base}{reverse('report-link', args=[secret])}",
                "days": LINK_LASTS.days,
            }  # fmt: skip
            text = render_to_string("reports/planned.txt", context)
            subject = f"{reader.merchant.name}: {schedule.name} {planned.since}"
            mail = EmailMessage(subject.replace("\n", " "), text, None, [reader.user.email])
        if attached:
            mail.attach(run.file.rpartition("/")[2], content, TYPES[run.form])
        found.append(mail)
    return found


def failure_letter(planned: PlannedRun, portal: str, at: datetime) -> EmailMessage:
    """What its person is told of a planned report that failed; who runs the team, if they left."""
    schedule = planned.schedule
    team = Membership.objects.filter(
        in_force(at), merchant=schedule.merchant_id, user__is_active=True, user__is_service=False
    ).select_related("user", "custom_role")
    people = [each for each in team.order_by("pk") if each.pk == schedule.member_id]
    people = people or [each for each in team.order_by("pk") if each.may(Right.TEAM)]
    with translation.override(schedule.wish.get("language") or "en"):
        context = {
            "schedule": schedule, "since": planned.since, "note": planned.note,
            "link": portal.rstrip("/") + reverse("schedule", args=[schedule.pk]),
        }  # fmt: skip
        text = render_to_string("reports/planned_failed.txt", context)
        subject = _("%(name)s was not delivered") % {"name": schedule.name}
    to = [each.user.email for each in people]
    return EmailMessage(subject.replace("\n", " "), text, None, to)


def _bytes(run: ReportRun) -> bytes:
    try:
        with storages["reports"].open(run.file) as source:
            content: bytes = source.read()
    except FileNotFoundError:
        raise NotDelivered(_("Its file is gone."), final=True) from None
    return content


def upload(destination: Destination, run: ReportRun, name: str) -> None:
    """Put a file into an SFTP folder: whole under its name, or not at all. Raises NotDelivered.

    Once more is the same file once more, so a lost answer does no harm.
    """
    if not allowed(destination.host, destination.port):
        raise NotDelivered(
            _("Files may not go to %(host)s. Whoever runs the portal names it in DELIVERY_HOSTS.")
            % {"host": destination.host}, final=True,
        )  # fmt: skip
    try:
        with storages["reports"].open(run.file) as source:
            asyncio.run(asyncio.wait_for(_put(destination, source, name), WHOLE))
    except FileNotFoundError:
        raise NotDelivered(_("Its file is gone."), final=True) from None
    except asyncssh.HostKeyNotVerifiable:
        raise NotDelivered(
            _("The server has another key than the one that was given."), final=True
        ) from None
    except asyncssh.PermissionDenied:
        raise NotDelivered(_("The server does not let the portal in."), final=True) from None
    except asyncssh.SFTPError as problem:
        raise NotDelivered(
            _("The server refused the file (%(code)s).") % {"code": problem.code}
        ) from None
    except (OSError, TimeoutError, asyncssh.Error):
        raise NotDelivered(_("The server was not reached, or went away.")) from None


async def _put(destination: Destination, source: Any, name: str) -> None:
    secret = json.loads(unseal(bytes(destination.sealed or b""), row=destination.row))
    trusted = [asyncssh.import_public_key(destination.host_key)]
    keys = [asyncssh.import_private_key(secret["key"])] if "key" in secret else None
    async with (
        asyncssh.connect(
            destination.host, destination.port, username=destination.username,
            password=secret.get("password"), client_keys=keys, known_hosts=(trusted, [], []),
            # Nothing of the machine's own: no agent, no configuration, no key of somebody's home.
            agent_path=None, config=None, connect_timeout=ANSWERS, login_timeout=ANSWERS,
        ) as door,
        door.start_sftp_client() as sftp,
    ):  # fmt: skip
        folder = destination.folder.rstrip("/")
        path = f"{folder}/{name}" if folder else name
        part = f"{path}.part"
        written = 0
        async with sftp.open(part, "wb") as target:
            while piece := source.read(CHUNK):
                await target.write(piece)
                written += len(piece)
        if (await sftp.stat(part)).size != written:
            raise asyncssh.SFTPFailure("not whole")
        try:
            await sftp.posix_rename(part, path)
        except asyncssh.SFTPOpUnsupported:
            if await sftp.exists(path):
                await sftp.remove(path)
            await sftp.rename(part, path)
