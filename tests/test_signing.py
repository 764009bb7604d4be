"""Signing in: a password and a second factor, throttled, and sessions that end."""

import re
import threading
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.hashers import get_hasher
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Membership, Merchant, User

PASSWORD = "a long enough one 7"


@pytest.fixture
def person(alice: Membership) -> User:
    alice.user.set_password(PASSWORD)
    alice.user.save()
    return alice.user


def post(client: Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in/", {"login": email, "password": password}, **more)


def code_of(secret: str, ago: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 - ago)))


def with_app(user: User) -> tuple[Client, str]:
    """Signed in, with an authenticator app added by its own page."""
    client = Client()
    assert post(client, user.email).status_code == 302
    secret = client.get("/second-factor/totp/activate/").context["form"].secret
    answer = client.post("/second-factor/totp/activate/", {"code": code_of(secret)})
    assert answer.status_code == 302
    return client, secret


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


@pytest.mark.django_db
class TestSecondFactor:
    def test_an_app_is_added_and_asked_from_then_on(self, person: User) -> None:
        with_app(person)
        client = Client()
        answer = post(client, person.email)
        assert answer["Location"].startswith("/second-factor/authenticate/")
        assert not signed_in(client)
        secret = secret_of(person)
        assert client.post("/second-factor/authenticate/", {"code": "000000"}).status_code == 200
        assert not signed_in(client)
        cache.clear()  # The code that added the app is used up for its half minute.
        client.post("/second-factor/authenticate/", {"code": code_of(secret)})
        assert signed_in(client)

    def test_a_code_opens_once(self, person: User) -> None:
        with_app(person)
        secret = secret_of(person)
        cache.clear()
        code = code_of(secret)
        first, second = Client(), Client()
        for client in (first, second):
            post(client, person.email)
            client.post("/second-factor/authenticate/", {"code": code})
        assert signed_in(first)
        assert not signed_in(second)

    def test_a_recovery_code_opens_once(self, person: User) -> None:
        with_app(person)
        codes = Authenticator.objects.get(user=person, type="recovery_codes").wrap()
        code = codes.get_unused_codes()[0]
        first, second = Client(), Client()
        for client in (first, second):
            post(client, person.email)
            client.post("/second-factor/authenticate/", {"code": code})
        assert signed_in(first)
        assert not signed_in(second)

    def test_the_last_passkey_of_who_needs_a_factor_stays(
        self, person: User, settings: Any
    ) -> None:
        settings.SECOND_FACTOR_FORCED = True
        client, _secret = with_app(person)
        key = Authenticator.objects.create(user=person, type="webauthn", data={"name": "Phone"})
        Authenticator.objects.filter(user=person, type="totp").delete()
        client.post(f"/second-factor/webauthn/keys/{key.pk}/remove/")
        assert Authenticator.objects.filter(pk=key.pk).exists()
        settings.SECOND_FACTOR_FORCED = False
        client.post(f"/second-factor/webauthn/keys/{key.pk}/remove/")
        assert not Authenticator.objects.filter(pk=key.pk).exists()

    def test_a_session_without_the_factor_is_not_opened_by_somebody_elses_adding_it(
        self, person: User, settings: Any
    ) -> None:
        settings.SECOND_FACTOR_FORCED = True
        intruder = Client()
        post(intruder, person.email)
        assert intruder.get("/").status_code == 302
        Authenticator.objects.create(user=person, type="totp", data={"secret": ""})
        answer = intruder.get("/transactions/")
        assert answer["Location"].startswith("/second-factor/reauthenticate/")

    def test_a_wrong_code_is_recorded(self, person: User) -> None:
        with_app(person)
        client = Client()
        post(client, person.email)
        client.post("/second-factor/authenticate/", {"code": "000000"})
        assert AuditEntry.objects.filter(action="person.refused").count() == 1

    def test_a_support_agent_may_go_without(self, person: User, settings: Any) -> None:
        settings.SECOND_FACTOR_FORCED = True
        Membership.objects.update(role="SUPPORT")
        client = Client()
        post(client, person.email)
        assert signed_in(client)


@pytest.fixture
def somebody(committed: None) -> User:
    """The library tells what it has done once it is really committed."""
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    user = add_person(email="alice@acme.test", merchant=merchant, role="OWNER").user
    user.set_password(PASSWORD)
    user.save()
    return user


