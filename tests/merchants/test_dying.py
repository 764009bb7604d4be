"""Operations whose worker is killed at any line, and forms that are sent many times at once."""

import json
import signal
import subprocess
import sys
import threading
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from merchants.actions.people import add_person
from merchants.models import Membership, Merchant, Operation, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import Ask, run_sync
from settlements.actions import reconcile_terminal
from settlements.models import Reconciliation
from terminals.actions import Holder, assign_terminal, unassign_terminal
from terminals.models import Terminal
from tests.conftest import PROVE, QUICK, Played, environment

ROOT = Path(__file__).parents[2]
ONLY = frozenset({"branches", "terminals"})
POINTS = 20 if PROVE else 4


@pytest.fixture
def alice(committed: None) -> Membership:
    merchant = Merchant.objects.create(slug="acme", name="Acme")
    return add_person(email="alice@acme.test", merchant=merchant, role="OWNER", name="Alice")


@pytest.fixture
def nearpay(play: Any, alice: Membership) -> Played:
    found: Played = play(transactions=40, terminals=4, now=now())
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, Ask(only=ONLY), limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def terminal(account: ProviderAccount) -> Terminal:
    own = Terminal.objects.filter(account=account).exclude(ref=None).exclude(terminal_user=None)
    return own.order_by("pk")[0]


def work(
    nearpay: Played, account: ProviderAccount, line: int
) -> "subprocess.CompletedProcess[str]":
    """A worker of its own, which dies at a line; 0: which lives."""
    return subprocess.run(
        [sys.executable, "-m", "tests.merchants.die", str(account.pk), str(line)],
        env=environment(nearpay) | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def writes(nearpay: Played) -> int:
    return sum(method != "GET" for method, _path in nearpay.server.calls)


def resolve(account: ProviderAccount) -> None:
    """What a later worker does, as often as it looks."""
    moment = now()
    for seconds in (0, 6, 40, 140, 700):
        at = moment + timedelta(seconds=seconds)
        send_operations(account.pk, limits=QUICK, clock=lambda at=at: at)  # type: ignore[misc]


class TestKillNine:
    def test_at_any_line_leaves_one_effect(
        self, nearpay: Played, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        people = [Holder(f"Person {each}", f"+96655111000{each}", "") for each in (1, 2)]
        number = 0

        def ask() -> Operation:
            nonlocal number
            number += 1
            to = people[number % 2]
            return assign_terminal(terminal=terminal, to=to, by=alice, key=f"{number}", at=now())

        ask()
        lived = work(nearpay, account, 0)
        assert lived.returncode == 0, lived.stderr
        lines = int(lived.stdout)
        there = next(t for t in nearpay.sandbox.world.terminals if t.id == terminal.ref)
        found = set()
        for point in range(POINTS):
            made, before = ask(), writes(nearpay)
            died = work(nearpay, account, 1 + point * (lines - 1) // POINTS)
            assert died.returncode == -signal.SIGKILL, died.stderr
            made.refresh_from_db()
            found.add(made.state)
            resolve(account)
            made.refresh_from_db()
            terminal.refresh_from_db()
            assert made.state == "CONFIRMED", (point, made.state, made.evidence)
            assert writes(nearpay) == before + 1, point
            assert there.assigned[-1][1].mobile == people[number % 2].mobile  # type: ignore[union-attr]
            assert terminal.terminal_user is not None
            assert terminal.terminal_user.mobile == people[number % 2].mobile
        # It died before the call and after it, and not at ease in between.
        assert {"REQUESTED", "SENT"} <= found

    def test_what_may_not_be_repeated_is_done_once_or_asked_about(
        self, nearpay: Played, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        ends = set()
        reconcile_terminal(terminal=terminal, by=alice, key="0", at=now())
        lines = int(work(nearpay, account, 0).stdout)
        for point in range(POINTS):
            made = reconcile_terminal(terminal=terminal, by=alice, key=f"r{point}", at=now())
            before = writes(nearpay)
            work(nearpay, account, 1 + point * (lines - 1) // POINTS)
            resolve(account)
            # The clock of `resolve` goes ahead of what is asked next.
            Reconciliation.objects.update(learned_at=made.requested_at)
            made.refresh_from_db()
            calls = writes(nearpay) - before
            ends.add(made.state)
            if made.state == "CONFIRMED":
                assert calls == 1
            else:
                assert made.needs_a_person
                assert calls == 0
                assert len(made.evidence) == 4
                Operation.objects.filter(pk=made.pk).update(
                    state="REFUSED", finished_at=now(), message="Decided"
                )
        assert "CONFIRMED" in ends


class TestManyTimesAtOnce:
    """F23: ten identical requests are one effect."""

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_is_one_operation(
        self, nearpay: Played, account: ProviderAccount, terminal: Terminal, alice: Membership,
        door: str, token: Any,
    ) -> None:  # fmt: skip
        clients = []
        for _ in range(10):
            client = Client(headers=token(alice)) if door == "api" else Client()
            if door == "page":
                client.force_login(alice.user)
            clients.append(client)
        gate, answers = threading.Barrier(10), []
        form = {"name": "Huda", "mobile": "+966551112233", "email": "h@example.com"}

        def press(client: Client) -> None:
            gate.wait()
            try:
                if door == "page":
                    path = f"/terminals/{terminal.pk}/assign/"
                    answer = client.post(path, form | {"key": "form", "sure": "on"})
                else:
                    answer = client.post(
                        f"/api/v1/terminals/{terminal.pk}/assign/", json.dumps(form),
                        "application/json", headers={"Idempotency-Key": "form"},
                    )  # fmt: skip
                answers.append(answer.status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=copy_context().run, args=[press, c]) for c in clients]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert answers == [302 if door == "page" else 202] * 10
        assert Operation.objects.count() == 1
        send_operations(account.pk, limits=QUICK)
        assert writes(nearpay) == 1
        # The button again, by the back key, once all is over.
        if door == "page":
            clients[0].post(
                f"/terminals/{terminal.pk}/assign/", form | {"key": "form", "sure": "on"}
            )
            assert Operation.objects.count() == 1

    def test_another_form_is_told_what_is_open(
        self, account: ProviderAccount, terminal: Terminal, alice: Membership
    ) -> None:
        unassign_terminal(terminal=terminal, by=alice, key="a", at=now())
        Operation.objects.update(state="SENT", sent_at=now())
        client = Client()
        client.force_login(alice.user)
        answer = client.post(f"/terminals/{terminal.pk}/unassign/", {"key": "b"}, follow=True)
        assert "Alice has asked for" in answer.content.decode()
        assert Operation.objects.count() == 1
