"""How much each role may give back, and the second person of what takes two."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from merchants.actions.operations import OperationPending, end_unagreed, withdraw_operation
from merchants.actions.people import add_person, make_service_token
from merchants.models import AuditEntry, CustomRole, Membership, Operation, Right
from merchants.operations import accounts_with_work, send_operations
from merchants.sync import run_sync
from providers.base.http import Limits
from terminals.actions import unassign_terminal
from terminals.models import Terminal
from tests.conftest import QUICK, Played, confirm
from tests.refunds import ask_refund, refund_for_two, sale_of
from transactions.actions import NotPossible, OverLimit, agree_refund, left_of
from transactions.models import RefundLimit, Session, Transaction

pytestmark = pytest.mark.django_db
ONCE = Limits(connect=2, read=5, total=5, tries=1)


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=300, terminals=8)
    return found


@pytest.fixture
def terminal(nearpay: Played, alice: Membership) -> Terminal:
    account = nearpay.connect(alice.merchant)
    run_sync(account.pk, limits=QUICK)
    return Terminal.objects.exclude(ref=None).order_by("pk")[0]


@pytest.fixture
def sale(terminal: Terminal) -> Transaction:
    return sale_of(terminal.merchant_id)


@pytest.fixture
def bob(alice: Membership) -> Membership:
    return add_person(email="bob@acme.test", merchant=alice.merchant, role="ADMIN")


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return confirm(client, member.user)


def limit(member: Membership, sale: Transaction, **minor: int) -> RefundLimit:
    return RefundLimit.objects.create(
        merchant=member.merchant, role=member.role, custom_role=member.custom_role,
        currency=sale.currency, **minor,
    )  # fmt: skip


class TestWhatTakesTwo:
    def test_is_not_sent_before_somebody_else_has_agreed(
        self, alice: Membership, bob: Membership, terminal: Terminal, nearpay: Played
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        assert waiting.needs_second
        assert accounts_with_work(timezone.now()) == []
        assert send_operations(terminal.account_id, limits=ONCE) == 0
        # What was asked after it does not wait behind it.
        held = Terminal.objects.exclude(ref=None).exclude(terminal_user=None)
        free = held.exclude(pk=waiting.subject_id or 0).order_by("pk")[0]
        later = unassign_terminal(terminal=free, by=alice, key="later", at=timezone.now())
        assert send_operations(terminal.account_id, limits=ONCE) == 1
        later.refresh_from_db()
        assert later.state == "CONFIRMED"
        address = f"/transactions/refunds/{waiting.pk}/"
        own = signed_in(alice)
        page = own.get(address).content.decode()
        assert "Waits for a second person" in page
        assert 'name="agree"' not in page
        answer = own.post(address, {"agree": "yes"})
        assert answer.status_code == 422
        assert "Somebody else than who asked" in answer.content.decode()
        assert send_operations(terminal.account_id, limits=ONCE) == 0
        other = signed_in(bob)
        assert 'name="agree"' in other.get(address).content.decode()
        assert other.post(address, {"agree": "yes"}).status_code == 302
        assert send_operations(terminal.account_id, limits=ONCE) == 1
        waiting.refresh_from_db()
        assert (waiting.state, waiting.agreed_by) == ("CONFIRMED", bob.user)
        assert Session.objects.filter(pk=waiting.outcome["id"], kind="REFUND").exists()
        assert AuditEntry.objects.filter(action="operation.agreed", actor=bob.user).count() == 1
        # Once more, and nothing is sent again.
        assert other.post(address, {"agree": "yes"}).status_code == 422
        assert send_operations(terminal.account_id, limits=ONCE) == 0

    def test_is_declined_with_a_reason_and_takes_nothing_of_the_sale(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        sale = Transaction.objects.get(pk=waiting.asked["sale"])
        left = left_of(sale)
        answer = signed_in(bob).post(
            f"/transactions/refunds/{waiting.pk}/", {"reason": "Wrong customer"}
        )
        assert answer["Location"] == f"/transactions/{sale.pk}/refund/"
        waiting.refresh_from_db()
        assert waiting.state == "WITHDRAWN"
        assert left_of(sale) == left + 200
        page = signed_in(alice).get(f"/transactions/{sale.pk}/refund/").content.decode()
        assert "Wrong customer" in page
        with pytest.raises(NotPossible, match="waits for nobody"):
            agree_refund(operation=waiting, by=bob, at=timezone.now())

    def test_ends_by_itself_after_twelve_hours(self, alice: Membership, terminal: Terminal) -> None:
        now = timezone.now()
        waiting = refund_for_two(by=alice, at=now)
        assert end_unagreed(now + timedelta(hours=11, minutes=59)) == 0
        assert end_unagreed(now + timedelta(hours=12)) == 1
        assert end_unagreed(now + timedelta(hours=12)) == 0
        waiting.refresh_from_db()
        assert waiting.state == "WITHDRAWN"

    def test_is_not_agreed_to_once_it_is_more_than_is_left(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        own = Transaction.objects.filter(pk=waiting.asked["sale"])
        own.update(refunded_minor=own.get().captured_minor, refunded="FULL")
        with pytest.raises(NotPossible, match="more than is left"):
            agree_refund(operation=waiting, by=bob, at=timezone.now())
        waiting.refresh_from_db()
        assert waiting.needs_second

    def test_cannot_be_marked_as_sent_in_the_database(
        self, alice: Membership, terminal: Terminal
    ) -> None:
        from django.db import IntegrityError, transaction

        waiting = refund_for_two(by=alice, at=timezone.now())
        own = Operation.objects.filter(pk=waiting.pk)
        with pytest.raises(IntegrityError, match="takes_two"), transaction.atomic():
            own.update(state="SENT", sent_at=timezone.now())

    def test_needs_a_second_who_may_see_the_sale_and_give_back_so_much(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        sale = Transaction.objects.get(pk=waiting.asked["sale"])
        limit(bob, sale, most_minor=199)
        with pytest.raises(OverLimit, match=r"at most 1\.99 SAR"):
            agree_refund(operation=waiting, by=bob, at=timezone.now())
        elsewhere = add_person(email="e@acme.test", merchant=alice.merchant, role="ADMIN")
        Membership.objects.filter(pk=elsewhere.pk).update(every_branch=False)
        address = f"/transactions/refunds/{waiting.pk}/"
        assert signed_in(elsewhere).get(address).status_code == 404
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
        assert signed_in(support).get(address).status_code == 403
        client = Client()
        client.force_login(bob.user)
        assert client.post(address, {"agree": "yes"})["Location"].startswith("/sign-in/again/")
        waiting.refresh_from_db()
        assert waiting.needs_second

    def test_keeps_nobody_from_the_terminal_and_is_sent_when_it_is_free(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        held = Terminal.objects.get(pk=waiting.subject_id or 0)
        page = signed_in(alice).get(f"/terminals/{held.pk}/").content.decode()
        assert f'href="/terminals/{held.pk}/assign/"' in page
        busy = unassign_terminal(terminal=held, by=alice, key="busy", at=timezone.now())
        with pytest.raises(OperationPending):
            agree_refund(operation=waiting, by=bob, at=timezone.now())
        waiting.refresh_from_db()
        assert waiting.needs_second
        assert withdraw_operation(operation=busy, by=alice, at=timezone.now())
        agree_refund(operation=waiting, by=bob, at=timezone.now())

    def test_a_program_and_its_maker_are_one(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        make_service_token(by=alice, name="Till", rights=[Right.PAYMENTS], at=timezone.now())
        program = Membership.objects.get(user__is_service=True)
        waiting = refund_for_two(by=program, at=timezone.now())
        with pytest.raises(NotPossible, match="Somebody else"):
            agree_refund(operation=waiting, by=alice, at=timezone.now())
        agree_refund(operation=waiting, by=bob, at=timezone.now())

    def test_is_not_agreed_to_once_the_sale_is_undone(
        self, alice: Membership, bob: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        own = Transaction.objects.filter(pk=waiting.asked["sale"])
        for change in ({"status": "REVERSED"}, {"status": "APPROVED", "refunded": "SOME"}):
            own.update(**change)
            with pytest.raises(NotPossible):
                agree_refund(operation=waiting, by=bob, at=timezone.now())

    def test_ended_ones_are_withdrawn_by_who_asked(
        self, alice: Membership, terminal: Terminal
    ) -> None:
        waiting = refund_for_two(by=alice, at=timezone.now())
        assert withdraw_operation(operation=waiting, by=alice, at=timezone.now())
        assert end_unagreed(timezone.now() + timedelta(days=1)) == 0


class TestLimits:
    def test_several_small_refunds_of_one_sale_count_as_one(
        self, alice: Membership, sale: Transaction, nearpay: Played
    ) -> None:
        limit(alice, sale, alone_minor=150, most_minor=250)
        free = list(Terminal.objects.exclude(ref=None).order_by("pk")[:4])
        said = {"by": alice, "at": timezone.now()}
        first = ask_refund(sale, 100, key="a", terminal=free[0], **said)  # type: ignore[arg-type]
        second = ask_refund(sale, 100, key="b", terminal=free[1], **said)  # type: ignore[arg-type]
        assert (first.needs_second, second.needs_second) == (False, True)
        with pytest.raises(OverLimit):
            ask_refund(sale, 100, key="c", terminal=free[2], **said)  # type: ignore[arg-type]
        assert Operation.objects.count() == 2

    def test_are_said_in_words_on_the_page_and_by_the_api(
        self, alice: Membership, sale: Transaction, terminal: Terminal, token: Any
    ) -> None:
        limit(alice, sale, most_minor=150)
        form = {"key": "a", "terminal": terminal.pk, "amount": "2.00"}
        answer = signed_in(alice).post(f"/transactions/{sale.pk}/refund/", form)
        assert answer.status_code == 422
        assert "at most 1.50 SAR of one sale" in answer.content.decode()
        body = {
            "terminal": terminal.pk, "kind": "REFUND", "amount_minor": 200,
            "currency": sale.currency, "reference": "", "refund_of": sale.pk,
        }  # fmt: skip
        client = Client(headers={**token(alice), "Idempotency-Key": "k"})
        refused = client.post("/api/v1/sessions/", body, content_type="application/json")
        assert refused.status_code == 403
        assert "at most 1.50 SAR" in refused.json()["detail"]
        assert not Operation.objects.exists()
        RefundLimit.objects.update(most_minor=None, alone_minor=150)
        made = client.post("/api/v1/sessions/", body, content_type="application/json")
        assert made.status_code == 202
        assert made.json()["needs_second"] is True

    def test_in_one_currency_leave_no_other_free(
        self, alice: Membership, sale: Transaction, terminal: Terminal
    ) -> None:
        limit(alice, sale, most_minor=10_000)
        Transaction.objects.filter(pk=sale.pk).update(currency="USD")
        sale.refresh_from_db()
        asked = ask_refund(sale, 100, by=alice, key="usd", at=timezone.now(), terminal=terminal)
        assert asked.needs_second

    def test_are_set_by_who_runs_the_team(
        self, alice: Membership, sale: Transaction, nearpay: Played
    ) -> None:
        till = CustomRole.objects.create(
            merchant=alice.merchant, name="Till", rights=["LOOK_UP", "PAYMENTS"]
        )
        browser = signed_in(alice)
        page = browser.get("/transactions/refunds/limits/")
        titles = [each.title for each in page.context["form"].limits]
        assert titles == ["Owner", "Admin", "Till"]
        wished = {"most_1": "١٠٠", "alone_1": "50.50", "most_2": "5"}
        assert browser.post("/transactions/refunds/limits/", wished).status_code == 302
        own = RefundLimit.objects.order_by("role")
        assert [(each.role, each.custom_role, each.most_minor, each.alone_minor) for each in own] \
            == [("ADMIN", None, 10000, 5050), ("CUSTOM", till, 500, None)]  # fmt: skip
        shown = browser.get("/transactions/refunds/limits/").content.decode()
        assert 'value="100.00"' in shown
        assert AuditEntry.objects.filter(action="refunds.limited").count() == 2
        # The same again changes nothing, and leaves nothing in the trail.
        browser.post("/transactions/refunds/limits/", wished)
        assert AuditEntry.objects.filter(action="refunds.limited").count() == 2
        browser.post("/transactions/refunds/limits/", {"most_2": "5"})
        assert [each.custom_role for each in RefundLimit.objects.all()] == [till]

    def test_that_are_none_are_refused_in_words_and_change_nothing(
        self, alice: Membership, sale: Transaction
    ) -> None:
        browser = signed_in(alice)
        for wished, said in (
            ({"most_1": "10", "alone_1": "20"}, "more than the role may give back at all"),
            ({"most_1": "ten"}, "no amount in SAR"),
            ({"alone_1": "1.234"}, "no amount in SAR"),
            ({"alone_1": "0"}, "more than nothing"),
        ):
            answer = browser.post("/transactions/refunds/limits/", wished)
            assert answer.status_code == 422, wished
            assert said in answer.content.decode()
        assert not RefundLimit.objects.exists()
