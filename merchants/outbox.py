"""Mail goes by a row: a page neither waits for the mail server nor fails with it."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from merchants.actions.mail import keep_letter


class Outbox(BaseEmailBackend):
    """Keeps messages; a job sends them by `MAIL_BACKEND`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for each in email_messages:
            keep_letter(each, timezone.now())
        return len(email_messages)
