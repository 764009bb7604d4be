"""Keys to the API: shown once, kept as a hash, and never more than their member."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from merchants.actions.people import add_person, make_service_token, make_token
from merchants.actions.team import NotAllowed, end_member
from merchants.models import ApiToken, CustomRole, Membership, Right, User
from merchants.queries import team_of
from merchants.sync import run_sync
from terminals.models import TerminalUser
from tests.conftest import QUICK, confirm
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(play: Any, alice: Membership) -> Any:
    made = play(transactions=900, terminals=14).connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


def api(token: str) -> Client:
    return Client(headers={"Authorization": f"Token {token}"})


def browser_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return confirm(client, member.user)


def test_a_key_is_shown_once_and_kept_as_a_hash(account: Any, alice: Membership) -> None:
    client = browser_of(alice)
    form = {"name": "Nightly", "rights": ["LOOK_UP"], "days": "30"}
    text = client.post("/keys/", form).content.decode()
    (token,) = re.findall(r'class="id mask">([\w-]{43})<', text)
    assert api(token).get("/api/v1/transactions/").status_code == 200
    again = client.get("/keys/").content.decode()
    assert token not in again
    assert f"{token[:6]}…" in again
    assert token not in str(list(ApiToken.objects.values()))
    assert token not in client.get("/trail/").content.decode()
    assert ApiToken.objects.get().last_used_at is not None


def test_it_is_kept_to_its_rights(account: Any, alice: Membership) -> None:
    key = make_token(member=alice, at=timezone.now(), rights=[Right.LOOK_UP])
    assert api(key).get("/api/v1/transactions/").status_code == 200
    refused = api(key).get("/api/v1/reconciliations/")
    assert refused.status_code == 403
    assert "See totals" in refused.json()["detail"]
    person = TerminalUser.objects.exclude(mobile=None).order_by("pk")[0]
    shown = api(key).get(f"/api/v1/terminal-users/{person.pk}/").json()
    assert shown["mobile"] != person.mobile


def test_it_is_kept_to_its_branches(account: Any, alice: Membership) -> None:
    mine = account.branches.order_by("pk")[0].branch
    key = make_token(member=alice, at=timezone.now(), branches=[mine])
    for name in ("transactions", "terminals", "sessions", "reconciliations"):
        rows = api(key).get(f"/api/v1/{name}/?page_size=500").json()["results"]
        assert rows, name
        assert {row["branch"]["id"] for row in rows} == {mine.pk}, name
    other = Transaction.objects.exclude(branch=mine).order_by("pk")[0]
    assert api(key).get(f"/api/v1/transactions/{other.pk}/").status_code == 404
    # What is of the merchant as a whole is not of a part of it.
    assert api(key).get("/api/v1/accounts/").status_code == 403


def test_it_never_may_more_than_its_member(account: Any, alice: Membership) -> None:
    carol = add_person(email="c@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
    key = make_token(member=carol, at=timezone.now(), rights=list(Right))
    assert api(key).get("/api/v1/reconciliations/").status_code == 200
    assert api(key).get("/api/v1/accounts/").status_code == 403
    form = {"name": "More", "rights": ["ACCOUNTS"], "days": "30"}
    assert browser_of(carol).post("/keys/", form).status_code == 422
    Membership.objects.filter(pk=carol.pk).update(role="SUPPORT")
    assert api(key).get("/api/v1/reconciliations/").status_code == 403


def test_it_ends_at_its_time_and_when_it_is_revoked(account: Any, alice: Membership) -> None:
    now = timezone.now()
    key = make_token(member=alice, at=now, expires_at=now + timedelta(days=1))
    assert api(key).get("/api/v1/branches/").status_code == 200
    ApiToken.objects.update(expires_at=now - timedelta(seconds=1))
    assert api(key).get("/api/v1/branches/").status_code == 401
    key = make_token(member=alice, at=now)
    latest = ApiToken.objects.order_by("-pk")[0]
    browser_of(alice).post(f"/keys/{latest.pk}/revoke/")
    assert api(key).get("/api/v1/branches/").status_code == 401


def test_one_sees_ones_own_and_managers_the_teams(account: Any, alice: Membership) -> None:
    carol = add_person(email="c@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
    make_token(member=alice, at=timezone.now(), name="Owners")
    make_token(member=carol, at=timezone.now(), name="Carols")
    hers = browser_of(carol).get("/keys/").content.decode()
    assert "Carols" in hers
    assert "Owners" not in hers
    everybodys = browser_of(alice).get("/keys/").content.decode()
    assert "Carols" in everybodys
    theirs = ApiToken.objects.get(name="Owners")
    assert browser_of(carol).post(f"/keys/{theirs.pk}/revoke/").status_code == 404


class TestPrograms:
    def form(self, **changed: Any) -> dict[str, Any]:
        plain = {"name": "Ledger", "rights": ["LOOK_UP"], "days": "30", "service": "on"}
        return plain | changed

    def key_of(self, member: Membership, **changed: Any) -> str:
        browser = Client()
        browser.force_login(member.user)
        answer = confirm(browser, member.user).post("/keys/", self.form(**changed))
        assert answer.status_code == 200
        made: str = answer.context["made"]
        return made

    def test_goes_on_when_its_maker_leaves(self, alice: Membership) -> None:
        other = add_person(email="o@acme.test", merchant=alice.merchant, role="OWNER")
        key = self.key_of(other)
        end_member(by=alice, member=other, at=timezone.now())
        api = Client(headers={"Authorization": f"Token {key}"})
        assert api.get("/api/v1/branches/").status_code == 200
        assert api.get("/api/v1/reconciliations/").status_code == 403
        assert api.get("/api/v1/accounts/").status_code == 403

    def test_is_no_member_and_no_owner(self, alice: Membership) -> None:
        self.key_of(alice)
        assert [each.user.email for each in team_of(alice)] == ["alice@acme.test"]
        with pytest.raises(NotAllowed, match="needs an owner"):
            end_member(by=alice, member=alice, at=timezone.now())

    def test_ends_with_its_key(self, alice: Membership) -> None:
        key = self.key_of(alice)
        browser = Client()
        browser.force_login(alice.user)
        browser.post(f"/keys/{ApiToken.objects.get().pk}/revoke/")
        api = Client(headers={"Authorization": f"Token {key}"})
        assert api.get("/api/v1/branches/").status_code == 401
        service = User.objects.get(is_service=True)
        assert not service.is_active
        assert not service.has_usable_password()

    def test_is_made_only_by_who_manages_the_team_and_may_no_more_than_they(
        self, alice: Membership
    ) -> None:
        clerk = add_person(email="c@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        self.key_of(clerk)
        assert not User.objects.filter(is_service=True).exists()
        with pytest.raises(PermissionDenied):
            make_service_token(by=clerk, name="X", rights=[Right.LOOK_UP], at=timezone.now())
        own = CustomRole.objects.create(
            merchant=alice.merchant, name="Own", rights=["LOOK_UP", "TEAM", "TOKENS"]
        )
        Membership.objects.filter(pk=clerk.pk).update(role="CUSTOM", custom_role=own)
        limited = Membership.objects.get(pk=clerk.pk)
        with pytest.raises(PermissionDenied):
            make_service_token(by=limited, name="X", rights=[Right.PERSONAL], at=timezone.now())
