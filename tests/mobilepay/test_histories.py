"""Whatever customers, tills, people, time and the wire do: what the portal knows is what is true.

A machine does things at random to a gateway and to the portal beside it. At rest, once faults have
passed and everything was looked at again, each payment and refund stands here as it stands there,
and nothing was begun, captured or given back twice.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from merchants.models import Membership, Operation, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import run_sync
from portal.conflicts import Conflict
from providers.base.http import Limits
from providers.base.money import Money
from providers.mobilepay import translate
from providers.mobilepay.sandbox import Sandbox
from providers.mobilepay.sandbox.world import Rule
from terminals.models import Terminal
from tests.conftest import PROVE, QUICK, Played, Players, make_alice, make_merchant
from tests.mobilepay.test_following import look_again
from transactions import actions
from transactions.models import Kind, Status, Transaction

RUNS = 500 if PROVE else 25
STEPS = 40
ONCE = Limits(connect=1, read=1, total=2, tries=1)
TIDS = ("DK-101", "DK-102")
FAULTS = ("lost", "lost_before", "lost_504", "truncate", "html_ok", "error", "reset", "xml")
# After which it is not known whether a change was made, and it was.
LOSSES = ("lost", "lost_504", "truncate", "html_ok")
AMOUNTS = st.integers(100, 9000)
ENDS = st.sampled_from(["accept", "capture", "reject"])


class Histories(RuleBasedStateMachine):
    """One merchant's tills, from the first payment to the last."""

    # Made once: what each history begins with, and is rolled back to.
    played: Played
    account: ProviderAccount
    alice: Membership
    made = 0

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        Histories.made += 1
        # The same stores and points of sale each time, and nothing paid yet.
        self.played.server.sandboxes["mobilepay"] = Sandbox(self.box.options)
        self.later = timedelta(0)
        self.keys = 0

    @property
    def box(self) -> Any:
        return self.played.mobilepay

    def key(self) -> str:
        self.keys += 1
        return f"{Histories.made}-{self.keys}"

    def ask(self, action: Callable[..., Operation], **wish: Any) -> None:
        """As a person: what is not possible is refused in words, and changes nothing."""
        with contextlib.suppress(Conflict), transaction.atomic():
            action(**wish, by=self.alice, key=self.key(), at=timezone.now())

    # the customer and the till

    @rule(tid=st.sampled_from(TIDS), minor=AMOUNTS)
    def till_starts(self, tid: str, minor: int) -> None:
        world = self.box.world
        # Another payment may be going on there.
        with contextlib.suppress(Rule):
            world.start(world.point(tid), f"T{self.key()}", minor, "DKK", self.box.now())

    @rule(tid=st.sampled_from(TIDS), answer=st.sampled_from(["accept", "accept", "reject", None]))
    def customer_comes(self, tid: str, answer: str | None) -> None:
        world = self.box.world
        world.check_in(tid, self.box.now())
        if answer is not None:
            getattr(world, answer)(tid, self.box.now())

    @rule(tid=st.sampled_from(TIDS))
    def customer_leaves(self, tid: str) -> None:
        self.box.world.walk_away(tid)

    @rule(part=st.integers(1, 100), number=st.integers(0, 9))
    def till_captures(self, part: int, number: int) -> None:
        world = self.box.world
        waiting = [p for p in world.open.values() if p.status == "Reserved"]
        if waiting:
            chosen = waiting[number % len(waiting)]
            world.capture(chosen.id, max(chosen.reserved * part // 100, 1), self.box.now())

    # a person at the portal

    @rule(tid=st.sampled_from(TIDS), minor=st.none() | AMOUNTS)
    def person_starts(self, tid: str, minor: int | None) -> None:
        terminal = Terminal.objects.get(account=self.account, tid=tid)
        amount = None if minor is None else Money(minor, "DKK")
        self.ask(actions.start_payment, terminal=terminal, amount=amount, order="")

    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def person_says_how_much(self, number: int, minor: int) -> None:
        if (row := self.row(number, Status.PENDING)) is not None:
            self.ask(actions.ready_payment, payment=row, amount=Money(minor, "DKK"))

    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def person_captures(self, number: int, minor: int) -> None:
        if (row := self.row(number, Status.AUTHORISED)) is not None:
            self.ask(actions.capture_payment, payment=row, amount=Money(minor, "DKK"))

    @rule(number=st.integers(0, 9), state=st.sampled_from([Status.PENDING, Status.AUTHORISED]))
    def person_cancels(self, number: int, state: str) -> None:
        if (row := self.row(number, state)) is not None:
            self.ask(actions.cancel_payment, payment=row)

    @rule(number=st.integers(0, 9), minor=AMOUNTS)
    def person_refunds(self, number: int, minor: int) -> None:
        if (row := self.row(number, Status.APPROVED)) is not None:
            self.ask(actions.refund_payment, sale=row, amount=Money(minor, "DKK"), order="")

    @rule(number=st.integers(0, 9), done=st.booleans())
    def person_ends_a_refund(self, number: int, done: bool) -> None:
        row = self.row(number, Status.AUTHORISED, Kind.REFUND)
        if row is not None:
            self.ask(actions.end_refund, refund=row, done=done)

    def row(self, number: int, status: str, kind: str = Kind.PURCHASE) -> Transaction | None:
        own = Transaction.objects.filter(account=self.account, status=status, kind=kind)
        rows = list(own.order_by("pk"))
        return rows[number % len(rows)] if rows else None

    # the worker, the wire and the clock

    @rule(minutes=st.integers(0, 12), fault=st.none() | st.sampled_from(FAULTS))
    def worker_sends(self, minutes: int, fault: str | None) -> None:
        self.later += timedelta(minutes=minutes)
        with self.wire(fault):
            send_operations(self.account.pk, limits=ONCE, clock=self.now)

    @rule(fault=st.none() | st.sampled_from(FAULTS), rate=st.sampled_from([0.3, 1.0]))
    def worker_looks(self, fault: str | None, rate: float) -> None:
        with self.wire(fault, rate):
            self.look()

    # orders of events that chance alone seldom brings about, and in which something done twice
    # would be paid twice

    @rule(tid=st.sampled_from(TIDS), minor=AMOUNTS, fault=st.sampled_from(LOSSES), ends=ENDS)
    def a_begins_answer_is_lost_while_the_customer_answers(
        self, tid: str, minor: int, fault: str, ends: str
    ) -> None:
        self.person_starts(tid, minor)
        self.worker_sends(0, fault)
        self.customer_comes(tid, "reject" if ends == "reject" else "accept")
        if ends == "capture":
            self.till_captures(100, 0)
        self.worker_sends(1, None)

    @rule(
        number=st.integers(0, 9), minor=AMOUNTS, fault=st.sampled_from(LOSSES), done=st.booleans()
    )
    def a_refunds_answer_is_lost(self, number: int, minor: int, fault: str, done: bool) -> None:
        self.till_starts(TIDS[0], 9000)
        self.customer_comes(TIDS[0], "accept")
        self.till_captures(100, number)
        self.look()
        self.person_refunds(number, minor)
        self.worker_sends(0, fault)
        if done:
            self.time_passes(25)
        self.worker_sends(1, None)

    @contextlib.contextmanager
    def wire(self, fault: str | None, rate: float = 1.0) -> Iterator[None]:
        """Broken for a while."""
        self.box.faults.rates = {fault: rate} if fault else {}
        yield
        self.box.faults.rates = {}

    def look(self) -> None:
        # As a probe: no call is tried twice, and nothing is slept through.
        own = ProviderAccount.objects.filter(pk=self.account.pk)
        own.update(failures=5, retry_at=None, state="ACTIVE")
        look_again(self.account)

    @rule(hours=st.sampled_from([0.05, 1, 25, 24 * 8]))
    def time_passes(self, hours: float) -> None:
        self.box.clock.move(timedelta(hours=hours))

    def now(self) -> datetime:
        return timezone.now() + self.later

    # what always holds there, and what holds here at rest

    @invariant()
    def no_more_is_moved_than_may_be(self) -> None:
        world = self.box.world
        for payment in world.payments.values():
            assert (payment.captured or 0) <= (payment.reserved or 0)
            assert payment.given_back <= (payment.captured or 0)
        orders = [p.order for p in world.payments.values()]
        refunds = [r.order for r in world.refunds.values()]
        assert len(orders) == len(set(orders)), "begun twice"
        assert len(refunds) == len(set(refunds)), "given back twice"

    def teardown(self) -> None:
        try:
            self.rest()
        finally:
            transaction.savepoint_rollback(self.point)

    def rest(self) -> None:
        for _ in range(5):
            self.later += timedelta(minutes=15)
            send_operations(self.account.pk, limits=ONCE, clock=self.now)
        for _ in range(2):
            self.look()
        self.no_more_is_moved_than_may_be()
        self.equals_the_ledger()

    def equals_the_ledger(self) -> None:
        world = self.box.world
        # Tills that nobody has told the portal of are no part of it.
        ours = [p for p in world.payments.values() if p.tid in TIDS]
        here = {row.ref: row for row in Transaction.objects.filter(account=self.account)}
        for ref, row in here.items():
            if row.kind == Kind.REFUND:
                there = world.refunds[ref]
                assert row.status == translate.REFUNDS[there.status]
                assert row.amount_minor == there.amount
            else:
                payment = world.payments[ref]
                assert row.status == translate.PAYMENTS[payment.status], payment
                assert row.captured_minor == (payment.captured or 0)
        sold = {p.id for p in ours if p.captured is not None}
        begun = {
            str(each.outcome["ref"])
            for each in Operation.objects.filter(
                account=self.account, kind__in=("START_PAYMENT", "PREPARE_PAYMENT"),
                state="CONFIRMED",
            )
        }  # fmt: skip
        going_on = {p.id for p in ours if p.id in world.open}
        assert sold | begun | going_on <= set(here)
        for operation in Operation.objects.filter(account=self.account, state="CONFIRMED"):
            if operation.kind == "CAPTURE_PAYMENT":
                assert world.payments[self.subject(operation)].status == "Captured"
            if operation.kind == "CANCEL_PAYMENT":
                assert world.payments[self.subject(operation)].status in translate.ENDED

    def subject(self, operation: Operation) -> str:
        return str(Transaction.objects.get(pk=operation.subject_id or 0).ref)


def test_what_the_portal_knows_is_what_is_true(db: None, play: Players) -> None:
    since = datetime.now(UTC) + timedelta(days=2)
    played = play(now=None, transactions=50, since=since)
    merchant = make_merchant()
    account = played.connect_mobilepay(merchant)
    Terminal.objects.filter(account=account).exclude(tid__in=TIDS).delete()
    run_sync(account.pk, limits=QUICK)
    Histories.played, Histories.account = played, account
    Histories.alice = make_alice(merchant)
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=RUNS, stateful_step_count=STEPS, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
