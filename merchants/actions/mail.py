"""Mail to people."""

import json
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection, send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.models import Invitation, Letter
from portal import encryption
from portal.celery import wake

log = logging.getLogger(__name__)
ROW = "merchants_letter"
# A link in a letter is of no use for longer.
TRIED_FOR = timedelta(days=1)


def send_invitation(invitation: Invitation, secret: str, portal: str) -> None:
    """Mail an invitation's link, in the inviter's language."""
    link = f"{portal.rstrip('/')}{reverse('merchants:join', args=[secret])}"
    context = {"invitation": invitation, "link": link}
    subject = _("%(merchant)s invites you to Merchant Portal") % {
        "merchant": invitation.merchant.name
    }
    text = render_to_string("merchants/invitation.txt", context)
    send_mail(subject.replace("\n", " "), text, None, [invitation.email])


def keep_letter(message: EmailMessage, at: datetime) -> None:
    """Keep a mail until a job has sent it, in the caller's transaction."""
    said = {
        "subject": message.subject, "body": message.body, "from_email": message.from_email,
        "to": message.to, "headers": dict(message.extra_headers),
    }  # fmt: skip
    sealed = encryption.seal(json.dumps(said).encode(), row=ROW)
    Letter.objects.create(sealed=sealed, created_at=at, next_try_at=at)
    wake("merchants.send_letters")


def send_letters(at: datetime) -> int:
    """Send what waits; how many were sent. One that cannot be sent waits longer each time."""
    sent = 0
    while True:
        with transaction.atomic():
            due = Letter.objects.filter(next_try_at__lte=at).order_by("pk")
            letter = due.select_for_update(skip_locked=True).first()
            if letter is None:
                return sent
            sent += _send(letter, at)


def _send(letter: Letter, at: datetime) -> int:
    said = json.loads(encryption.unseal(bytes(letter.sealed), row=ROW))
    try:
        EmailMessage(connection=get_connection(settings.MAIL_BACKEND), **said).send()
    except OSError as problem:
        log.warning("letter %s was not sent: %s", letter.pk, type(problem).__name__)
        if at - letter.created_at > TRIED_FOR:
            letter.delete()
            return 0
        letter.tries += 1
        letter.next_try_at = at + min(timedelta(seconds=2**letter.tries * 10), timedelta(hours=1))
        letter.save(update_fields=["tries", "next_try_at"])
        return 0
    letter.delete()
    return 1