class TestTrail:
    """Each page of a second factor leaves exactly one entry."""

    def entries(self) -> list[str]:
        return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))

    def left(self, client: Client, url: str, form: dict[str, Any]) -> list[str]:
        before = len(self.entries())
        assert client.post(url, form).status_code in (200, 302)
        return self.entries()[before:]

    def test_adding_an_app(self, somebody: User) -> None:
        client = Client()
        post(client, somebody.email)
        page = "/second-factor/totp/activate/"
        secret = client.get(page).context["form"].secret
        assert self.left(client, page, {"code": code_of(secret)}) == ["person.factor_added"]

    @pytest.mark.parametrize(
        ("url", "action"),
        [
            ("totp/deactivate/", "person.factor_removed"),
            ("recovery-codes/generate/", "person.codes_made"),
        ],
    )
    def test_changing_what_there_is(self, somebody: User, url: str, action: str) -> None:
        client, _secret = with_app(somebody)
        assert self.left(client, f"/second-factor/{url}", {}) == [action]

    @pytest.mark.parametrize(
        ("verb", "action"),
        [("remove", "person.factor_removed"), ("edit", "person.factor_renamed")],
    )
    def test_a_passkey(self, somebody: User, verb: str, action: str) -> None:
        client, _secret = with_app(somebody)
        key = Authenticator.objects.create(
            user=somebody, type="webauthn", data={"name": "Phone", "credential": {}}
        )
        url = f"/second-factor/webauthn/keys/{key.pk}/{verb}/"
        assert self.left(client, url, {"name": "Tablet"}) == [action]

    def test_signing_in_with_a_code_and_showing_one_again(self, somebody: User) -> None:
        with_app(somebody)
        codes = Authenticator.objects.get(user=somebody, type="recovery_codes").wrap()
        first, second = codes.get_unused_codes()[:2]
        client = Client()
        assert self.left(client, "/sign-in/", {"login": somebody.email, "password": PASSWORD}) == []
        page = "/second-factor/authenticate/"
        assert self.left(client, page, {"code": first}) == ["person.signed_in"]
        session = client.session
        session["account_authentication_methods"] = []
        session.save()
        page = "/second-factor/reauthenticate/"
        assert self.left(client, page, {"code": second}) == ["person.confirmed"]


def secret_of(user: User) -> str:
    from allauth.mfa.utils import decrypt

    return str(decrypt(Authenticator.objects.get(user=user, type="totp").data["secret"]))


@pytest.mark.django_db
class TestThrottle:
    def test_ten_failures_close_an_email_to_its_own_password_for_half_an_hour(
        self, person: User, monkeypatch: Any
    ) -> None:
        for number in range(10):
            answer = post(Client(), person.email, "wrong", REMOTE_ADDR=f"192.0.2.{number}")
            assert answer.status_code == 200
        client = Client()
        assert post(client, person.email, REMOTE_ADDR="192.0.2.99").status_code == 200
        assert not signed_in(client)
        assert AuditEntry.objects.filter(action="person.locked_out").count() == 1
        now = time.time()
        monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda: now + 29 * 60)
        assert post(client, person.email, REMOTE_ADDR="192.0.2.99").status_code == 200
        monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda: now + 31 * 60)
        assert post(client, person.email, REMOTE_ADDR="192.0.2.99").status_code == 302

    def test_ten_failures_close_an_address_to_everybody(self, person: User) -> None:
        for number in range(10):
            post(Client(), f"nobody{number}@acme.test", "wrong", REMOTE_ADDR="192.0.2.7")
        assert post(Client(), person.email, REMOTE_ADDR="192.0.2.7").status_code == 200
        assert post(Client(), person.email, REMOTE_ADDR="192.0.2.8").status_code == 302

    def test_a_success_does_not_give_the_failures_back(self, person: User) -> None:
        for number in range(9):
            post(Client(), person.email, "wrong", REMOTE_ADDR=f"192.0.2.{number}")
        assert post(Client(), person.email).status_code == 302
        post(Client(), person.email, "wrong")
        assert post(Client(), person.email).status_code == 200

    def test_known_and_unknown_people_do_equal_work_and_read_the_same(
        self, person: User, monkeypatch: Any, django_assert_max_num_queries: Any
    ) -> None:
        hashes: list[str] = []
        hasher = type(get_hasher())
        encode = hasher.encode

        def counted(self: Any, password: str, *args: Any, **kwargs: Any) -> str:
            hashes.append(password)
            return encode(self, password, *args, **kwargs)

        monkeypatch.setattr(hasher, "encode", counted)
        seen = []
        # The first failure of all writes what later ones find.
        post(Client(), "first@acme.test", "wrong")
        for email in (person.email, "nobody@acme.test"):
            hashes.clear()
            with CaptureQueriesContext(connection) as asked:
                answer = post(Client(), email, "wrong")
            text = answer.content.decode().replace(email, "")
            shapes = [shape_of(each["sql"]) for each in asked.captured_queries]
            seen.append((len(hashes), answer.status_code, error_of(text), shapes))
        assert seen[0] == seen[1]
        assert seen[0][0] == 1

    def test_a_link_by_mail_is_asked_for_in_the_same_words(self, person: User) -> None:
        answers = [
            Client().post("/password/forgotten/", {"email": email}, follow=True)
            for email in (person.email, "nobody@acme.test")
        ]
        texts = [re.sub(r'value="[^"]{64}"', "", each.content.decode()) for each in answers]
        assert texts[0].split("<main")[1] == texts[1].split("<main")[1]
        to_known = [each for each in mail.outbox if each.to == [person.email]]
        (link,) = [word for word in to_known[0].body.split() if "/password/new/" in word]
        client = Client()
        page = client.get(link[link.index("/password/new/") :], follow=True)
        new = "another long one 8"
        form = {"password1": new, "password2": new}
        assert client.post(page.request["PATH_INFO"], form).status_code == 302
        assert post(Client(), person.email, new).status_code == 302
        assert client.get(link[link.index("/password/new/") :]).context["token_fail"]

    @pytest.mark.parametrize("password", ["short 1", "password12345", "alice@acme.test"])
    def test_a_password_is_long_and_not_a_common_one(self, person: User, password: str) -> None:
        client = Client()
        post(client, person.email)
        form = {"oldpassword": PASSWORD, "password1": password, "password2": password}
        assert client.post("/password/", form).status_code == 200
        person.refresh_from_db()
        assert person.check_password(PASSWORD)


