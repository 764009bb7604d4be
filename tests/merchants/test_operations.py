"""The ledger of what people ask of providers: sent once, and true whatever is lost on the way."""

import itertools
import threading
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from merchants.actions.operations import (
    OperationPending,
    decide_operation,
    withdraw_operation,
)
from merchants.actions.people import add_person
from merchants.actions.trail import scene
from merchants.models import AuditEntry, Membership, Merchant, Operation, ProviderAccount
from merchants.operations import accounts_with_work, send_operations
from merchants.sync import run_sync
from portal.conflicts import KeyUsed
from providers.base.http import Limits
from terminals.actions import Holder, assign_terminal, disconnect_terminal, unassign_terminal
from terminals.models import Terminal, TerminalUser
from tests.conftest import NOON, PROVE, QUICK, Played

ONCE = Limits(connect=2, read=1, total=2, tries=1)
NEW = Holder("Huda Al-Amri", "+966551112233", "huda@example.com")
_keys = itertools.count()


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=120, terminals=6)
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


def another(terminal: Terminal) -> Terminal:
    own = Terminal.objects.filter(account=terminal.account).exclude(ref=None)
    return own.exclude(pk=terminal.pk).order_by("pk")[0]


def ask(terminal: Terminal, by: Membership, to: Holder = NEW, key: str = "") -> Operation:
    key = key or f"key-{next(_keys)}"
    return assign_terminal(terminal=terminal, to=to, by=by, key=key, at=NOON)


def holder_there(nearpay: Played, terminal: Terminal) -> str | None:
    """Who holds a terminal as the provider knows it."""
    found = next(each for each in nearpay.sandbox.world.terminals if each.id == terminal.ref)
    person = found.assigned[-1][1] if found.assigned else None
    return person.mobile if person else None


def writes(nearpay: Played) -> int:
    return sum(method != "GET" for method, _path in nearpay.server.calls)


def send(account: ProviderAccount, clock: Hand) -> int:
    return send_operations(account.pk, limits=ONCE, clock=clock)


