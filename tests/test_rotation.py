"""Rotating keys: everything opens with the new one alone, and nothing stops meanwhile."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from merchants.actions.accounts import credentials_of
from merchants.actions.people import add_person
from merchants.actions.trail import Personal, chains, record, seal_entries, values_of, verify
from merchants.models import AuditEntry, Merchant, ProviderAccount
from tests.conftest import Played
from tests.test_signing import PASSWORD, with_app

pytestmark = pytest.mark.usefixtures("committed")
OLD, NEW = "o" * 40, "n" * 40


def test_everything_opens_with_the_new_key_alone(play: Any, settings: Any, capsys: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    user = add_person(email="alice@acme.test", merchant=merchant, role="OWNER").user
    user.set_password(PASSWORD)
    user.save()
    nearpay: Played = play()
    account = nearpay.connect(merchant)
    with_app(user)
    record("person.seen", subject=user, facts={"email": Personal("a@b.c", "user", user.pk)})
    seal_entries()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate-keys")
    said = capsys.readouterr().out
    assert "accounts: 1\n" in said
    assert "second factors: 2\n" in said
    settings.ENCRYPTION_KEYS = [NEW]
    account = ProviderAccount.objects.get(pk=account.pk)
    assert credentials_of(account).api_key == "sandbox-key-of-demo"  # type: ignore[attr-defined]
    entry = AuditEntry.objects.get(action="person.seen")
    assert values_of([entry])[entry.pk] == {"email": "a@b.c"}
    for chain in chains():
        assert list(verify(chain)) == []
    codes = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()
    client = Client()
    client.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    client.post("/second-factor/authenticate/", {"code": codes[0]})
    assert client.get("/").status_code == 200
    call_command("rotate-keys")
    assert "accounts: 0\n" in capsys.readouterr().out


def test_a_lost_key_is_said_and_nothing_is_changed(play: Any, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    nearpay: Played = play()
    account = nearpay.connect(merchant)
    settings.ENCRYPTION_KEYS = [NEW]
    before = bytes(ProviderAccount.objects.get(pk=account.pk).credentials or b"")
    with pytest.raises(CommandError, match="not among ENCRYPTION_KEYS"):
        call_command("rotate-keys")
    assert bytes(ProviderAccount.objects.get(pk=account.pk).credentials or b"") == before
