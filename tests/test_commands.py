"""The commands: their last line, their exit code, and what they refuse in words."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from merchants.models import ApiToken, Membership, Merchant, ProviderAccount
from portal.embedded import ROOT
from tests.conftest import Played, environment
from transactions.models import Transaction

pytestmark = pytest.mark.usefixtures("committed")


def manage(
    *words: str, played: Played | None = None, **more: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        env=environment(played) | more,
        capture_output=True,
        text=True,
        timeout=120,
    )


def last(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


class TestFromNothing:
    def test_a_merchant_a_person_an_account_a_sync_and_a_token(self, play: Any) -> None:
        nearpay = play(transactions=300)
        link = last(
            manage(
                "person",
                "Owner@Acme.test",
                "--merchant",
                "acme",
                "--create",
                "Acme",
                "--role",
                "owner",
            )
        )
        path = "/" + link.split("/", 3)[3]
        client = Client()
        form = client.get(path)
        password = {"new_password1": "a long enough one 7", "new_password2": "a long enough one 7"}
        assert client.post(form["Location"], password).status_code == 302
        signed = client.post(
            "/sign-in/", {"login": "owner@acme.test", "password": password["new_password1"]}
        )
        assert signed.status_code == 302
        assert client.get("/").status_code == 200
        assert "used, or has expired" in Client().get(path, follow=True).content.decode()

        pk = last(
            manage(
                "connect", "nearpay", "--merchant", "acme", "--set-env", "api_key=THE_KEY",
                "--set", f"base_url={nearpay.server.url('nearpay')}",
                played=nearpay, THE_KEY="sandbox-key-of-demo",
            )
        )  # fmt: skip
        done = manage("sync", "--account", pk, "--json", played=nearpay)
        told = json.loads(last(done))["accounts"][0]
        assert told["resources"]["transactions"]["stored"] == len(nearpay.sandbox.ledger())
        assert set(told["resources"]["transactions"]) == {
            "fetched", "stored", "changed", "unchanged", "set_aside", "pages", "seconds",
            "complete_to", "error",
        }  # fmt: skip
        assert Transaction.objects.count() == len(nearpay.sandbox.ledger())

        token = last(manage("api-token", "owner@acme.test"))
        assert token.encode() not in bytes(ApiToken.objects.get().digest)
        api = Client(headers={"Authorization": f"Token {token}"})
        assert api.get("/api/v1/transactions/").status_code == 200
        assert "sandbox-key" not in done.stdout + done.stderr

    def test_a_sync_shows_its_progress(self, play: Any) -> None:
        nearpay = play(transactions=300)
        nearpay.connect(Merchant.objects.create(slug="acme", name="Acme"))
        done = manage("sync", "--only", "branches,transactions", played=nearpay)
        assert done.returncode == 0
        assert "transactions" in done.stderr
        assert "set aside" in done.stderr
        assert "sessions" not in done.stderr


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "says", "code"),
        [
            (["person", "no-email", "--merchant", "x", "--role", "owner"], "not an e-mail", 1),
            (["person", "a@b.test", "--merchant", "x", "--role", "owner"], "--create", 1),
            (["person", "a@b.test", "--merchant", "x", "--role", "king"], "invalid choice", 2),
            (["connect", "nearpay", "--merchant", "x", "--create", "X"], "api_key", 1),
            (["connect", "nowhere", "--merchant", "x"], "invalid choice", 2),
            (["sync", "--account", "999"], "no such account", 1),
            (["sync", "--only", "everything"], "--only takes", 2),
            (["sync", "--since", "yesterday"], "--since is a date", 2),
            (["sync"], "No account is connected", 1),
            (["api-token", "nobody@acme.test"], "No such person", 1),
            (["sandbox", "--fault", "error=often"], "a number", 2),
            (["sandbox", "--fault", "erorr=0.1"], "no fault named erorr", 2),
            (["sandbox", "--switch", "order=sideways"], "is one of: newest", 2),
            (["sandbox", "--now", "noon"], "time with its zone", 2),
            (["up"], "make up", 1),
        ],
    )
    def test_are_said_in_words(self, words: list[str], says: str, code: int) -> None:
        done = manage(*words)
        assert done.returncode == code, done.stderr
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert not Membership.objects.exists()
        assert not ProviderAccount.objects.exists()

    @pytest.mark.parametrize("keys", ["short", "x" * 32 + ",short", "x" * 32 + ",", ""])
    def test_a_weak_key_starts_nothing(self, keys: str) -> None:
        done = manage("sync", ENCRYPTION_KEYS=keys)
        assert done.returncode != 0
        assert "ENCRYPTION_KEYS" in done.stderr
        assert "short" not in done.stderr

    def test_a_failed_sync_ends_with_1_and_says_what(self, play: Any) -> None:
        nearpay = play()
        account = nearpay.connect(Merchant.objects.create(slug="acme", name="Acme"))
        nearpay.sandbox.withdrawn.add("sandbox-key-of-demo")
        done = manage("sync", "--account", str(account.pk), played=nearpay)
        assert done.returncode == 1
        assert "refused the credentials" in done.stderr


class TestDoctor:
    def test_says_what_is_wrong_and_how_to_mend_it(self, play: Any) -> None:
        nearpay = play()
        account = nearpay.connect(Merchant.objects.create(slug="acme", name="Acme"))
        ProviderAccount.objects.update(state=ProviderAccount.State.REFUSED)
        done = manage("doctor", BROKER_URL="redis://127.0.0.1:9/0", ENCRYPTION_KEYS="another" * 5)
        assert done.returncode == 1
        for sentence in (
            "broker does not answer",
            "ENCRYPTION_KEYS",
            "give it new ones",
            "BEHIND_TLS_PROXY",
        ):
            assert sentence in done.stdout, sentence
        assert "ok   database" in done.stdout
        assert account.name in done.stdout


class TestStart:
    def test_the_demo_beside_a_public_host_is_refused(self) -> None:
        done = manage("check", DEMO="1", ALLOWED_HOSTS="portal.example.com")
        assert done.returncode != 0
        assert "loopback only" in done.stderr


def test_the_settings_of_the_production_guide_pass_the_checks_for_deployment() -> None:
    given = {
        "SECRET_KEY": "k3y-of-many-different-signs-0123456789-abcdefghij-KLMNOP",
        "ENCRYPTION_KEYS": "another-key-of-many-signs-0123456789-abcdefghij",
        "ALLOWED_HOSTS": "portal.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://portal.example.com",
        "PUBLIC_URL": "https://portal.example.com",
        "BEHIND_TLS_PROXY": "1",
        "DATABASE_URL": "postgresql://portal_app:x@127.0.0.1:1/portal",
        "DATABASE_OWNER_URL": "postgresql://portal_owner:x@127.0.0.1:1/portal",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "EMAIL_URL": "smtp+tls://user:password@smtp.example.com:587",
        "PATH": os.environ["PATH"],
    }
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.django_db
def test_an_operator_cannot_take_the_last_owner_away(alice: Membership) -> None:
    words = {"merchant": alice.merchant.slug, "role": "support"}
    with pytest.raises(CommandError, match="owner who stays"):
        call_command("person", alice.user.email, **words)
    Membership.objects.filter(pk=alice.pk).update(ended_at=alice.created_at)
    call_command("person", alice.user.email, merchant=alice.merchant.slug, role="owner")
    alice.refresh_from_db()
    assert (alice.role, alice.ended_at) == ("OWNER", None)