@pytest.mark.django_db
class TestAsking:
    def test_is_written_down_before_anything_is_sent(
        self, terminal: Terminal, alice: Membership, nearpay: Played
    ) -> None:
        made = ask(terminal, alice)
        assert (made.state, made.requested_by, made.sent_at) == ("REQUESTED", alice.user, None)
        assert writes(nearpay) == 0
        assert accounts_with_work(NOON) == [terminal.account_id]
        entry = AuditEntry.objects.get(action="operation.requested")
        assert (entry.subject_kind, entry.subject_id) == ("terminal", terminal.pk)

    def test_twice_by_the_same_form_is_once(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = {ask(terminal, alice, key="form-1").pk for _ in range(10)}
        assert len(made) == 1
        send(terminal.account, clock)
        assert ask(terminal, alice, key="form-1").state == "CONFIRMED"
        assert writes(nearpay) == 1
        with pytest.raises(KeyUsed):
            ask(another(terminal), alice, key="form-1")

    def test_of_two_who_ask_the_second_is_told_who_was_first(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        ask(terminal, alice)
        bob = add_person(email="bob@acme.test", merchant=alice.merchant, role="ADMIN", name="Bob")
        with pytest.raises(OperationPending, match="Alice has asked for “Assign”"):
            unassign_terminal(terminal=terminal, by=bob, key="b", at=NOON)
        assert Operation.objects.count() == 1

    def test_the_database_allows_one_open_operation(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        made = ask(terminal, alice)
        with pytest.raises(IntegrityError, match="one_open_operation"), transaction.atomic():
            Operation.objects.create(
                merchant=alice.merchant, account=terminal.account, kind="UNASSIGN",
                subject_kind="terminal", subject_id=made.subject_id, key="x", requested_at=NOON,
            )  # fmt: skip

    def test_the_database_forgets_none(self, terminal: Terminal, alice: Membership) -> None:
        made = ask(terminal, alice)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            made.delete()
        assert Operation.objects.filter(pk=made.pk).exists()

    def test_one_that_waits_can_be_withdrawn_and_one_that_is_over_cannot(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = ask(terminal, alice)
        assert withdraw_operation(operation=made, by=alice, at=NOON)
        assert send(terminal.account, clock) == 0
        assert writes(nearpay) == 0
        again = ask(terminal, alice)
        send(terminal.account, clock)
        assert not withdraw_operation(operation=again, by=alice, at=NOON)
        states = Operation.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["WITHDRAWN", "CONFIRMED"]


@pytest.mark.django_db
class TestApi:
    def test_says_what_is_open_and_what_became_of_it(
        self, terminal: Terminal, alice: Membership, clock: Hand, token: Any
    ) -> None:
        api = Client(headers=token(alice))
        made = ask(terminal, alice)
        shown = api.get(f"/api/v1/terminals/{terminal.pk}/").json()["operation"]
        assert (shown["id"], shown["kind"], shown["state"]) == (made.pk, "ASSIGN", "REQUESTED")
        listed = api.get("/api/v1/terminals/").json()["results"]
        assert [each["id"] for each in listed if each["operation"]] == [terminal.pk]
        send(terminal.account, clock)
        assert api.get(f"/api/v1/terminals/{terminal.pk}/").json()["operation"] is None
        (over,) = api.get("/api/v1/operations/").json()["results"]
        assert over["state"] == "CONFIRMED"
        assert over["subject"] == {"kind": "terminal", "id": terminal.pk}
        assert over["requested_by"] == "Alice"

    def test_of_another_merchant_is_not_there(
        self, terminal: Terminal, alice: Membership, mallory: Membership, token: Any
    ) -> None:
        made = ask(terminal, alice)
        api = Client(headers=token(mallory))
        assert api.get("/api/v1/operations/").json()["results"] == []
        assert api.get(f"/api/v1/operations/{made.pk}/").status_code == 404


@pytest.mark.django_db
class TestSending:
    def test_an_assignment_is_true_here_and_there(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = ask(terminal, alice)
        assert send(terminal.account, clock) == 1
        made.refresh_from_db()
        terminal.refresh_from_db()
        assert (made.state, made.tries) == ("CONFIRMED", 1)
        assert holder_there(nearpay, terminal) == NEW.mobile
        assert terminal.terminal_user is not None
        assert terminal.terminal_user.name == NEW.name
        # Who it names is not kept twice.
        assert made.asked == {"terminal_user": terminal.terminal_user_id}
        entry = AuditEntry.objects.get(action="operation.confirmed")
        assert entry.door == "JOB"
        assert scene().door == "COMMAND"

    def test_somebody_known_is_moved(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        assert terminal.terminal_user is not None
        person = TerminalUser.objects.exclude(pk=terminal.terminal_user.pk).order_by("pk")[0]
        assert person.mobile
        to = Holder(person.name, person.mobile, person.email or "", person)
        ask(terminal, alice, to)
        send(terminal.account, clock)
        terminal.refresh_from_db()
        assert terminal.terminal_user == person
        assert holder_there(nearpay, terminal) == person.mobile

    def test_taking_back_and_signing_out(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        unassign_terminal(terminal=terminal, by=alice, key="u", at=NOON)
        send(terminal.account, clock)
        disconnect_terminal(terminal=terminal, by=alice, key="d", at=NOON)
        send(terminal.account, clock)
        terminal.refresh_from_db()
        assert (terminal.terminal_user, terminal.connected) == (None, False)
        assert holder_there(nearpay, terminal) is None

    def test_a_refusal_ends_it_in_the_providers_words(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = ask(terminal, alice, Holder("X", "", ""))
        send(terminal.account, clock)
        made.refresh_from_db()
        assert made.state == "REFUSED"
        assert made.message
        assert writes(nearpay) == 1

    def test_while_the_provider_is_down_they_wait_and_go_out_in_their_order(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        ask(terminal, alice)
        clock.later(1)
        second = another(terminal)
        ask(second, alice, Holder("Sami Faraj", "+966552223344", "sami@example.com"))
        nearpay.sandbox.faults.rates = {"throttle": 1.0}
        assert send(terminal.account, clock) == 1
        assert send(terminal.account, clock) == 0
        assert set(Operation.objects.values_list("state", flat=True)) == {"REQUESTED"}
        nearpay.sandbox.faults.rates = {}
        clock.later(3600)
        assert send(terminal.account, clock) == 2
        sent = Operation.objects.order_by("sent_at").values_list("pk", flat=True)
        assert list(sent) == sorted(sent)
        assert set(Operation.objects.values_list("state", flat=True)) == {"CONFIRMED"}


@pytest.mark.django_db
class TestUnknown:
    """F22: the answer is lost, and what is true there decides."""

    @pytest.mark.parametrize("fault", ["lost", "lost_before", "lost_504"])
    @pytest.mark.parametrize("kind", ["ASSIGN", "UNASSIGN", "DISCONNECT"])
    @pytest.mark.parametrize("number", range(17 if PROVE else 1))
    def test_ends_equal_to_the_provider_without_a_blind_repeat(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played,
        fault: str, kind: str, number: int,
    ) -> None:  # fmt: skip
        Terminal.objects.filter(pk=terminal.pk).update(connected=True)
        if kind == "ASSIGN":
            made = ask(terminal, alice)
        elif kind == "UNASSIGN":
            made = unassign_terminal(terminal=terminal, by=alice, key=fault, at=NOON)
        else:
            made = disconnect_terminal(terminal=terminal, by=alice, key=fault, at=NOON)
        there = next(each for each in nearpay.sandbox.world.terminals if each.id == terminal.ref)
        there.connected = True
        nearpay.sandbox.faults.rates = {fault: 1.0}
        send(terminal.account, clock)
        made.refresh_from_db()
        assert made.state == "UNKNOWN"
        assert writes(nearpay) == 1
        # Not a moment too early.
        assert send(terminal.account, clock) == 0
        nearpay.sandbox.faults.rates = {}
        clock.later(5)
        assert send(terminal.account, clock) >= 1
        made.refresh_from_db()
        terminal.refresh_from_db()
        assert made.state == "CONFIRMED"
        assert len(made.evidence) == 1
        # What was done is not done again; what was not done is, under the same operation.
        assert writes(nearpay) == (2 if fault == "lost_before" else 1)
        if kind == "ASSIGN":
            assert holder_there(nearpay, terminal) == NEW.mobile
            assert terminal.terminal_user is not None
            assert terminal.terminal_user.name == NEW.name
        elif kind == "UNASSIGN":
            assert holder_there(nearpay, terminal) is None
            assert terminal.terminal_user is None
        else:
            assert (terminal.connected, there.connected) == (False, False)

    def test_that_nobody_can_find_out_waits_for_a_person_with_the_evidence(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = ask(terminal, alice)
        nearpay.sandbox.faults.rates = {"error": 1.0}
        send(terminal.account, clock)
        for seconds in (5, 25, 90, 480):
            clock.later(seconds)
            send(terminal.account, clock)
        made.refresh_from_db()
        assert made.needs_a_person
        assert len(made.evidence) == 4
        assert writes(nearpay) == 1
        clock.later(100_000)
        assert send(terminal.account, clock) == 0
        with pytest.raises(OperationPending):
            ask(terminal, alice)
        assert decide_operation(
            operation=made, done=False, reason="The till says so", by=alice, at=clock()
        )
        made.refresh_from_db()
        assert (made.state, made.asked) == ("REFUSED", {})
        assert "The till says so" in made.message
        assert AuditEntry.objects.get(action="operation.decided").reason == "The till says so"

    def test_a_worker_that_dies_after_sending_leaves_it_to_be_read_back(
        self, terminal: Terminal, alice: Membership, clock: Hand, nearpay: Played
    ) -> None:
        made = ask(terminal, alice)
        killed = mock.patch(
            "merchants.operations.send._Turn._confirm", side_effect=KeyboardInterrupt
        )
        with killed, pytest.raises(KeyboardInterrupt):
            send(terminal.account, clock)
        made.refresh_from_db()
        assert made.state == "SENT"
        assert send(terminal.account, clock) == 0
        clock.later(5)
        send(terminal.account, clock)
        made.refresh_from_db()
        assert made.state == "CONFIRMED"
        assert writes(nearpay) == 1


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("locked", [True, False])
def test_of_two_admins_at_once_exactly_one_succeeds(play: Any, locked: bool) -> None:
    """F21, and its control: without the database's own rule both would."""
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    people = [
        add_person(email=f"{name}@acme.test", merchant=merchant, role="ADMIN", name=name)
        for name in ("ann", "ben")
    ]
    nearpay = play(transactions=40, terminals=4)
    account = nearpay.connect(merchant)
    run_sync(account.pk, limits=QUICK)
    terminal = Terminal.objects.filter(account=account).exclude(ref=None).order_by("pk")[0]
    if not locked:
        from tests.database import as_owner

        with as_owner() as owner:
            owner.execute("drop index one_open_operation_per_subject")
    try:
        for number in range(200 if PROVE else 12):
            told: list[str] = []
            barrier = threading.Barrier(2)

            def press(member: Membership, told: Any = told, barrier: Any = barrier) -> None:
                barrier.wait()
                try:
                    key = f"{number}-{member.pk}"  # noqa: B023 (used up within the round)
                    unassign_terminal(terminal=terminal, by=member, key=key, at=NOON)
                    told.append("done")
                except OperationPending as problem:
                    told.append(str(problem.operation.requested_by))
                finally:
                    connection.close()

            both = [
                threading.Thread(target=copy_context().run, args=[press, each]) for each in people
            ]
            for each in both:
                each.start()
            for each in both:
                each.join()
            made = Operation.objects.filter(key__startswith=f"{number}-")
            assert made.count() == (1 if locked else 2)
            if locked:
                assert sorted(told) in (["ann", "done"], ["ben", "done"])
            Operation.objects.update(state="WITHDRAWN", finished_at=NOON, next_at=None)
    finally:
        if not locked:
            with as_owner() as owner:
                owner.execute(
                    "create unique index one_open_operation_per_subject on merchants_operation"
                    " (subject_kind, subject_id)"
                    " where state in ('REQUESTED', 'SENT', 'UNKNOWN')"
                )
