"""What is personal: shown for a reason, handed over, forgotten, and let go of with age."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.test import Client

from merchants.actions.keeping import keep_for
from merchants.actions.people import add_person, make_token
from merchants.actions.team import end_member
from merchants.actions.trail import chains, seal_entries, values_of, verify
from merchants.models import AuditEntry, Membership, Merchant, PersonKey, ProviderAccount, User
from merchants.sync import Ask, run_sync
from terminals.actions import Held, note_holdings
from terminals.models import Terminal, TerminalUser
from tests.conftest import NOON, QUICK, Played, confirm
from transactions.keeping import let_go
from transactions.models import Receipt, Session, Transaction
from transactions.tasks import let_go_

pytestmark = pytest.mark.django_db


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=600, terminals=8)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def person(account: ProviderAccount) -> TerminalUser:
    held = Terminal.objects.filter(account=account).exclude(terminal_user=None).order_by("pk")[0]
    assert held.terminal_user is not None
    return held.terminal_user


def browser_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return confirm(client, member.user)


@pytest.fixture
def support(merchant: Merchant) -> Membership:
    return add_person(email="sue@acme.test", merchant=merchant, role="SUPPORT", name="Sue")


class TestRevealing:
    def test_shows_one_person_once_and_records_why(
        self, support: Membership, person: TerminalUser
    ) -> None:
        browser, page = browser_of(support), f"/terminals/people/{person.pk}/"
        assert person.name not in browser.get(page).content.decode()
        shown = browser.post(f"{page}reveal/", {"reason": "case 4711"}).content.decode()
        assert person.name in shown
        assert str(person.mobile) in shown
        entry = AuditEntry.objects.get(action="person.revealed")
        assert (entry.reason, entry.subject_id, entry.actor) == (
            "case 4711", person.pk, support.user,
        )  # fmt: skip
        assert person.name not in browser.get(page).content.decode()

    @pytest.mark.parametrize("reason", ["", "   ", "why", "x" * 201])
    def test_needs_a_reason(self, support: Membership, person: TerminalUser, reason: str) -> None:
        url = f"/terminals/people/{person.pk}/reveal/"
        answer = browser_of(support).post(url, {"reason": reason})
        assert answer.status_code == 422
        assert person.name not in answer.content.decode()
        assert not AuditEntry.objects.filter(action="person.revealed").exists()

    def test_is_not_for_collecting_people(self, support: Membership, person: TerminalUser) -> None:
        browser, url = browser_of(support), f"/terminals/people/{person.pk}/reveal/"
        for number in range(30):
            assert browser.post(url, {"reason": f"case {number}"}).status_code == 200
        refused = browser.post(url, {"reason": "case 31"})
        assert refused.status_code == 422
        assert person.name not in refused.content.decode()

    def test_names_are_not_told_by_their_order(
        self, support: Membership, account: ProviderAccount
    ) -> None:
        found = browser_of(support).get("/terminals/people/?sort=name").content.decode()
        pks = list(TerminalUser.objects.order_by("pk").values_list("pk", flat=True))
        places = [found.index(f"/terminals/people/{pk}/") for pk in pks]
        assert places == sorted(places)


class TestHandingOver:
    def test_holds_what_is_kept_and_who_looked(
        self, alice: Membership, support: Membership, person: TerminalUser
    ) -> None:
        browser_of(support).post(
            f"/terminals/people/{person.pk}/reveal/", {"reason": "asked at the counter"}
        )
        answer = browser_of(alice).get(f"/people/{person.pk}/data/")
        assert person.name not in answer["Content-Disposition"]
        kept = json.loads(answer.content)
        assert kept["person"]["mobile"] == person.mobile
        sold = Transaction.objects.filter(terminal_user=person)
        assert kept["transactions"]["number"] == sold.count() > 0
        months = kept["transactions"]["by_month"]
        assert sum(each["number"] for each in months) == sold.count()
        held = Terminal.objects.filter(terminal_user=person)
        assert {each["terminal_id"] for each in kept["terminals"]} == {each.tid for each in held}
        actions = [(each["action"], each["reason"]) for each in kept["trail"]]
        assert ("person.revealed", "asked at the counter") in actions
        assert ("person.exported", "") in actions

    def test_asks_again_who_one_is(self, alice: Membership, person: TerminalUser) -> None:
        client = Client()
        client.force_login(alice.user)
        session = client.session
        session["account_authentication_methods"] = []
        session.save()
        answer = client.get(f"/people/{person.pk}/data/")
        assert answer["Location"].startswith("/sign-in/again/")

    def test_everybody_gets_their_own(self, alice: Membership, mallory: Membership) -> None:
        make_token(member=alice, at=NOON, name="Nightly")
        browser = browser_of(alice)
        browser.get("/search/?q=4655")
        kept = json.loads(browser.get("/me/data/").content)
        assert kept["person"]["email"] == "alice@acme.test"
        assert [each["merchant"] for each in kept["merchants"]] == ["Acme Coffee"]
        assert [each["name"] for each in kept["keys"]] == ["Nightly"]
        searched = [each for each in kept["trail"] if each["action"] == "rows.searched"]
        assert searched[0]["facts"]["text"] == "4655"
        theirs = json.loads(browser_of(mallory).get("/me/data/").content)
        assert "alice" not in json.dumps(theirs)


class TestForgetting:
    def test_leaves_no_name_anywhere_and_every_sale(
        self, alice: Membership, person: TerminalUser, account: ProviderAccount, nearpay: Played
    ) -> None:
        sold = Transaction.objects.filter(terminal_user=person).count()
        browser = browser_of(alice)
        assert browser.post(f"/terminals/people/{person.pk}/erase/").status_code == 302
        for page in (
            f"/terminals/people/{person.pk}/", "/terminals/people/", "/terminals/",
            "/transactions/?columns=terminal_user", f"/people/{person.pk}/data/",
        ):  # fmt: skip
            assert person.name not in browser.get(page).content.decode(), page
        assert Transaction.objects.filter(terminal_user=person).count() == sold > 0
        # The provider goes on saying the name, and a whole reading does not bring it back.
        assert run_sync(account.pk, Ask(whole=True), limits=QUICK).state == "DONE"
        person.refresh_from_db()
        assert (person.name, person.mobile, person.email) == ("", None, None)

    def test_happens_once_and_the_chain_holds(
        self, alice: Membership, person: TerminalUser
    ) -> None:
        browser = browser_of(alice)
        for _ in range(2):
            browser.post(f"/terminals/people/{person.pk}/erase/")
        assert AuditEntry.objects.filter(action="person.erased").count() == 1
        key = PersonKey.objects.get(kind="terminaluser", subject_id=person.pk)
        assert key.sealed is None
        seal_entries()
        assert not [flaw for chain in chains() for flaw in verify(chain)]

    def test_the_database_keeps_no_name_of_an_erased_person(self, person: TerminalUser) -> None:
        with pytest.raises(IntegrityError, match="an_erased_person"), transaction.atomic():
            TerminalUser.objects.filter(pk=person.pk).update(erased_at=NOON)

    def test_is_not_for_who_sees_them_masked(
        self, support: Membership, person: TerminalUser
    ) -> None:
        answer = browser_of(support).post(f"/terminals/people/{person.pk}/erase/")
        assert answer.status_code == 403
        person.refresh_from_db()
        assert person.erased_at is None

    def test_of_somebody_who_signs_in_waits_until_they_work_for_nobody(
        self, alice: Membership, support: Membership
    ) -> None:
        with pytest.raises(CommandError, match="still work"):
            call_command("erase-person", "sue@acme.test")
        browser_of(support).get("/search/?q=4655")
        end_member(by=alice, member=support, at=NOON)
        call_command("erase-person", "Sue@acme.test")
        gone = User.objects.get(pk=support.user_id)
        assert (gone.name, gone.is_active, gone.has_usable_password()) == ("", False, False)
        assert "sue" not in gone.email
        entries = list(AuditEntry.objects.filter(action="rows.searched"))
        assert values_of(entries)[entries[0].pk]["text"] is None
        seal_entries()
        assert not [flaw for chain in chains() for flaw in verify(chain)]


class TestAge:
    def sums(self) -> dict[str, Any]:
        return Transaction.objects.aggregate(Sum("amount_minor"), Sum("captured_minor"))

    def test_what_is_old_says_no_more_in_whose_hands_it_was_and_the_money_stays(
        self, alice: Membership, account: ProviderAccount
    ) -> None:
        before, receipts = self.sums(), Receipt.objects.count()
        keep_for(by=alice, months=6, answers_checks=True)
        young = Transaction.objects.order_by("-occurred_at")[0]
        # 31 days to the month; what is as old as that is kept yet.
        at = young.occurred_at + timedelta(days=31 * 6)
        assert let_go(at) > 0
        old = Transaction.objects.filter(occurred_at__lt=young.occurred_at)
        assert old.exists()
        assert not old.exclude(terminal_user=None, device=None, reference=None).exists()
        young.refresh_from_db()
        assert young.device_id is not None
        assert self.sums() == before
        assert Receipt.objects.count() == receipts
        assert not Session.objects.filter(
            occurred_at__lt=young.occurred_at, reference__isnull=False
        ).exists()
        # Nothing is left to do, and a reading that finds nothing new brings nothing back.
        assert let_go(at) == 0
        assert run_sync(account.pk, Ask(whole=True), limits=QUICK).state == "DONE"
        assert not old.exclude(terminal_user=None).exists()

    def test_people_of_whom_nothing_speaks_are_forgotten(
        self, alice: Membership, account: ProviderAccount, person: TerminalUser
    ) -> None:
        keep_for(by=alice, months=6, answers_checks=True)
        own = Terminal.objects.filter(terminal_user=person)
        note_holdings(account, [Held(each.pk, None) for each in own], NOON)
        own.update(terminal_user=None)
        let_go(NOON + timedelta(days=4000))
        person.refresh_from_db()
        assert person.erased_at is not None
        holding = Terminal.objects.exclude(terminal_user=None).values("terminal_user")
        assert not TerminalUser.objects.filter(pk__in=holding, erased_at__isnull=False).exists()

    def test_nothing_goes_where_nobody_said_so(
        self, alice: Membership, mallory: Membership, account: ProviderAccount
    ) -> None:
        keep_for(by=mallory, months=6, answers_checks=True)
        named = Transaction.objects.exclude(terminal_user=None).count()
        assert let_go_() == let_go(NOON + timedelta(days=4000)) == 0
        assert Transaction.objects.exclude(terminal_user=None).count() == named > 0

    def test_is_chosen_on_a_page(self, alice: Membership) -> None:
        browser = browser_of(alice)
        assert browser.post("/team/personal-data/", {"months": "7"}).status_code == 422
        assert (
            browser.post(
                "/team/personal-data/", {"months": "24", "answers_checks": "on"}
            ).status_code
            == 302
        )
        assert Merchant.objects.get(pk=alice.merchant_id).personal_months == 24
        assert AuditEntry.objects.get(action="merchant.keeping_changed").facts == {
            "months": [0, 24]
        }
        browser.post("/team/personal-data/", {"months": ""})
        assert Merchant.objects.get(pk=alice.merchant_id).personal_months is None
