"""Asking providers by the API, and operations that make something new."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.timezone import now

from merchants.actions.branches import create_branch
from merchants.actions.operations import forget_keys
from merchants.actions.people import add_person
from merchants.models import (
    AuditEntry,
    BranchIdentity,
    CustomRole,
    Membership,
    Operation,
    ProviderAccount,
    User,
)
from merchants.operations import send_operations
from merchants.sync import run_sync
from providers.base.http import Limits
from providers.base.money import Money
from settlements.actions import reconcile_terminal
from settlements.models import Reconciliation
from terminals.actions import create_terminal
from terminals.models import Terminal, TerminalUser
from tests.conftest import NOON, PROVE, QUICK, Played
from transactions.actions import open_session
from transactions.models import Session, Transaction

pytestmark = pytest.mark.django_db
ONCE = Limits(connect=2, read=1, total=2, tries=1)
HUDA = {"name": "Huda Al-Amri", "mobile": "+966 55 111 2233", "email": "huda@example.com"}
OWNER = {"name": "Sami Faraj", "mobile": "+966552223344", "email": "sami@example.com"}


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=120, terminals=6, now=now())
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


class Api:
    """A program that calls."""

    def __init__(self, headers: Any) -> None:
        self.client = Client(headers=headers)

    def post(self, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post(
            f"/api/v1/{path}", json.dumps(body or {}), "application/json", headers=headers
        )

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}")


@pytest.fixture
def api(alice: Membership, token: Any) -> Api:
    return Api(token(alice))


def writes(nearpay: Played) -> int:
    return sum(method != "GET" for method, _path in nearpay.server.calls)


class TestTheApi:
    def test_takes_a_wish_and_names_what_came_of_it(
        self, api: Api, terminal: Terminal, nearpay: Played
    ) -> None:
        answer = api.post(f"terminals/{terminal.pk}/assign/", HUDA, "one")
        assert answer.status_code == 202
        asked = answer.json()
        assert (asked["kind"], asked["state"]) == ("ASSIGN", "REQUESTED")
        assert asked["subject"] == {"kind": "terminal", "id": terminal.pk}
        assert writes(nearpay) == 0
        send_operations(terminal.account_id, limits=ONCE)
        over = api.get(f"operations/{asked['id']}/").json()
        assert over["state"] == "CONFIRMED"
        shown = api.get(f"terminals/{terminal.pk}/").json()["terminal_user"]
        assert (shown["name"], shown["mobile"]) == (HUDA["name"], "+966551112233")

    def test_answers_the_same_key_with_the_same_operation_and_refuses_another_body(
        self, api: Api, terminal: Terminal, nearpay: Played
    ) -> None:
        path = f"terminals/{terminal.pk}/assign/"
        made = {api.post(path, HUDA, "one").json()["id"] for _ in range(10)}
        assert len(made) == 1
        assert api.post(path, HUDA | {"name": "Hind"}, "one").status_code == 422
        assert api.post(f"terminals/{terminal.pk}/unassign/", {}, "one").status_code == 422
        send_operations(terminal.account_id, limits=ONCE)
        # The body that it was bound to is gone by then, and the key is bound to it still.
        again = api.post(path, HUDA, "one")
        assert (again.status_code, again.json()["state"]) == (202, "CONFIRMED")
        assert api.post(path, OWNER, "one").status_code == 422
        assert writes(nearpay) == 1

    def test_keeps_a_key_for_72_hours(self, api: Api, terminal: Terminal) -> None:
        path = f"terminals/{terminal.pk}/unassign/"
        first = api.post(path, {}, "one").json()["id"]
        send_operations(terminal.account_id, limits=ONCE)
        assert forget_keys(now() + timedelta(hours=71)) == 0
        assert api.post(path, {}, "one").json()["id"] == first
        assert forget_keys(now() + timedelta(hours=73)) == 1
        assert api.post(path, {}, "one").json()["id"] != first

    def test_names_the_open_operation(self, api: Api, terminal: Terminal, token: Any) -> None:
        first = api.post(f"terminals/{terminal.pk}/unassign/", {}, "one").json()["id"]
        answer = api.post(f"terminals/{terminal.pk}/disconnect/", {}, "two")
        assert answer.status_code == 409
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["operation"]["id"] == first
        assert "Alice" in answer.json()["detail"]
        assert Operation.objects.count() == 1

    def test_replaces_one_that_waits_in_one_step(
        self, api: Api, terminal: Terminal, nearpay: Played
    ) -> None:
        first = api.post(f"terminals/{terminal.pk}/unassign/", {}, "one").json()["id"]
        path, body = f"terminals/{terminal.pk}/assign/", HUDA | {"replaces": first}
        second = api.post(path, body, "two").json()["id"]
        # The same call again withdraws nothing more.
        assert api.post(path, body, "two").json()["id"] == second
        send_operations(terminal.account_id, limits=ONCE)
        states = dict(Operation.objects.values_list("pk", "state"))
        assert states == {first: "WITHDRAWN", second: "CONFIRMED"}
        assert writes(nearpay) == 1
        third = api.post(f"terminals/{terminal.pk}/unassign/", {}, "three").json()["id"]
        Operation.objects.filter(pk=third).update(state="SENT", sent_at=NOON)
        assert api.post(path, HUDA | {"replaces": third}, "four").status_code == 409

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "Huda", "mobile": "5511"}, "mobile"),
            ({"name": "", "mobile": "+966551112233"}, "name"),
            ({"name": "Huda", "mobile": "+966551112233", "email": "no"}, "email"),
            ({"name": "Hu\x00da", "mobile": "+966551112233"}, "name"),
        ],
    )
    def test_says_what_is_wrong_and_changes_nothing(
        self, api: Api, terminal: Terminal, body: Any, field: str
    ) -> None:
        answer = api.post(f"terminals/{terminal.pk}/assign/", body, "one")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [field]
        assert not Operation.objects.exists()

    @pytest.mark.parametrize("key", ["", "x" * 101, "schlüssel"])
    def test_takes_no_key_that_is_none(self, api: Api, terminal: Terminal, key: str) -> None:
        answer = api.post(f"terminals/{terminal.pk}/unassign/", {}, key)
        assert answer.status_code == 400
        assert not Operation.objects.exists()

    def test_needs_the_right_and_the_row(
        self, terminal: Terminal, alice: Membership, mallory: Membership, token: Any
    ) -> None:
        carol = add_person(email="carol@acme.test", merchant=alice.merchant, role="SUPPORT")
        sale = Transaction.objects.order_by("pk")[0].pk
        session = {"terminal": terminal.pk, "kind": "PURCHASE", "amount_minor": 5,
                   "currency": "SAR", "refund_of": sale}  # fmt: skip
        calls = {
            f"terminals/{terminal.pk}/assign/": HUDA,
            f"terminals/{terminal.pk}/unassign/": {},
            f"terminals/{terminal.pk}/disconnect/": {},
            "branches/": {"account": terminal.account_id, "name": "New"},
            "terminals/": {"account": terminal.account_id, "branch": terminal.branch_id,
                           "name": "Till", "code": "1"},
            "sessions/": session,
            "reconciliations/": {"terminal": terminal.pk},
        }  # fmt: skip
        other = Api(token(mallory))
        for path, body in calls.items():
            assert Api(token(carol)).post(path, body).status_code == 403, path
            found = other.post(path, body)
            assert found.status_code == (404 if str(terminal.pk) in path else 400), path
            assert Client().post(f"/api/v1/{path}").status_code == 401
        assert not Operation.objects.exists()

    def test_somebody_kept_to_a_branch_opens_none(
        self, account: ProviderAccount, alice: Membership, token: Any
    ) -> None:
        Membership.objects.filter(pk=alice.pk).update(every_branch=False)
        alice.branches.set([account.branches.order_by("pk")[0].branch_id])
        answer = Api(token(alice)).post("branches/", {"account": account.pk, "name": "New"})
        assert answer.status_code == 403

    def test_a_terminal_that_is_gone_there_is_not_asked_for(
        self, api: Api, terminal: Terminal
    ) -> None:
        before = api.post(f"terminals/{terminal.pk}/unassign/", {}, "before").json()["id"]
        send_operations(terminal.account_id, limits=ONCE)
        Terminal.objects.filter(pk=terminal.pk).update(ref=None)
        answer = api.post(f"terminals/{terminal.pk}/unassign/")
        assert answer.status_code == 409
        assert "no longer lists" in answer.json()["detail"]
        # What was asked for before is what it was.
        again = api.post(f"terminals/{terminal.pk}/unassign/", {}, "before")
        assert (again.status_code, again.json()["id"]) == (202, before)


def wish(kind: str, terminal: Terminal, by: Membership) -> Operation:
    """One of each kind that makes something."""
    account, at = terminal.account, now()
    if kind == "CREATE_BRANCH":
        return create_branch(
            account=account, name="Airport", name_ar="المطار", reference="AP-1", owner=OWNER,
            by=by, key=kind, at=at,
        )  # fmt: skip
    if kind == "CREATE_TERMINAL":
        assert terminal.branch is not None
        return create_terminal(
            account=account, branch=terminal.branch, name="Till 9", code="TR-9", by=by, key=kind,
            at=at,
        )  # fmt: skip
    if kind == "RECONCILE":
        return reconcile_terminal(terminal=terminal, by=by, key=kind, at=at)
    return open_session(
        terminal=terminal, kind="PURCHASE", amount=Money(1455, "SAR"), reference="",
        refund_of=None, by=by, key=kind, at=at,
    )  # fmt: skip


MADE = {
    "CREATE_BRANCH": BranchIdentity, "CREATE_TERMINAL": Terminal, "RECONCILE": Reconciliation,
    "OPEN_SESSION": Session,
}  # fmt: skip


class TestMaking:
    @pytest.mark.parametrize("kind", MADE)
    def test_is_true_here_and_there_and_read_again_without_a_second_row(
        self, terminal: Terminal, alice: Membership, kind: str, nearpay: Played
    ) -> None:
        before = MADE[kind].objects.count()
        made = wish(kind, terminal, alice)
        assert send_operations(terminal.account_id, limits=ONCE) == 1
        made.refresh_from_db()
        assert (made.state, made.asked) == ("CONFIRMED", {})
        assert MADE[kind].objects.count() == before + 1
        assert made.outcome or made.subject_id
        assert run_sync(terminal.account_id, limits=QUICK).state == "DONE"
        assert MADE[kind].objects.count() == before + 1
        assert writes(nearpay) == 1
        assert AuditEntry.objects.filter(action="operation.confirmed").count() == 1

    @pytest.mark.parametrize("fault", ["lost", "lost_504", "lost_before"])
    @pytest.mark.parametrize("kind", MADE)
    @pytest.mark.parametrize("number", range(13 if PROVE else 1))
    def test_is_never_sent_twice_where_the_answer_is_lost(
        self, terminal: Terminal, alice: Membership, kind: str, fault: str, nearpay: Played,
        number: int,
    ) -> None:  # fmt: skip
        before = MADE[kind].objects.count()
        made = wish(kind, terminal, alice)
        nearpay.sandbox.faults.rates = {fault: 1.0}
        moment = now()
        clock = [moment]
        send_operations(terminal.account_id, limits=ONCE, clock=lambda: clock[0])
        made.refresh_from_db()
        assert made.state == "UNKNOWN"
        nearpay.sandbox.faults.rates = {}
        if number % 2:
            # A reading that comes in between takes nothing away from the evidence.
            run_sync(terminal.account_id, limits=QUICK)
        for seconds in (5, 30, 120, 600):
            clock[0] = moment + timedelta(seconds=seconds)
            send_operations(terminal.account_id, limits=ONCE, clock=lambda: clock[0])
        made.refresh_from_db()
        assert writes(nearpay) == 1
        if fault == "lost_before":
            assert made.needs_a_person
            assert [each["found"] for each in made.evidence] == [
                "Nothing new there fits what was asked for."
            ] * 4
            assert MADE[kind].objects.count() == before
        else:
            assert made.state == "CONFIRMED"
            assert MADE[kind].objects.count() == before + 1

    def test_a_branch_needs_no_thing_that_is_there(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        with pytest.raises(IntegrityError, match="only_what_is_to_be_made"), transaction.atomic():
            Operation.objects.create(
                merchant=alice.merchant, account=account, kind="ASSIGN", subject_kind="terminal",
                key="x", requested_at=NOON,
            )  # fmt: skip

    def test_a_refund_is_at_most_what_is_left(
        self, api: Api, terminal: Terminal, nearpay: Played
    ) -> None:
        sale = Transaction.objects.filter(kind="PURCHASE", status="APPROVED").order_by("pk")[0]
        assert sale.captured_minor is not None
        ask = {"terminal": terminal.pk, "kind": "REFUND", "currency": sale.currency,
               "amount_minor": sale.captured_minor + 1, "refund_of": sale.pk}  # fmt: skip
        assert api.post("sessions/", ask).status_code == 400
        assert api.post("sessions/", ask | {"refund_of": None}).status_code == 400
        assert api.post("sessions/", ask | {"kind": "PURCHASE"}).status_code == 400
        assert api.post("sessions/", ask | {"currency": "KWD"}).status_code == 400
        assert api.post("sessions/", ask | {"currency": "XXY"}).status_code == 400
        whole = ask | {"amount_minor": sale.captured_minor}
        answer = api.post("sessions/", whole, "refund")
        assert answer.status_code == 202
        send_operations(terminal.account_id, limits=ONCE)
        # The same call again is the same operation, though nothing is left of the sale by then.
        Transaction.objects.filter(pk=sale.pk).update(refunded="FULL")
        again = api.post("sessions/", whole, "refund")
        assert (again.status_code, again.json()["id"]) == (202, answer.json()["id"])
        assert api.post("sessions/", whole, "another").status_code == 400
        over = api.get(f"operations/{answer.json()['id']}/").json()
        assert (over["state"], over["outcome"]["kind"]) == ("CONFIRMED", "session")
        session = api.get(f"sessions/{over['outcome']['id']}/").json()
        assert (session["kind"], session["amount_minor"]) == ("REFUND", sale.captured_minor)
        assert session["terminal"]["id"] == terminal.pk

    def test_what_was_asked_back_elsewhere_is_not_left(
        self, api: Api, terminal: Terminal, nearpay: Played
    ) -> None:
        """Another terminal is another open operation, and the sale is one."""
        sale = Transaction.objects.filter(
            kind="PURCHASE", status="APPROVED", refunded="NONE"
        ).order_by("pk")[0]
        assert sale.captured_minor is not None
        other = Terminal.objects.exclude(pk=terminal.pk).exclude(ref=None).order_by("pk")[0]
        part = sale.captured_minor - 1
        ask = {"terminal": terminal.pk, "kind": "REFUND", "currency": sale.currency,
               "amount_minor": part, "refund_of": sale.pk}  # fmt: skip
        assert api.post("sessions/", ask).status_code == 202
        # While it waits, once it is open at the provider, and for the little that is left.
        elsewhere = ask | {"terminal": other.pk}
        assert api.post("sessions/", elsewhere).status_code == 400
        send_operations(terminal.account_id, limits=ONCE)
        assert api.post("sessions/", elsewhere).status_code == 400
        assert api.post("sessions/", elsewhere | {"amount_minor": 1}).status_code == 202
        # Nobody held out a card in time: it is left again.
        Session.objects.filter(kind="REFUND", amount_minor=part).update(status="EXPIRED")
        assert api.post("sessions/", ask | {"amount_minor": part}).status_code == 202

    def test_a_session_is_withdrawn_by_who_could_ask_for_it(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        made = wish("OPEN_SESSION", terminal, alice)
        role = CustomRole.objects.create(
            merchant=alice.merchant, name="Fleet", rights=["LOOK_UP", "FLEET"]
        )
        user = User.objects.create_user("bob@acme.test")
        Membership.objects.create(
            user=user, merchant=alice.merchant, role="CUSTOM", custom_role=role
        )
        client = Client()
        client.force_login(user)
        for path in (f"/terminals/{terminal.pk}/operations/withdraw/",
                     f"/terminals/operations/{made.pk}/"):  # fmt: skip
            assert client.post(path).status_code == 403
        made.refresh_from_db()
        assert made.state == "REQUESTED"

    def test_a_terminal_is_reconciled_from_its_page(
        self, terminal: Terminal, alice: Membership
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/terminals/{terminal.pk}/").content.decode()
        path = f"/reconciliations/of-terminal/{terminal.pk}/"
        assert path in page
        before = Reconciliation.objects.count()
        for _ in range(2):
            assert client.post(path, {"key": "page"}).status_code == 302
        send_operations(terminal.account_id, limits=ONCE)
        assert Reconciliation.objects.count() == before + 1
        assert "Reconcile" in client.get(f"/terminals/{terminal.pk}/operations/").content.decode()

    def test_by_the_api(self, api: Api, terminal: Terminal, account: ProviderAccount) -> None:
        ask = {"account": account.pk, "name": "Airport", "name_ar": "المطار", "reference": "A-1",
               "owner": OWNER}  # fmt: skip
        branch = api.post("branches/", ask).json()
        send_operations(account.pk, limits=ONCE)
        made = api.get(f"operations/{branch['id']}/").json()
        assert made["subject"]["kind"] == "branch"
        assert api.get(f"branches/{made['subject']['id']}/").json()["name"] == "Airport"
        ask = {"account": account.pk, "branch": made["subject"]["id"], "name": "T", "code": "9"}
        till = api.post("terminals/", ask).json()
        send_operations(account.pk, limits=ONCE)
        made = api.get(f"operations/{till['id']}/").json()
        shown = api.get(f"terminals/{made['subject']['id']}/").json()
        assert (shown["name"], shown["branch"]["name"]) == ("T", "Airport")
        assert not TerminalUser.objects.filter(name=OWNER["name"]).exists()
        asked = AuditEntry.objects.filter(action="operation.requested")
        assert asked.count() == 2
        close = api.post("reconciliations/", {"terminal": terminal.pk}).json()
        assert [each.door for each in asked] == ["API"] * 3
        send_operations(account.pk, limits=ONCE)
        made = api.get(f"operations/{close['id']}/").json()
        assert api.get(f"reconciliations/{made['outcome']['id']}/").status_code == 200
