"""The team: invited, joined, changed and ended; nobody grants more than they hold."""

import threading
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.utils import timezone

from merchants.actions import team
from merchants.actions.people import add_person, make_token
from merchants.actions.team import NotAllowed, Place
from merchants.models import (
    AuditEntry,
    Branch,
    CustomRole,
    Invitation,
    Membership,
    Merchant,
    User,
)
from merchants.queries import branches_for, memberships_of
from tests.conftest import confirm

PASSWORD = "a long enough one 7"


def browser_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return confirm(client, member.user)


def link_in(text: str) -> str:
    (link,) = [word for word in text.split() if "/join/" in word]
    return link[link.index("/join/") :]


@pytest.fixture
def admin(alice: Membership) -> Membership:
    return add_person(email="bob@acme.test", merchant=alice.merchant, role="ADMIN", name="Bob")


@pytest.mark.django_db
class TestInviting:
    def form(self, **more: Any) -> dict[str, Any]:
        return {"email": "Dan@acme.test", "role": "ACCOUNTANT", "every_branch": "on", **more}

    def test_goes_by_mail_and_ends_in_a_member_who_can_sign_in(self, alice: Membership) -> None:
        browser_of(alice).post("/team/invite/", self.form())
        (letter,) = mail.outbox
        assert letter.to == ["dan@acme.test"]
        assert "Alice invites you to Acme Coffee, as Accountant." in letter.body
        link = link_in(str(letter.body))
        secret = link.split("/")[2]
        assert secret not in str(list(Invitation.objects.values()))
        assert secret not in str(list(AuditEntry.objects.values()))
        client = Client()
        assert "Join Acme Coffee" in client.get(link).content.decode()
        short = client.post(link, {"name": "Dan", "password": "short"})
        assert short.status_code == 422
        assert client.post(link, {"name": "Dan", "password": PASSWORD})["Location"] == "/sign-in/"
        signed = client.post("/sign-in/", {"login": "dan@acme.test", "password": PASSWORD})
        assert signed.status_code == 302
        (member,) = memberships_of(User.objects.get(email="dan@acme.test"))
        assert (member.role, member.every_branch) == ("ACCOUNTANT", True)
        assert client.get("/reconciliations/").status_code == 200
        assert client.get(link).status_code == 404

    def test_to_some_branches_and_until_a_day(self, alice: Membership) -> None:
        own, other = (
            Branch.objects.create(merchant=alice.merchant, name=name) for name in ("One", "Two")
        )
        day = (timezone.now() + timedelta(days=30)).date()
        form = self.form(branches=[own.pk], until=day.isoformat())
        del form["every_branch"]
        browser_of(alice).post("/team/invite/", form)
        client = Client()
        client.post(link_in(str(mail.outbox[0].body)), {"name": "Dan", "password": PASSWORD})
        member = Membership.objects.get(user__email="dan@acme.test")
        assert list(branches_for(member)) == [own]
        assert other not in branches_for(member)
        assert member.expires_at is not None
        assert member.expires_at.date() == day + timedelta(days=1)

    def test_somebody_with_a_sign_in_accepts_with_it_and_works_for_both(
        self, alice: Membership, mallory: Membership
    ) -> None:
        browser_of(alice).post("/team/invite/", self.form(email=mallory.user.email))
        link = link_in(str(mail.outbox[0].body))
        stranger = Client()
        assert "You have a sign-in already" in stranger.get(link).content.decode()
        stranger.post(link, {"name": "X", "password": PASSWORD})
        assert len(memberships_of(mallory.user)) == 1
        assert browser_of(mallory).post(link)["Location"] == "/"
        merchants = {each.merchant.slug for each in memberships_of(mallory.user)}
        assert merchants == {"acme", "evil"}

    def test_opens_to_its_own_email_alone(self, alice: Membership, mallory: Membership) -> None:
        browser_of(alice).post("/team/invite/", self.form())
        link = link_in(str(mail.outbox[0].body))
        browser_of(mallory).post(link)
        assert len(memberships_of(mallory.user)) == 1
        with pytest.raises(NotAllowed, match="another e-mail"):
            team.accept(invitation=Invitation.objects.get(), user=mallory.user, at=timezone.now())

    def test_is_over_after_seven_days_or_when_it_is_withdrawn(self, alice: Membership) -> None:
        at = timezone.now()
        _made, secret = team.invite(by=alice, email="d@acme.test", place=Place("SUPPORT"), at=at)
        assert team.invitation_of(secret, at + timedelta(days=6)) is not None
        assert team.invitation_of(secret, at + timedelta(days=8)) is None
        browser_of(alice).post(f"/team/invitations/{Invitation.objects.get().pk}/withdraw/")
        assert Client().get(f"/join/{secret}/").status_code == 404

    def test_is_over_when_whoever_invited_may_not_any_more(
        self, alice: Membership, admin: Membership
    ) -> None:
        at = timezone.now()
        place = Place("ADMIN")
        made, secret = team.invite(by=admin, email="d@acme.test", place=place, at=at)
        Membership.objects.filter(pk=admin.pk).update(role="SUPPORT")
        answer = Client().post(f"/join/{secret}/", {"name": "Dan", "password": PASSWORD})
        assert answer.status_code == 403
        assert not User.objects.filter(email="d@acme.test").exists()

    def test_the_form_proposes_the_least_and_names_branches_in_the_readers_language(
        self, alice: Membership
    ) -> None:
        Branch.objects.create(merchant=alice.merchant, name="Olaya", name_ar="العليا")
        client = browser_of(alice)
        client.cookies["language"] = "ar"
        for url in ("/team/invite/", "/keys/"):
            text = client.get(url).content.decode()
            shown = text[text.index('name="branches"') :].split("</label>")[0]
            assert "العليا" in shown, url
            assert "Olaya" not in shown, url
        text = client.get("/team/invite/").content.decode()
        assert '<option value="SUPPORT" selected>' in text

    @pytest.mark.parametrize("branches", [[], ["999999"], ["x"]])
    def test_to_no_branch_or_one_of_another_is_refused(
        self, alice: Membership, branches: list[str]
    ) -> None:
        form = self.form(branches=branches)
        del form["every_branch"]
        assert browser_of(alice).post("/team/invite/", form).status_code == 422
        assert not Invitation.objects.exists()


