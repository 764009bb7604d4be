"""Payments in steps: begun, captured, cancelled and given back, whatever answers are lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.actions.operations import OperationPending
from merchants.actions.people import add_person
from merchants.models import AuditEntry, Membership, Merchant, Operation, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import run_sync
from providers.base.http import Limits
from providers.base.money import Money
from providers.mobilepay.sandbox import OTHER_CODE
from providers.mobilepay.sandbox.world import ERRORS, Payment, World
from terminals.models import Terminal
from tests.conftest import QUICK, Played, confirm
from tests.merchants.test_asking import Api
from tests.mobilepay.test_following import look_again, own, sell
from transactions import actions, queries
from transactions.models import Following, Status, Transaction

KR_50 = Money(5000, "DKK")
ONCE = Limits(connect=2, read=2, total=4, tries=1)
NOW = timezone.now


@pytest.fixture
def terminal(account: ProviderAccount) -> Terminal:
    return Terminal.objects.get(account=account, tid="DK-101")


def send(account: ProviderAccount, later: timedelta = timedelta(0)) -> None:
    send_operations(account.pk, limits=ONCE, clock=lambda: NOW() + later)


def start(terminal: Terminal, by: Membership, key: str = "k", order: str = "A1") -> Operation:
    return actions.start_payment(
        terminal=terminal, amount=KR_50, order=order, by=by, key=key, at=NOW()
    )


def the_payment(world: World) -> Payment:
    (found,) = world.payments.values()
    return found


def reserved(played: Played, terminal: Terminal, by: Membership, key: str = "r") -> Transaction:
    """A payment that was begun from here and that the customer has agreed to."""
    start(terminal, by, key, order=key)
    send(terminal.account)
    world, now = played.mobilepay.world, played.mobilepay.now()
    world.check_in(terminal.tid, now)
    world.accept(terminal.tid, now)
    look_again(terminal.account)
    return Transaction.objects.get(account=terminal.account, reference=key)


def fresh(operation: Operation) -> Operation:
    return Operation.objects.get(pk=operation.pk)


class TestBeginning:
    def test_a_payment_is_followed_from_its_first_second(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        asked = start(terminal, alice)
        send(terminal.account)
        assert fresh(asked).state == "CONFIRMED"
        look_again(terminal.account)
        row = own(terminal.account, the_payment(played.mobilepay.world).id)
        assert (row.status, row.amount_minor, row.reference) == (Status.PENDING, 5000, "A1")
        assert row.terminal == terminal

    def test_a_second_one_is_refused_in_words_and_changes_nothing(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        start(terminal, alice)
        send(terminal.account)
        second = start(terminal, alice, key="other", order="A2")
        send(terminal.account)
        told = fresh(second)
        assert told.state == "REFUSED"
        assert told.message == (
            "Another payment is going on at this terminal; end or cancel it first."
        )
        assert len(played.mobilepay.world.payments) == 1

    @pytest.mark.parametrize("fault", ["lost", "lost_504", "truncate", "html_ok"])
    def test_an_answer_that_is_lost_begins_it_once(
        self, played: Played, terminal: Terminal, alice: Membership, fault: str
    ) -> None:
        played.mobilepay.faults.rates = {fault: 1}
        asked = start(terminal, alice)
        send(terminal.account)
        assert fresh(asked).state == "UNKNOWN"
        played.mobilepay.faults.rates = {}
        send(terminal.account, timedelta(minutes=1))
        assert fresh(asked).state == "CONFIRMED"
        assert fresh(asked).outcome["ref"] == the_payment(played.mobilepay.world).id

    def test_one_that_was_refused_meanwhile_is_found_by_its_order_and_state(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        played.mobilepay.faults.rates = {"lost": 1}
        asked = start(terminal, alice)
        send(terminal.account)
        world, now = played.mobilepay.world, played.mobilepay.now()
        world.check_in("DK-101", now)
        world.reject("DK-101", now)
        played.mobilepay.faults.rates = {}
        send(terminal.account, timedelta(minutes=1))
        assert fresh(asked).state == "CONFIRMED"
        look_again(terminal.account)
        assert own(terminal.account, the_payment(world).id).status == Status.CANCELLED

    def test_one_that_never_arrived_is_not_sent_again_by_itself(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        played.mobilepay.faults.rates = {"lost_before": 1}
        asked = start(terminal, alice)
        send(terminal.account)
        played.mobilepay.faults.rates = {}
        for later in (1, 3, 11, 12):
            send(terminal.account, timedelta(minutes=later))
        assert fresh(asked).needs_a_person
        assert played.mobilepay.world.payments == {}

    def test_prepared_first_it_is_told_its_amount_later(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        actions.start_payment(
            terminal=terminal, amount=None, order="P1", by=alice, key="p", at=NOW()
        )
        send(terminal.account)
        world, now = played.mobilepay.world, played.mobilepay.now()
        world.check_in("DK-101", now)
        look_again(terminal.account)
        row = own(terminal.account, the_payment(world).id)
        assert (row.amount_minor, row.provider_status) == (0, "Paired")
        asked = actions.ready_payment(payment=row, amount=KR_50, by=alice, key="a", at=NOW())
        send(terminal.account)
        assert fresh(asked).state == "CONFIRMED"
        assert (the_payment(world).status, the_payment(world).amount) == ("IssuedToUser", 5000)


class TestEnding:
    @pytest.mark.parametrize("minor", [5000, 1250])
    def test_a_reservation_is_captured_whole_or_in_part(
        self, played: Played, terminal: Terminal, alice: Membership, minor: int
    ) -> None:
        row = reserved(played, terminal, alice)
        amount = Money(minor, "DKK")
        asked = actions.capture_payment(payment=row, amount=amount, by=alice, key="c", at=NOW())
        send(terminal.account)
        assert fresh(asked).state == "CONFIRMED"
        look_again(terminal.account)
        now = own(terminal.account, row.ref)
        assert (now.status, now.captured_minor) == (Status.APPROVED, minor)
        assert played.mobilepay.world.payment(row.ref).captured == minor

    @pytest.mark.parametrize("fault", ["", "lost"])
    def test_what_was_captured_is_the_same_whichever_amount_is_told_of_it(
        self, played: Played, terminal: Terminal, alice: Membership, fault: str
    ) -> None:
        played.mobilepay.switches["captured"] = "reserved"
        row = reserved(played, terminal, alice)
        amount = Money(1250, "DKK")
        asked = actions.capture_payment(payment=row, amount=amount, by=alice, key="c", at=NOW())
        played.mobilepay.faults.rates = {fault: 1} if fault else {}
        send(terminal.account)
        played.mobilepay.faults.rates = {}
        # It was read as captured before it was known how it ended.
        look_again(terminal.account)
        send(terminal.account, timedelta(minutes=1))
        assert fresh(asked).state == "CONFIRMED"
        look_again(terminal.account)
        now = own(terminal.account, row.ref)
        assert (now.status, now.captured_minor, now.amount_minor) == (Status.APPROVED, 1250, 1250)
        assert played.mobilepay.world.payment(row.ref).captured == 1250
        left = actions.left_of(now)
        assert left == 1250

    def test_more_than_was_reserved_is_never_asked_for(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        row = reserved(played, terminal, alice)
        with pytest.raises(actions.NotPossible):
            actions.capture_payment(
                payment=row, amount=Money(5001, "DKK"), by=alice, key="c", at=NOW()
            )
        assert not Operation.objects.filter(kind="CAPTURE_PAYMENT").exists()

    @pytest.mark.parametrize("fault", ["lost", "lost_before", "truncate"])
    def test_a_lost_answer_captures_once(
        self, played: Played, terminal: Terminal, alice: Membership, fault: str
    ) -> None:
        row = reserved(played, terminal, alice)
        played.mobilepay.faults.rates = {fault: 1}
        asked = actions.capture_payment(payment=row, amount=KR_50, by=alice, key="c", at=NOW())
        send(terminal.account)
        assert fresh(asked).state == "UNKNOWN"
        played.mobilepay.faults.rates = {}
        send(terminal.account, timedelta(minutes=1))
        assert fresh(asked).state == "CONFIRMED"
        assert played.mobilepay.world.payment(row.ref).captured == 5000

    def test_two_who_end_it_at_once_end_it_in_one_way(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        row = reserved(played, terminal, alice)
        actions.capture_payment(payment=row, amount=KR_50, by=alice, key="c", at=NOW())
        with pytest.raises(OperationPending):
            actions.cancel_payment(payment=row, by=alice, key="x", at=NOW())

    def test_a_stuck_one_is_cancelled_and_its_terminal_is_free(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        start(terminal, alice)
        send(terminal.account)
        look_again(terminal.account)
        row = own(terminal.account, the_payment(played.mobilepay.world).id)
        Transaction.objects.filter(pk=row.pk).update(occurred_at=NOW() - timedelta(minutes=6))
        (stuck,) = (
            each for each in queries.work_lists(queries.not_over(alice), NOW())
            if each.reason == "STUCK"
        )  # fmt: skip
        assert [each.pk for each in stuck.rows] == [row.pk]
        actions.cancel_payment(payment=row, by=alice, key="x", at=NOW())
        send(terminal.account)
        look_again(terminal.account)
        assert own(terminal.account, row.ref).status == Status.CANCELLED
        assert fresh(start(terminal, alice, key="next", order="A3")).state == "REQUESTED"
        send(terminal.account)
        assert len(played.mobilepay.world.payments) == 2


class TestGivingBack:
    def give_back(self, sale: Transaction, minor: int, by: Membership, key: str) -> Operation:
        return actions.refund_payment(
            sale=sale, amount=Money(minor, "DKK"), order="", by=by, key=key, at=NOW()
        )

    def test_many_times_up_to_what_is_left(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        ref = sell(played)
        look_again(account)
        for key, minor in (("a", 2000), ("b", 2500)):
            self.give_back(own(account, ref), minor, alice, key)
            send(account)
            look_again(account)
        sale = own(account, ref)
        assert (sale.refunded_minor, actions.left_of(sale)) == (4500, 500)
        with pytest.raises(actions.NotPossible):
            self.give_back(sale, 501, alice, "c")
        assert played.mobilepay.ledger()[ref] == ("Captured", 5000, 4500)

    def test_counts_what_was_asked_for_before_its_row_is_there(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        ref = sell(played)
        look_again(account)
        sale = own(account, ref)
        self.give_back(sale, 3000, alice, "a")
        send(account)
        with pytest.raises(actions.NotPossible):
            self.give_back(sale, 2001, alice, "b")

    @pytest.mark.parametrize("fault", ["lost", "lost_504", "truncate"])
    def test_a_lost_answer_gives_back_once(
        self, played: Played, account: ProviderAccount, alice: Membership, fault: str
    ) -> None:
        ref = sell(played)
        look_again(account)
        played.mobilepay.faults.rates = {fault: 1}
        asked = self.give_back(own(account, ref), 2000, alice, "a")
        send(account)
        assert fresh(asked).state == "UNKNOWN"
        played.mobilepay.faults.rates = {}
        send(account, timedelta(minutes=1))
        assert fresh(asked).state == "CONFIRMED"
        look_again(account)
        assert played.mobilepay.ledger()[ref][2] == 2000
        assert own(account, ref).refunded_minor == 2000

    @pytest.mark.parametrize(("done", "status"), [(True, "APPROVED"), (False, "CANCELLED")])
    def test_what_is_reserved_is_completed_or_cancelled(
        self, played: Played, account: ProviderAccount, alice: Membership, done: bool, status: str
    ) -> None:
        ref = sell(played)
        look_again(account)
        made = played.mobilepay.world.create_refund(ref, "R", 2000, "DKK", played.mobilepay.now())
        look_again(account)
        row = own(account, made.id)
        assert queries.deadline_of(row) == row.occurred_at + timedelta(hours=24)
        actions.end_refund(refund=row, done=done, by=alice, key="e", at=NOW())
        send(account)
        look_again(account)
        assert own(account, made.id).status == status


# Those that stop a capture, by the failure that they are: the others say that it was refused.
FAULTS_BEHIND = {"2000": "UNKNOWN", "2999": "UNKNOWN", "1182": "REQUESTED"}


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_code_of_the_reference_ends_in_words_and_changes_nothing(
    played: Played, terminal: Terminal, alice: Membership, code: str
) -> None:
    row = reserved(played, terminal, alice)
    asked = actions.capture_payment(payment=row, amount=KR_50, by=alice, key="c", at=NOW())
    played.mobilepay.fails_with = code
    send(terminal.account)
    told = fresh(asked)
    assert told.state == FAULTS_BEHIND.get(code, "REFUSED")
    assert len(told.message.split()) >= 4
    assert played.mobilepay.world.payment(row.ref).status == "Reserved"
    assert own(terminal.account, row.ref).status == Status.AUTHORISED


class TestPages:
    def test_take_a_payment_from_the_desk_to_its_capture(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        confirm(client, alice.user)
        page = client.get(reverse("transactions:desk")).content.decode()
        ask = reverse("transactions:ask", args=[terminal.pk])
        assert ask in page
        client.post(ask, {"amount": "50", "reference": "T1", "key": "t1"})
        send(terminal.account)
        world, now = played.mobilepay.world, played.mobilepay.now()
        world.check_in("DK-101", now)
        world.accept("DK-101", now)
        look_again(terminal.account)
        row = Transaction.objects.get(reference="T1")
        own_page = reverse("transactions:payment", args=[row.pk])
        assert own_page in client.get(reverse("transactions:desk")).content.decode()
        too_much = client.post(own_page, {"do": "capture", "amount": "50.01", "key": "t2"})
        assert too_much.status_code == 422
        assert "more than was reserved" in too_much.content.decode()
        client.post(own_page, {"do": "capture", "amount": "49.50", "key": "t3"})
        send(terminal.account)
        assert world.payment(row.ref).captured == 4950

    def test_give_a_captured_payment_back(
        self, played: Played, account: ProviderAccount, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        confirm(client, alice.user)
        ref = sell(played)
        look_again(account)
        page = reverse("transactions:refund", args=[own(account, ref).pk])
        assert "Give it back" in client.get(page).content.decode()
        client.post(page, {"amount": "20", "reference": "", "key": "g"})
        send(account)
        assert played.mobilepay.ledger()[ref][2] == 2000
        look_again(account)
        made = Transaction.objects.get(account=account, kind="REFUND")
        link = reverse("transactions:detail", args=[made.pk])
        assert f'href="{link}">Authorised' in client.get(page).content.decode()

    def test_offer_only_what_the_connector_can_do(
        self, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        page = client.get(reverse("terminals:detail", args=[terminal.pk])).content.decode()
        assert reverse("transactions:ask", args=[terminal.pk]) in page
        for name in ("terminals:assign", "settlements:reconcile", "terminals:disconnect"):
            assert reverse(name, args=[terminal.pk]) not in page


def test_in_the_demo_a_customer_agrees_to_what_is_begun_from_here(
    play: Any, merchant: Merchant, alice: Membership
) -> None:
    # Its tills have opened this morning, and sell now and then.
    since = datetime.now(UTC) - timedelta(days=91)
    played = play(now=None, transactions=9000, since=since)
    account = played.connect_mobilepay(merchant)
    run_sync(account.pk, limits=QUICK)
    free = set(played.mobilepay.world.points)
    free -= {p.tid for p in played.mobilepay.world.open.values()}
    terminal = Terminal.objects.get(account=account, tid=sorted(free)[0])
    asked = start(terminal, alice)
    send(account)
    ref = fresh(asked).outcome["ref"]
    assert played.mobilepay.world.payment(ref).status == "Initiated"
    played.mobilepay.clock.move(timedelta(seconds=13))
    assert played.mobilepay.world.payment(ref).status == "Reserved"


class TestAtTheTill:
    def test_shows_the_code_and_whether_a_customer_is_there(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        url = reverse("transactions:till", args=[terminal.pk])
        page = client.get(url).content.decode()
        assert "<svg" in page
        assert "No customer has been seen yet." in page
        played.mobilepay.world.check_in(terminal.tid, played.mobilepay.now())
        played.server.calls.clear()
        polled = client.get(url, headers={"X-Poll": "1", "HX-Request": "true"}).content.decode()
        assert "A customer is there" in polled
        assert 'class="qr"' not in polled
        # What stays open asks for the customer only.
        assert len(played.server.calls) == 1

    def test_says_in_words_what_the_provider_refuses(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        played.mobilepay.world.delete_point(terminal.tid)
        client.cookies["language"] = "da"
        page = client.get(reverse("transactions:till", args=[terminal.pk])).content.decode()
        assert "MobilePay kender ikke" in page

    def test_of_a_payment_is_asked_what_has_become_of_it(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        row = reserved(played, terminal, alice)
        world, at = played.mobilepay.world, played.mobilepay.now()
        world.capture(row.ref, 5000, at)
        client.force_login(alice.user)
        confirm(client, alice.user)
        url = reverse("transactions:payment", args=[row.pk])
        page = client.post(url, {"do": "look"}, follow=True).content.decode()
        assert "MobilePay says: Captured" in page
        look_again(terminal.account)
        row.refresh_from_db()
        assert row.status == Status.APPROVED
        assert "It is over" in client.get(url).content.decode()


class TestALostPayment:
    def test_of_an_order_is_found_at_its_terminal_and_followed(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        world, at = played.mobilepay.world, played.mobilepay.now()
        made = world.start(world.point("DK-101"), "TILL-9", 5000, "DKK", at)
        world.check_in("DK-101", at)
        world.reject("DK-101", at)
        client.force_login(alice.user)
        wish = {"tid": "DK-102", "order": "TILL-9"}
        page = client.post(reverse("transactions:lost"), wish, follow=True).content.decode()
        assert "The provider knows of no such payment at this terminal." in page
        page = client.post(
            reverse("transactions:lost"), wish | {"tid": "DK-101"}, follow=True
        ).content.decode()
        assert "1 payment was found" in page
        told = AuditEntry.objects.filter(action="payments.looked_for").order_by("pk")
        assert [(each.actor, each.facts["found"]) for each in told] == [
            (alice.user, 0), (alice.user, 1),
        ]  # fmt: skip
        look_again(terminal.account)
        row = own(terminal.account, made.id)
        assert (row.status, row.reference, row.terminal) == (Status.CANCELLED, "TILL-9", terminal)

    def test_without_an_order_the_last_that_ended_there_are_found(
        self, played: Played, terminal: Terminal, alice: Membership
    ) -> None:
        world, at = played.mobilepay.world, played.mobilepay.now()
        made = world.start(world.point("DK-101"), "TILL-9", 5000, "DKK", at)
        world.cancel(made.id, at)
        found = actions.recover_payments(terminal=terminal, order="", by=alice, at=NOW())
        assert found == [made.id]

    @pytest.mark.parametrize("tid", ["", "NO-1"])
    def test_is_looked_for_at_no_terminal_but_ones_own(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client, tid: str
    ) -> None:
        client.force_login(alice.user)
        asked = len(played.server.calls)
        answer = client.post(reverse("transactions:lost"), {"tid": tid, "order": "TILL-9"})
        assert answer.status_code == 422
        assert len(played.server.calls) == asked

    def test_changes_nothing_where_the_provider_fails(
        self, played: Played, terminal: Terminal, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        before = list(Following.objects.values_list("pk", "next_at"))
        played.mobilepay.faults.rates = {"error": 1}
        answer = client.post(reverse("transactions:lost"), {"tid": "DK-101", "order": "X"})
        assert answer.status_code == 422
        assert list(Following.objects.values_list("pk", "next_at")) == before


class TestTheApi:
    def test_begins_captures_and_gives_back_with_the_words_of_every_provider(
        self, played: Played, terminal: Terminal, alice: Membership, token: Any
    ) -> None:
        api = Api(token(alice))
        wish = {"terminal": terminal.pk, "kind": "PURCHASE", "amount_minor": 5000,
                "currency": "DKK", "reference": "API-1"}  # fmt: skip
        begun = api.post("sessions/", wish, "a")
        assert (begun.status_code, begun.json()["kind"]) == (202, "START_PAYMENT")
        assert api.post("sessions/", wish, "a").json()["id"] == begun.json()["id"]
        send(terminal.account)
        world, at = played.mobilepay.world, played.mobilepay.now()
        world.check_in(terminal.tid, at)
        world.accept(terminal.tid, at)
        look_again(terminal.account)
        row = Transaction.objects.get(account=terminal.account, reference="API-1")
        assert (
            api.post(f"transactions/{row.pk}/capture/", {"amount_minor": 5001}).status_code == 400
        )
        assert (
            api.post(f"transactions/{row.pk}/capture/", {"amount_minor": 4000}).status_code == 202
        )
        send(terminal.account)
        look_again(terminal.account)
        assert world.payment(row.ref).captured == 4000
        assert api.post(f"transactions/{row.pk}/cancel/", {}).status_code == 400
        back = wish | {"kind": "REFUND", "refund_of": row.pk, "amount_minor": 1000, "reference": ""}
        assert api.post("sessions/", back | {"refund_of": None}).status_code == 400
        assert api.post("sessions/", wish | {"reference": "x" * 37}).status_code == 400
        assert api.post("sessions/", back).status_code == 202
        send(terminal.account)
        look_again(terminal.account)
        made = Transaction.objects.get(account=terminal.account, kind="REFUND")
        assert api.post(f"transactions/{made.pk}/capture/", {"amount_minor": 1}).status_code == 400
        assert api.post(f"transactions/{made.pk}/cancel/", {}).status_code == 202
        send(terminal.account)
        look_again(terminal.account)
        made.refresh_from_db()
        assert made.status == Status.CANCELLED

    def test_whoever_may_not_move_money_moves_none(
        self, played: Played, terminal: Terminal, alice: Membership, mallory: Membership, token: Any
    ) -> None:
        row = reserved(played, terminal, alice)
        support = add_person(email="carol@acme.test", merchant=alice.merchant, role="SUPPORT")
        before = Operation.objects.count()
        for path in ("capture", "cancel"):
            asked = f"transactions/{row.pk}/{path}/"
            assert Api(token(support)).post(asked, {}).status_code == 403
            assert Api(token(mallory)).post(asked, {}).status_code == 404
        assert Operation.objects.count() == before

    def test_the_same_capture_of_all_is_one_also_after_it_is_over(
        self, played: Played, terminal: Terminal, alice: Membership, token: Any
    ) -> None:
        api, row = Api(token(alice)), reserved(played, terminal, alice)
        path = f"transactions/{row.pk}/capture/"
        first = api.post(path, {}, "all")
        send(terminal.account)
        look_again(terminal.account)
        again = api.post(path, {}, "all")
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        assert api.post(path, {"amount_minor": 1}, "all").status_code == 422
        assert played.mobilepay.world.payment(row.ref).captured == 5000

    def test_a_sale_is_given_back_at_a_terminal_of_its_own_account_only(
        self, played: Played, terminal: Terminal, alice: Membership, token: Any
    ) -> None:
        other = played.connect_mobilepay(alice.merchant, OTHER_CODE)
        run_sync(other.pk, limits=QUICK)
        ref = sell(played)
        look_again(terminal.account)
        there = Terminal.objects.filter(account=other).exclude(ref=None)[0]
        wish = {"terminal": there.pk, "kind": "REFUND", "amount_minor": 100, "currency": "DKK",
                "refund_of": own(terminal.account, ref).pk}  # fmt: skip
        api = Api(token(alice))
        assert api.post("sessions/", wish, "b").status_code == 400
        mine = wish | {"terminal": terminal.pk}
        assert api.post("sessions/", mine, "b").status_code == 202
        second = Terminal.objects.get(account=terminal.account, tid="DK-102")
        assert api.post("sessions/", mine | {"terminal": second.pk}, "b").status_code == 422


@pytest.mark.parametrize("state", ["PAUSED", "REFUSED"])
def test_an_account_that_is_not_called_is_not_called_by_a_page_either(
    played: Played, terminal: Terminal, alice: Membership, client: Client, state: str
) -> None:
    row = reserved(played, terminal, alice)
    ProviderAccount.objects.filter(pk=terminal.account_id).update(state=state)
    played.server.calls.clear()
    client.force_login(alice.user)
    confirm(client, alice.user)
    till = client.get(reverse("transactions:till", args=[terminal.pk])).content.decode()
    assert 'hx-trigger="every 5s"' not in till
    client.post(reverse("transactions:payment", args=[row.pk]), {"do": "look"})
    lost = client.post(reverse("transactions:lost"), {"tid": "DK-101", "order": "X"})
    assert lost.status_code == 422
    assert played.server.calls == []
