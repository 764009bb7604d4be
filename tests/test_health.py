"""What is wrong in the fleet: found by rules, told once to each who wants to know; and the line of
time of one terminal."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.timezone import now

from merchants.actions.drift import Said, note_drift
from merchants.actions.mail import send_letters
from merchants.actions.people import add_person
from merchants.models import Alert, Branch, Membership, Operation, ProviderAccount
from merchants.sync import run_sync
from reports.health import choose, note_alerts
from reports.timeline import timeline_of
from terminals.actions import Held, note_holdings, unassign_terminal
from terminals.models import Terminal
from tests.conftest import NOON, QUICK, Played
from transactions.models import Transaction
from transactions.usual import tell_usual_hours

pytestmark = pytest.mark.django_db
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=600, terminals=6)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def terminal(account: ProviderAccount) -> Terminal:
    held = Terminal.objects.filter(account=account).exclude(ref=None).exclude(terminal_user=None)
    return held.order_by("pk")[0]


def sell(terminal: Terminal, *times: datetime) -> None:
    """Sales at some times, made from one that is there."""
    like = Transaction.objects.filter(kind="PURCHASE", status="APPROVED").order_by("pk")[0]
    for number, at in enumerate(times):
        like.pk, like.ref = None, f"made-{terminal.pk}-{at.isoformat()}-{number}"
        like.terminal, like.branch, like.occurred_at = terminal, terminal.branch, at
        like.save(force_insert=True)


def rules(terminal: Terminal | None = None) -> set[str]:
    own = Alert.objects.filter(ended_at=None)
    if terminal is not None:
        own = own.filter(subject_kind="terminal", subject_id=terminal.pk)
    return set(own.values_list("rule", flat=True))


class TestRules:
    def test_usually_nine_sales_by_now_and_none_today(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        at = NOON.replace(hour=12)
        like = [
            at - week * WEEK - timedelta(hours=1, minutes=number)
            for week in (1, 2, 3, 4)
            for number in range(9)
        ]
        # What is sold later in the day says nothing of now.
        late = [at - week * WEEK + timedelta(hours=1) for week in (1, 2, 3, 4)]
        one = Transaction.objects.filter(kind="PURCHASE", status="APPROVED").order_by("pk")[0]
        Transaction.objects.exclude(pk=one.pk).delete()
        Transaction.objects.update(occurred_at=NOON - 300 * DAY)
        sell(terminal, *like, *late)
        note_alerts(alice.merchant, at)
        (found,) = Alert.objects.filter(rule="BEHIND")
        assert (found.subject_id, found.facts["usual"], found.facts["sold"]) == (terminal.pk, 9, 0)
        sell(terminal, at - timedelta(minutes=5))
        note_alerts(alice.merchant, at)
        assert not Alert.objects.filter(rule="BEHIND", ended_at=None).exists()

    def test_each_names_what_is_so(
        self, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON - 6 * DAY)
        note_alerts(alice.merchant, NOON)
        assert "IDLE" in rules(terminal)
        Terminal.objects.filter(pk=terminal.pk).update(
            last_seen_at=NOON, terminal_user=None, connected=False
        )
        first, second = (
            Branch.objects.order_by("pk")[0],
            Branch.objects.create(merchant=alice.merchant, name="Other", zone="Asia/Riyadh"),
        )
        Branch.objects.filter(pk=second.pk).update(name_ar=first.name_ar)
        note_drift(account, [Said("terminal", terminal.pk, "BRANCH", 1, 2)], NOON)
        made = unassign_terminal(terminal=terminal, by=alice, key="u", at=NOON)
        Operation.objects.filter(pk=made.pk).update(state="UNKNOWN", sent_at=NOON, next_at=None)
        note_alerts(alice.merchant, NOON)
        assert {"UNASSIGNED", "DISCONNECTED"} <= rules(terminal)
        assert "IDLE" not in rules(terminal)
        assert {"NAMESAKE", "DRIFT", "STUCK"} <= rules()
        assert Alert.objects.filter(rule="NAMESAKE").count() == 2
        client = Client(headers={"Accept-Language": "ar"})
        client.force_login(alice.user)
        client.cookies["language"] = "ar"
        # Said in the reader's language, though a job found it.
        page = client.get("/notices/").content.decode()
        assert ">استرداد</a>" in page
        assert "Take back" not in page

    def test_a_person_sees_those_of_their_branches(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON - 6 * DAY)
        other = Branch.objects.exclude(pk=terminal.branch_id or 0).order_by("pk").first()
        other = other or Branch.objects.create(merchant=alice.merchant, name="X", zone="UTC")
        note_alerts(alice.merchant, NOON)
        bob = add_person(email="bob@acme.test", merchant=alice.merchant, role="SUPPORT")
        Membership.objects.filter(pk=bob.pk).update(every_branch=False)
        client = Client()
        client.force_login(bob.user)
        bob.branches.set([other])
        assert terminal.tid not in client.get("/notices/").content.decode()
        assert terminal.branch is not None
        bob.branches.set([terminal.branch])
        assert terminal.tid in client.get("/notices/").content.decode()


class TestTelling:
    def tell(self, merchant: Any, at: datetime) -> list[Any]:
        mail.outbox.clear()
        note_alerts(merchant, at)
        send_letters(now() + timedelta(seconds=1))
        return list(mail.outbox)

    def test_by_mail_once_to_who_chose_it(self, terminal: Terminal, alice: Membership) -> None:
        add_person(email="bob@acme.test", merchant=alice.merchant, role="ADMIN")
        choose(by=alice, ways={"IDLE": "MAIL", "BEHIND": "NONE"})
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON - 6 * DAY)
        (letter,) = self.tell(alice.merchant, NOON)
        assert letter.to == ["alice@acme.test"]
        assert terminal.tid in letter.body
        assert self.tell(alice.merchant, NOON + timedelta(minutes=5)) == []
        # What is over and comes back soon is the same thing still.
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON)
        assert self.tell(alice.merchant, NOON + timedelta(minutes=10)) == []
        assert "IDLE" not in rules(terminal)
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON - 6 * DAY)
        assert self.tell(alice.merchant, NOON + timedelta(minutes=15)) == []
        assert "IDLE" in rules(terminal)
        # And much later it is another.
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON + DAY)
        self.tell(alice.merchant, NOON + DAY)
        assert len(self.tell(alice.merchant, NOON + 9 * DAY)) == 1

    def test_is_each_ones_own_choice(self, terminal: Terminal, alice: Membership) -> None:
        Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=NOON - 6 * DAY)
        note_alerts(alice.merchant, NOON)
        client = Client()
        client.force_login(alice.user)
        assert terminal.tid in client.get("/notices/").content.decode()
        form = dict.fromkeys(Alert.Rule.values, "PORTAL") | {"IDLE": "NONE"}
        assert client.post("/notices/choices/", form).status_code == 302
        shown = client.get("/notices/choices/").context["form"].initial
        assert (shown["IDLE"], shown["DRIFT"]) == ("NONE", "PORTAL")
        assert not client.get("/notices/").context["told"].filter(rule="IDLE").exists()
        assert client.post("/notices/choices/", form | {"IDLE": "SHOUT"}).status_code == 422


class TestTheLine:
    def test_has_everything_in_the_order_of_time(
        self, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        tell_usual_hours(NOON)
        terminal.refresh_from_db()
        note_holdings(account, [Held(terminal.pk, None)], NOON - timedelta(hours=2))
        note_drift(account, [Said("terminal", terminal.pk, "HOLDER", 1, None)], NOON - DAY)
        unassign_terminal(terminal=terminal, by=alice, key="u", at=NOON - timedelta(hours=3))
        since = NOON - WEEK
        found = timeline_of(alice, terminal, since, NOON + DAY)
        times = [each.at for each in found]
        assert times == sorted(times, reverse=True)
        titles = [each.title for each in found]
        assert "Held by nobody" in titles
        assert "The provider says otherwise: Held by" in titles
        assert "Take back" in titles
        assert [each for each in found if each.title.startswith("Sales: ")]
        sold = Transaction.objects.filter(
            terminal=terminal, kind="PURCHASE", status="APPROVED", occurred_at__gte=since
        )
        sums = sum(each.minor or 0 for each in found if each.title.startswith("Sales: "))
        assert sums == sum(each.captured_minor or 0 for each in sold)
        other = Transaction.objects.filter(terminal=terminal, occurred_at__gte=since)
        plain = sum(each.url.startswith("/transactions/") for each in found)
        assert plain == other.exclude(kind="PURCHASE", status="APPROVED").count()

    def test_says_where_it_was_silent(
        self, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        Transaction.objects.filter(terminal=terminal).delete()
        Terminal.objects.filter(pk=terminal.pk).update(usual_hours=[0b111 << 9] * 7)
        terminal.refresh_from_db()
        found = timeline_of(alice, terminal, NOON - 2 * DAY, NOON)
        silent = [each for each in found if each.title.startswith("Silent in 3")]
        assert 1 <= len(silent) <= 3
