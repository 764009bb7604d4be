"""Mail to people."""

import logging

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.models import Invitation

log = logging.getLogger(__name__)


def send_invitation(invitation: Invitation, secret: str, portal: str) -> bool:
    """Mail an invitation's link, in the inviter's language; whether the mail server took it.

    It is sent at once: the link's secret is kept nowhere, so no later job could send it.
    """
    link = f"{portal.rstrip('/')}{reverse('merchants:join', args=[secret])}"
    context = {"invitation": invitation, "link": link}
    subject = _("%(merchant)s invites you to Merchant Portal") % {
        "merchant": invitation.merchant.name
    }
    text = render_to_string("merchants/invitation.txt", context)
    try:
        send_mail(subject.replace("\n", " "), text, None, [invitation.email])
    except OSError as problem:
        log.warning("invitation %s was not mailed: %s", invitation.pk, type(problem).__name__)
        return False
    return True
