"""Mail to people."""

import json
import logging
from base64 import b64decode, b64encode
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection, send_mail
from django.core.mail.message import make_msgid
from django.core.mail.utils import DNS_NAME
from django.db import transaction
from django.db.models import Count
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.models import (
    ACTIONS,
    AuditEntry,
    Invitation,
    Letter,
    Membership,
    Merchant,
    Right,
)
from merchants.queries import in_force
from portal import encryption, isolation
from portal.celery import wake

log = logging.getLogger(__name__)
ROW = "merchants_letter"
# A link in a letter is of no use for longer.
TRIED_FOR = timedelta(days=1)
FAILED_FOR = timedelta(days=30)


def send_invitation(invitation: Invitation, secret: str, portal: str) -> None:
    """Mail an invitation's link, in the inviter's language."""
    link = f"{portal.rstrip('/')}{reverse('merchants:join', args=[secret])}"
    context = {"invitation": invitation, "link": link}
    subject = _("%(merchant)s invites you to Merchant Portal") % {
        "merchant": invitation.merchant.name
    }
    text = render_to_string("merchants/invitation.txt", context)
    send_mail(subject.replace("\n", " "), text, None, [invitation.email])


def digest(merchant: Merchant, since: datetime, until: datetime) -> int:
    """Mail those who may read a merchant's trail what stands there of some days; to how many."""
    team = Membership.objects.filter(in_force(until), merchant=merchant, user__is_active=True)
    readers = [each for each in team.select_related("user", "custom_role") if each.may(Right.TRAIL)]
    rows = AuditEntry.objects.filter(merchant=merchant, at__gte=since, at__lt=until)
    counted = rows.order_by().values_list("action").annotate(found=Count("pk"))
    found = sorted(counted, key=lambda row: (-row[1], row[0]))
    if not found:
        return 0
    lines = [(str(ACTIONS.get(action, action)), number) for action, number in found]
    context = {"merchant": merchant, "lines": lines, "since": since, "until": until}
    text = render_to_string("merchants/digest.txt", context)
    subject = _("%(merchant)s: who did and saw what last week") % {"merchant": merchant.name}
    sent = [send_mail(subject, text, None, [each.user.email]) for each in readers]
    return len(sent)


def send_digests(at: datetime) -> int:
    """Mail each merchant's week once, on the first look after its Monday; how many mails."""
    monday = datetime.combine(at.date() - timedelta(days=at.weekday()), time(), UTC)
    mails = 0
    for merchant in Merchant.objects.order_by("pk"):
        with isolation.of(merchant.pk), transaction.atomic():
            due = Merchant.objects.filter(pk=merchant.pk).exclude(digest_sent_at__gte=monday)
            # Whoever sets the mark sends; another who looks meanwhile waits and finds it set.
            if due.update(digest_sent_at=at):
                mails += digest(merchant, monday - timedelta(days=7), monday)
    return mails


def keep_letter(message: EmailMessage, at: datetime) -> Letter:
    """Keep a mail until a job has sent it, in the caller's transaction."""
    # One that is sent once more, as its worker died, is the same mail.
    message.extra_headers.setdefault("Message-ID", make_msgid(domain=DNS_NAME))
    said = {
        "subject": message.subject, "body": message.body, "from_email": message.from_email,
        "to": message.to, "headers": dict(message.extra_headers),
    }  # fmt: skip
    files = [[name, b64encode(_bytes(content)).decode(), kind] for name, content, kind in
             message.attachments]  # fmt: skip
    sealed = encryption.seal(json.dumps(said | {"attachments": files}).encode(), row=ROW)
    made = Letter.objects.create(sealed=sealed, created_at=at, next_try_at=at)
    wake("merchants.send_letters")
    return made


def _bytes(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def send_letters(at: datetime) -> int:
    """Send what waits; how many were sent. One that cannot be sent waits longer each time."""
    sent = 0
    Letter.objects.filter(failed_at__lt=at - FAILED_FOR).delete()
    while True:
        with transaction.atomic():
            due = Letter.objects.filter(next_try_at__lte=at).order_by("pk")
            letter = due.select_for_update(skip_locked=True).first()
            if letter is None:
                return sent
            sent += _send(letter, at)


def _send(letter: Letter, at: datetime) -> int:
    try:
        said = json.loads(encryption.unseal(bytes(letter.sealed), row=ROW))
        files = said.pop("attachments", [])
        message = EmailMessage(connection=get_connection(settings.MAIL_BACKEND), **said)
        for name, content, kind in files:
            message.attach(name, b64decode(content), kind)
        message.send()
    except Exception as problem:  # noqa: BLE001 (one odd letter must not keep the others back)
        log.warning("letter %s was not sent: %s", letter.pk, type(problem).__name__)
        if at - letter.created_at > TRIED_FOR:
            # What it said is forgotten; that it was not sent is told to whoever asks.
            letter.sealed, letter.failed_at, letter.next_try_at = b"", at, None
            letter.save(update_fields=["sealed", "failed_at", "next_try_at"])
            return 0
        letter.tries += 1
        letter.next_try_at = at + min(timedelta(seconds=2**letter.tries * 10), timedelta(hours=1))
        letter.save(update_fields=["tries", "next_try_at"])
        return 0
    letter.delete()
    return 1