@pytest.mark.django_db
class TestGranting:
    def test_nobody_grants_more_than_they_hold(self, alice: Membership, admin: Membership) -> None:
        at = timezone.now()
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="SUPPORT")
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.invite(by=admin, email="d@acme.test", place=Place("OWNER"), at=at)
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.change_member(by=admin, member=carol, place=Place("OWNER"), at=at)
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.change_member(by=admin, member=admin, place=Place("OWNER"), at=at)
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.keep_role(by=admin, name="All", rights=["TRAIL", "LOOK_UP"], at=at)
        own = CustomRole.objects.create(merchant=alice.merchant, name="Spy", rights=["TRAIL"])
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.keep_role(by=admin, name="Spy", rights=["LOOK_UP"], at=at, role=own)
        with pytest.raises(NotAllowed, match="Read the trail"):
            team.change_member(by=admin, member=carol, place=Place("CUSTOM", own), at=at)
        assert not Invitation.objects.exists()

    def test_an_admin_cannot_touch_an_owner(self, alice: Membership, admin: Membership) -> None:
        at = timezone.now()
        add_person(email="o@acme.test", merchant=alice.merchant, role="OWNER")
        for what in (
            lambda: team.change_member(by=admin, member=alice, place=Place("SUPPORT"), at=at),
            lambda: team.end_member(by=admin, member=alice, at=at),
        ):
            with pytest.raises(NotAllowed):
                what()
        alice.refresh_from_db()
        assert (alice.role, alice.ended_at) == ("OWNER", None)

    def test_a_role_of_ones_own_opens_what_it_names(self, alice: Membership) -> None:
        client = browser_of(alice)
        client.post("/team/roles/new/", {"name": "Auditor", "rights": ["FIGURES", "TRAIL"]})
        role = CustomRole.objects.get()
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="SUPPORT")
        client.post(f"/team/{carol.pk}/", {"role": f"own:{role.pk}", "every_branch": "on"})
        hers = browser_of(carol)
        assert hers.get("/trail/").status_code == 200
        assert hers.get("/transactions/").status_code == 403
        client.post(f"/team/roles/{role.pk}/", {"name": "Auditor", "rights": ["FIGURES"]})
        assert hers.get("/trail/").status_code == 403
        assert "Auditor" in client.get("/team/").content.decode()

    def test_a_role_of_another_merchant_cannot_be_given(
        self, alice: Membership, mallory: Membership
    ) -> None:
        foreign = CustomRole.objects.create(
            merchant=mallory.merchant, name="Theirs", rights=["LOOK_UP"]
        )
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="SUPPORT")
        form = {"role": f"own:{foreign.pk}", "every_branch": "on"}
        assert browser_of(alice).post(f"/team/{carol.pk}/", form).status_code == 422


