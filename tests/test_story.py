"""One transaction told in time, what belongs to it, its slip; and a close that does not balance."""

from datetime import timedelta

import pytest
from django.test import Client

from merchants.models import Membership, ProviderAccount
from merchants.sync import run_sync
from settlements.models import Reconciliation, SchemeTotal
from tests.conftest import QUICK, Stage
from transactions.models import Receipt, Session, Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def synced(stage: Stage) -> int:
    """The key of an account that was read."""
    made = stage.play(transactions=1500, terminals=14).connect(stage.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(stage: Stage, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def account(synced: int, db: None) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=synced)


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def titles(browser: Client, found: Transaction) -> list[str]:
    return [each.title for each in browser.get(f"/transactions/{found.pk}/").context["events"]]


class TestStory:
    def test_is_in_the_order_of_time_and_ends_with_what_we_learned(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        for found in Transaction.objects.order_by("pk")[:30]:
            events = browser.get(f"/transactions/{found.pk}/").context["events"]
            times = [event.at for event in events if event.at]
            assert times == sorted(times)
            assert [event.mark for event in events].count("ring") == 1

    def test_a_reversed_sale_was_approved_before(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        slips = Receipt.objects.filter(position=1).values("transaction")
        found = Transaction.objects.filter(status="REVERSED", pk__in=slips).order_by("pk")[0]
        told = titles(browser, found)
        assert told[0] == "Purchase: Approved"
        assert "Reversal: approved" in told

    def test_begins_with_the_session_that_it_answered(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        session = Session.objects.exclude(transaction_ref=None).order_by("pk")[0]
        found = Transaction.objects.get(account=account, ref=session.transaction_ref)
        events = browser.get(f"/transactions/{found.pk}/").context["events"]
        assert events[0].title == "Session opened on the till"
        assert events[0].at == session.occurred_at

    def test_a_change_that_came_later_is_told(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.order_by("pk")[0]
        assert "We learned that it had changed" not in titles(browser, found)
        Transaction.objects.filter(pk=found.pk).update(
            changed_at=found.learned_at + timedelta(hours=1)
        )
        assert titles(browser, found)[-1] == "We learned that it had changed"

    def test_newer_and_older_go_along_the_terminal_one_by_one(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        first = Transaction.objects.exclude(terminal=None).order_by("occurred_at", "pk")[0]
        # Two at one moment are told apart, and neither is passed over.
        own = list(
            Transaction.objects.filter(terminal=first.terminal).order_by("occurred_at", "pk")
        )
        Transaction.objects.filter(pk=own[1].pk).update(occurred_at=own[2].occurred_at)
        own = list(
            Transaction.objects.filter(terminal=first.terminal).order_by("occurred_at", "pk")
        )
        for before, found, after in zip([None, *own], own[:9], own[1:], strict=False):
            shown = browser.get(f"/transactions/{found.pk}/").context
            assert (shown["before"], shown["after"]) == (before, after)

    def test_what_shares_its_customer_reference_is_shown(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        one, other, third = Transaction.objects.order_by("pk")[:3]
        Transaction.objects.filter(pk__in=[one.pk, other.pk]).update(reference="ORD-77")
        Transaction.objects.filter(pk=third.pk).update(reference=None)
        shown = browser.get(f"/transactions/{one.pk}/").context["same_reference"]
        assert shown == [other]
        assert browser.get(f"/transactions/{third.pk}/").context["same_reference"] == []

    def test_the_same_card_is_of_the_same_branch_and_before(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.exclude(branch=None).order_by("-occurred_at", "-pk")[0]
        same = {"pan_last4": "0042", "scheme": "MADA"}
        Transaction.objects.filter(pan_last4="0042").update(pan_last4="0043")
        earlier, elsewhere, visa = (
            Transaction.objects.filter(branch=found.branch).exclude(pk=found.pk).order_by("pk")[0],
            Transaction.objects.exclude(branch=found.branch).order_by("pk")[0],
            Transaction.objects.filter(branch=found.branch).exclude(pk=found.pk).order_by("pk")[1],
        )
        for each in (found, earlier, elsewhere):
            Transaction.objects.filter(pk=each.pk).update(**same)
        Transaction.objects.filter(pk=visa.pk).update(pan_last4="0042", scheme="VISA")
        assert browser.get(f"/transactions/{found.pk}/").context["same_card"] == [earlier]

    def test_its_close_is_the_first_of_its_terminal_after_it(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        close = Reconciliation.objects.exclude(terminal=None).order_by("occurred_at", "pk")[5]
        found = (
            Transaction.objects.filter(terminal=close.terminal, occurred_at__lt=close.occurred_at)
            .order_by("-occurred_at")[0]
        )  # fmt: skip
        events = browser.get(f"/transactions/{found.pk}/").context["events"]
        (told,) = [event for event in events if event.title.startswith("Reconciled")]
        shown = Reconciliation.objects.get(pk=int(told.url.strip("/").split("/")[-1]))
        assert (shown.terminal_id, shown.occurred_at) == (found.terminal_id, told.at)
        between = Reconciliation.objects.filter(
            terminal=found.terminal, occurred_at__gte=found.occurred_at,
            occurred_at__lt=shown.occurred_at,
        )  # fmt: skip
        assert shown.occurred_at >= found.occurred_at
        assert not between.exists()

    def test_a_close_that_is_still_to_come_is_expected(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.exclude(terminal=None).order_by("pk")[0]
        Reconciliation.objects.filter(terminal=found.terminal).delete()
        events = browser.get(f"/transactions/{found.pk}/").context["events"]
        assert (events[-1].title, events[-1].mark, events[-1].at) == (
            "Reconciliation expected", "dashed", None,
        )  # fmt: skip

    def test_a_decline_is_explained_in_both_languages(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.filter(status="DECLINED", action_code="116").order_by("pk")[0]
        for language, order in (("en", ["en", "ar"]), ("ar", ["ar", "en"])):
            browser.cookies["language"] = language
            reasons = browser.get(f"/transactions/{found.pk}/").context["reasons"]
            assert [each["language"] for each in reasons] == order
            assert len({each["reason"] for each in reasons}) == 2

    def test_what_is_left_to_refund_is_said_where_it_is_known(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.filter(kind="PURCHASE", status="APPROVED").order_by("pk")[0]
        captured = found.captured_minor or 0
        for refunded, left in (
            (0, captured),
            (100, captured - 100),
            (None, None),
        ):
            Transaction.objects.filter(pk=found.pk).update(refunded_minor=refunded)
            assert browser.get(f"/transactions/{found.pk}/").context["possible"].left == left


def test_the_slip_holds_every_receipt_marked_as_a_copy_and_no_frame(
    account: ProviderAccount, browser: Client
) -> None:
    slips = Receipt.objects.filter(position=1).values("transaction")
    found = Transaction.objects.filter(pk__in=slips).order_by("pk")[0]
    text = browser.get(f"/transactions/{found.pk}/slip/").content.decode()
    assert text.count('<article class="paper"') == 2
    assert text.count("COPY") == 2
    assert "<nav" not in text


class TestClose:
    def test_what_is_broken_comes_first_and_by_how_much(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        close = Reconciliation.objects.exclude(terminal=None).order_by("pk")[0]
        own = SchemeTotal.objects.filter(reconciliation=close).order_by("position")
        broken = own[len(own) - 1]
        broken.host_total_minor = broken.pos_total_minor + 1250
        broken.balanced = False
        broken.save()
        answer = browser.get(f"/reconciliations/{close.pk}/")
        assert answer.context["schemes"][0] == broken
        text = answer.content.decode()
        assert "is out by" in text
        assert "12<i>.50</i>" in text
        assert "The host counted more than the terminal." in text

    def test_leads_to_the_transactions_that_it_counted(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        close = (
            Reconciliation.objects.exclude(terminal=None).filter(balanced=True, total_count__gt=3)
            .exclude(started_at=None).order_by("pk")[0]
        )  # fmt: skip
        link = browser.get(f"/reconciliations/{close.pk}/").context["counted"]
        rows = list(browser.get(f"/transactions/?{link}").context["filter"].qs)
        assert rows
        assert {row.terminal_id for row in rows} == {close.terminal_id}
        assert all(close.started_at <= row.occurred_at < close.ended_at for row in rows)


class TestNotices:
    def test_say_what_waits_and_nothing_else(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        assert "Every account is well" in browser.get("/notices/").content.decode()
        ProviderAccount.objects.update(state="REFUSED", failures=3)
        account.gaps.create(resource="transactions", since=None, until=account.created_at)
        account.set_aside.create(resource="transactions", key="x", reason="No amount.")
        shown = browser.get("/notices/")
        assert [each.kind for each in shown.context["accounts"]] == [
            "REFUSED", "FAILING", "GAP", "ASIDE",
        ]  # fmt: skip
        dot = browser.get("/notices/?count", headers={"HX-Request": "true"}).content.decode()
        assert dot.strip() == '<span class="dot">4</span>'
        # Without htmx the same address is the page itself.
        assert browser.get("/notices/?count").context["accounts"]

    def test_are_no_accounts_for_who_may_not_see_them(
        self, account: ProviderAccount, alice: Membership, browser: Client
    ) -> None:
        ProviderAccount.objects.update(state="REFUSED")
        alice.role = "SUPPORT"
        alice.save()
        shown = browser.get("/notices/")
        assert shown.context["accounts"] == []
        assert account.name not in shown.content.decode()