def shape_of(sql: str) -> str:
    """A statement without what it is about."""
    sql = re.sub(r"^select set_config[^;]*; ", "", sql)
    return re.sub(r"'(?:[^']|'')*'|\b[0-9]+\b|NULL|sync_[0-9]+|\bs[0-9]+_x[0-9]+\b", "?", sql)


def error_of(text: str) -> str:
    return text[text.index('class="error"') :].split("</p>")[0]


@pytest.mark.usefixtures("committed")
def test_who_sees_money_or_people_is_kept_until_they_have_one(settings: Any) -> None:
    settings.SECOND_FACTOR_FORCED = True
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    person = add_person(email="alice@acme.test", merchant=merchant, role="OWNER").user
    person.set_password(PASSWORD)
    person.save()
    client, elsewhere = Client(), Client()
    for each in (client, elsewhere):
        post(each, person.email)
    for url in ("/", "/transactions/", "/accounts/", "/terminals/people/"):
        answer = client.get(url)
        assert (answer.status_code, answer["Location"]) == (302, "/second-factor/")
    fragment = client.get("/", headers={"HX-Request": "true"})
    assert fragment["HX-Redirect"] == "/second-factor/"
    assert "Add a second factor to go on" in client.get("/second-factor/").content.decode()
    secret = client.get("/second-factor/totp/activate/").context["form"].secret
    client.post("/second-factor/totp/activate/", {"code": code_of(secret)})
    assert signed_in(client)
    assert "Add a second factor to go on" not in client.get("/second-factor/").content.decode()
    # Neither does it say so to somebody who signed in with one.
    again = Client()
    post(again, person.email)
    codes = Authenticator.objects.get(user=person, type="recovery_codes").wrap()
    again.post("/second-factor/authenticate/", {"code": codes.get_unused_codes()[0]})
    assert signed_in(again)
    assert "Add a second factor to go on" not in again.get("/second-factor/").content.decode()
    # A session that knew the password alone is over.
    assert elsewhere.get("/second-factor/")["Location"].startswith("/sign-in/")
    client.post("/second-factor/totp/deactivate/")
    assert Authenticator.objects.filter(user=person, type="totp").exists()


@pytest.mark.usefixtures("committed")
def test_no_secret_of_an_app_is_in_the_clear() -> None:
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    user = add_person(email="alice@acme.test", merchant=merchant, role="OWNER").user
    user.set_password(PASSWORD)
    user.save()
    client, secret = with_app(user)
    for row in Authenticator.objects.filter(user=user):
        assert secret not in str(row.data)
    assert AuditEntry.objects.filter(action="person.factor_added").count() == 1
    assert secret not in client.get("/trail/").content.decode()
    assert [each.to for each in mail.outbox] == [[user.email]]


@pytest.mark.usefixtures("committed")
def test_fifty_at_once_are_checked_ten_times_at_most(monkeypatch: Any) -> None:
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    user = add_person(email="alice@acme.test", merchant=merchant, role="OWNER").user
    user.set_password(PASSWORD)
    user.save()
    checked: list[str] = []
    check = User.check_password

    def counted(self: User, raw: str) -> bool:
        checked.append(raw)
        return check(self, raw)

    monkeypatch.setattr(User, "check_password", counted)

    def attempt(number: int) -> None:
        post(Client(), user.email, f"wrong {number}", REMOTE_ADDR=f"198.51.100.{number}")
        connection.close()

    tries = [threading.Thread(target=attempt, args=[number]) for number in range(50)]
    for each in tries:
        each.start()
    for each in tries:
        each.join()
    assert 1 <= len(checked) <= 10