@pytest.mark.django_db
class TestEnding:
    def test_takes_effect_at_once(self, alice: Membership, token: Any) -> None:
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="SUPPORT")
        hers, api = browser_of(carol), Client(headers=token(carol))
        assert hers.get("/transactions/").status_code == 200
        browser_of(alice).post(f"/team/{carol.pk}/end/")
        assert hers.get("/transactions/").status_code == 403
        assert api.get("/api/v1/transactions/").status_code == 401

    def test_the_last_owner_stays(self, alice: Membership, admin: Membership) -> None:
        at = timezone.now()
        client = browser_of(alice)
        client.post("/team/leave/")
        client.post(f"/team/{alice.pk}/", {"role": "ADMIN", "every_branch": "on"})
        day = (at + timedelta(days=9)).date().isoformat()
        client.post(f"/team/{alice.pk}/", {"role": "OWNER", "every_branch": "on", "until": day})
        alice.refresh_from_db()
        assert (alice.role, alice.ended_at, alice.expires_at) == ("OWNER", None, None)
        add_person(email="o@acme.test", merchant=alice.merchant, role="OWNER")
        client.post("/team/leave/")
        alice.refresh_from_db()
        assert alice.ended_at is not None

    def test_an_owner_whose_time_ends_does_not_count(self, alice: Membership) -> None:
        other = add_person(email="o@acme.test", merchant=alice.merchant, role="OWNER")
        later = timezone.now() + timedelta(days=3)
        Membership.objects.filter(pk=other.pk).update(expires_at=later)
        with pytest.raises(NotAllowed, match="owner who stays"):
            team.end_member(by=alice, member=alice, at=timezone.now())

    def test_an_owner_of_some_branches_keeps_nothing_open(self, alice: Membership) -> None:
        branch = Branch.objects.create(merchant=alice.merchant, name="One")
        client = browser_of(alice)
        form = {"role": "OWNER", "branches": [branch.pk]}
        assert client.post(f"/team/{alice.pk}/", form).status_code == 422
        with pytest.raises(NotAllowed, match="owner who stays"):
            team.change_member(
                by=alice, member=alice, place=Place("OWNER", branches=[branch]), at=timezone.now()
            )
        other = add_person(email="o@acme.test", merchant=alice.merchant, role="OWNER")
        Membership.objects.filter(pk=other.pk).update(every_branch=False)
        with pytest.raises(NotAllowed, match="owner who stays"):
            team.end_member(by=alice, member=alice, at=timezone.now())

    def test_keys_end_with_their_member_and_do_not_come_back(self, alice: Membership) -> None:
        at = timezone.now()
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="ADMIN")
        key = Client(headers={"Authorization": f"Token {make_token(member=carol, at=at)}"})
        assert key.get("/api/v1/branches/").status_code == 200
        team.end_member(by=alice, member=carol, at=at)
        made, _secret = team.invite(by=alice, email="c@acme.test", place=Place("ADMIN"), at=at)
        team.accept(invitation=made, user=carol.user, at=at)
        assert key.get("/api/v1/branches/").status_code == 401

    def test_what_was_read_before_the_lock_counts_for_nothing(
        self, alice: Membership, admin: Membership
    ) -> None:
        at = timezone.now()
        Membership.objects.filter(pk=admin.pk).update(role="SUPPORT")
        with pytest.raises(PermissionDenied):
            team.invite(by=admin, email="d@acme.test", place=Place("SUPPORT"), at=at)
        Membership.objects.filter(pk=admin.pk).update(ended_at=at)
        with pytest.raises(NotAllowed, match="over"):
            team.invite(by=admin, email="d@acme.test", place=Place("SUPPORT"), at=at)
        assert not Invitation.objects.exists()

    def test_who_was_ended_can_be_invited_again(self, alice: Membership) -> None:
        carol = add_person(email="c@acme.test", merchant=alice.merchant, role="ADMIN")
        at = timezone.now()
        team.end_member(by=alice, member=carol, at=at)
        made, _secret = team.invite(by=alice, email="c@acme.test", place=Place("SUPPORT"), at=at)
        back = team.accept(invitation=made, user=carol.user, at=at)
        assert (back.pk, back.role, back.ended_at) == (carol.pk, "SUPPORT", None)


@pytest.mark.usefixtures("committed")
def test_two_owners_who_leave_at_once_leave_one() -> None:
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    owners = [
        add_person(email=f"{name}@acme.test", merchant=merchant, role="OWNER") for name in "ab"
    ]
    refused: list[str] = []

    def leave(member: Membership) -> None:
        try:
            team.end_member(by=member, member=member, at=timezone.now())
        except NotAllowed as problem:
            refused.append(str(problem))
        connection.close()

    both = [threading.Thread(target=copy_context().run, args=[leave, each]) for each in owners]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert Membership.objects.filter(ended_at=None).count() == 1
    assert len(refused) == 1
