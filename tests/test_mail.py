"""Mail goes by an encrypted row: pages do not wait for the mail server, and nothing is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import send_mail
from django.test import Client
from django.utils import timezone

from merchants.actions.mail import send_digests, send_letters
from merchants.actions.people import add_person
from merchants.models import AuditEntry, Letter, Membership, Merchant

pytestmark = pytest.mark.django_db
LOCAL = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture(autouse=True)
def outbox(settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.MAIL_BACKEND = "merchants.outbox.Outbox", LOCAL


def test_a_letter_waits_encrypted_and_is_gone_once_sent() -> None:
    send_mail("A link", "https://portal/join/secret/", None, ["dan@acme.test"])
    (letter,) = Letter.objects.all()
    assert b"secret" not in bytes(letter.sealed)
    assert b"dan@acme" not in bytes(letter.sealed)
    assert mail.outbox == []
    assert send_letters(timezone.now()) == 1
    (sent,) = mail.outbox
    assert (sent.subject, sent.body, sent.to) == (
        "A link", "https://portal/join/secret/", ["dan@acme.test"],
    )  # fmt: skip
    assert not Letter.objects.exists()
    assert send_letters(timezone.now()) == 0


def test_a_server_that_is_away_delays_it_and_fails_no_page(
    alice: Membership, settings: Any
) -> None:
    settings.MAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answer = Client().post("/password/forgotten/", {"email": alice.user.email})
    assert answer["Location"] == "/password/forgotten/sent/"
    at = timezone.now()
    assert send_letters(at) == 0
    (letter,) = Letter.objects.all()
    assert letter.tries == 1
    assert letter.next_try_at is not None
    assert letter.next_try_at > at
    settings.MAIL_BACKEND = LOCAL
    assert send_letters(at) == 0
    assert send_letters(at + timedelta(minutes=1)) == 1
    assert mail.outbox[0].to == [alice.user.email]


def test_one_that_cannot_be_sent_for_a_day_is_given_up(settings: Any) -> None:
    send_mail("A link", "text", None, ["dan@acme.test"])
    settings.MAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert send_letters(timezone.now() + timedelta(hours=25)) == 0
    # That it was not is kept for a while, and nothing of what it said.
    given_up = Letter.objects.get()
    assert (bytes(given_up.sealed), given_up.next_try_at) == (b"", None)
    assert given_up.failed_at is not None
    assert send_letters(given_up.failed_at + timedelta(days=31)) == 0
    assert not Letter.objects.exists()


def test_owners_are_mailed_their_week_once(alice: Membership, mallory: Membership) -> None:
    # A Wednesday; the week before it ended with Sunday the 15th.
    at = datetime(2026, 11, 18, 10, tzinfo=UTC)
    Merchant.objects.update(digest_sent_at=at - timedelta(days=9))
    add_person(email="bob@acme.test", merchant=alice.merchant, role="ADMIN")
    for day, action in ((10, "receipt.seen"), (12, "receipt.seen"), (17, "rows.exported")):
        AuditEntry.objects.create(
            merchant=alice.merchant, at=at.replace(day=day), door="PAGE", action=action
        )
    assert send_digests(at) == 1
    assert send_digests(at + timedelta(hours=1)) == 0
    send_letters(timezone.now())
    (sent,) = mail.outbox
    assert sent.to == [alice.user.email]
    assert "2 × Saw a receipt" in sent.body
    assert "Downloaded" not in sent.body
    assert send_digests(at + timedelta(days=7)) == 1