@pytest.mark.django_db
class TestOldPassword:
    def test_is_counted_like_any_other_try(self, person: User) -> None:
        client = Client()
        post(client, person.email)
        new = "another long one 8"
        for number in range(11):
            form = {"oldpassword": f"wrong {number}", "password1": new, "password2": new}
            assert client.post("/password/", form, REMOTE_ADDR=f"192.0.2.{number}").status_code in (
                200, 429,
            )  # fmt: skip
        form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        client.post("/password/", form, REMOTE_ADDR="192.0.2.99")
        person.refresh_from_db()
        assert person.check_password(PASSWORD)


@pytest.mark.django_db
class TestSessions:
    @pytest.fixture
    def client(self, person: User) -> Client:
        client = Client()
        post(client, person.email)
        assert signed_in(client)
        return client

    def later(self, monkeypatch: Any, seconds: int) -> None:
        now = time.time() + seconds
        monkeypatch.setattr("merchants.middleware.time", lambda: now)

    def test_ends_after_a_quarter_of_an_hour_without_use(
        self, client: Client, monkeypatch: Any
    ) -> None:
        self.later(monkeypatch, 14 * 60)
        assert signed_in(client)
        self.later(monkeypatch, 28 * 60)
        assert signed_in(client)
        self.later(monkeypatch, 44 * 60)
        assert client.get("/")["Location"].startswith("/sign-in/")

    def test_is_not_kept_by_what_a_page_asks_for_by_itself(
        self, client: Client, monkeypatch: Any
    ) -> None:
        for minute in range(1, 15):
            self.later(monkeypatch, minute * 60)
            assert client.get("/", headers={"X-Poll": "1"}).status_code == 200
        self.later(monkeypatch, 16 * 60)
        lost = client.get("/", headers={"X-Poll": "1", "HX-Request": "true"})
        assert lost.status_code == 401

    def test_ends_after_twelve_hours_however_it_is_used(
        self, client: Client, monkeypatch: Any
    ) -> None:
        for minute in range(10, 12 * 60, 10):
            self.later(monkeypatch, minute * 60)
            assert signed_in(client), minute
        self.later(monkeypatch, 12 * 3600 + 60)
        assert not signed_in(client)

    def test_has_a_new_id_at_each_rise_of_rights(self, person: User) -> None:
        client = Client()
        client.get("/sign-in/")
        client.session.save()
        before = client.session.session_key
        post(client, person.email)
        within = client.session.session_key
        assert within != before
        client.post("/sign-in/again/", {"password": PASSWORD})
        assert client.session.session_key != within
        assert signed_in(client)

    def test_ends_everywhere_at_once(self, client: Client, person: User) -> None:
        other = Client()
        post(other, person.email)
        assert signed_in(other)
        assert client.post("/sign-out/everywhere/").status_code == 302
        assert not signed_in(client)
        assert not signed_in(other)
        assert post(Client(), person.email).status_code == 302

    def test_ends_with_another_password_elsewhere(self, client: Client, person: User) -> None:
        other = Client()
        post(other, person.email)
        new = "another long one 8"
        form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        assert client.post("/password/", form).status_code == 302
        assert signed_in(client)
        assert not signed_in(other)

    def test_secrets_and_exports_of_people_ask_again_after_five_minutes(
        self, client: Client, monkeypatch: Any
    ) -> None:
        urls = ("/accounts/connect/nearpay/", "/terminals/people/?download=csv")
        for url in urls:
            assert client.get(url).status_code == 200
        now = time.time()
        monkeypatch.setattr("portal.confirm.time", lambda: now + 301)
        for url in urls:
            answer = client.get(url)
            assert answer.status_code == 302
            assert answer["Location"].startswith("/sign-in/again/?next=")
        assert client.get("/terminals/people/").status_code == 200


@pytest.mark.django_db
def test_a_one_time_link_does_not_pass_by_the_second_factor(person: User) -> None:
    from merchants.actions.people import one_time_link

    with_app(person)
    person.refresh_from_db()
    client = Client()
    uid, token = one_time_link(person)
    page = client.get(f"/set-password/{uid}/{token}/")["Location"]
    new = "another long one 8"
    answer = client.post(page, {"new_password1": new, "new_password2": new})
    assert answer["Location"] == "/sign-in/"
    assert not signed_in(client)
    assert post(client, person.email, new)["Location"].startswith("/second-factor/authenticate/")


@pytest.mark.django_db
def test_nobody_joins_uninvited() -> None:
    assert "By invitation" in Client().get("/join/").content.decode()
    form = {"email": "x@x.test", "password1": PASSWORD}
    Client().post("/join/", form)
    assert not User.objects.filter(email="x@x.test").exists()
