"""Who held a terminal when: a ledger that is added to and never rewritten."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merchants.models import Membership, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import run_sync
from terminals.actions import Held, Holder, assign_terminal, let_holdings_go, note_holdings
from terminals.models import Holding, Terminal, TerminalUser
from terminals.queries import holder_at
from tests.conftest import PROVE, QUICK
from transactions.models import Transaction

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
NEW = Holder("Huda Al-Amri", "+966551112233", "huda@example.com")


def minutes(number: int) -> datetime:
    return EIGHT + timedelta(minutes=number)


@dataclass(frozen=True)
class Word:
    """One word of a provider: who holds it, when we hear it, and when it says that it was so."""

    who: int | None
    heard: int
    said: int | None


class Reference:
    """The same ledger, kept in the plainest way."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int | None]] = []

    def hear(self, word: Word) -> None:
        since = word.heard if word.said is None or word.said > word.heard else word.said
        if self.rows:
            last_since, _, last_who = self.rows[-1]
            if last_who == word.who:
                return
            if since <= last_since:
                since = max(word.heard, last_since)
        self.rows.append((since, word.heard, word.who))

    def held(self, at: int, known: int | None) -> tuple[bool, int | None]:
        for since, heard, who in reversed(self.rows):
            if since <= at and (known is None or heard <= known):
                return True, who
        return False, None


people_ = st.one_of(st.none(), st.integers(0, 3))
words = st.lists(
    st.tuples(people_, st.integers(0, 40), st.one_of(st.none(), st.integers(-30, 20))), max_size=14
)


@pytest.fixture
def account(play: Any, alice: Membership) -> ProviderAccount:
    made: ProviderAccount = play(transactions=60, terminals=3).connect(alice.merchant)
    return made


def make(account: ProviderAccount, number: int) -> tuple[Terminal, list[TerminalUser]]:
    own = {"merchant_id": account.merchant_id, "account": account}
    terminal = Terminal.objects.create(ref=f"t{number}", tid=f"{number:016}", **own)
    people = [
        TerminalUser.objects.create(ref=f"p{number}-{each}", name=f"Person {each}", **own)
        for each in range(4)
    ]
    return terminal, people


class TestAHistory:
    def test_equals_a_plain_model_of_it(self, account: ProviderAccount) -> None:
        numbers = iter(range(10**6))

        @settings(
            max_examples=1000 if PROVE else 60, deadline=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(words, st.lists(st.integers(-40, 320), min_size=4, max_size=8), st.integers(0, 300))
        def check(told: list[Any], asked: list[int], known: int) -> None:
            terminal, people = make(account, next(numbers))
            plain, heard = Reference(), 0
            for who, later, said in told:
                heard += later
                word = Word(who, heard, None if said is None else heard + said)
                plain.hear(word)
                person = None if who is None else people[who].pk
                said_at = None if word.said is None else minutes(word.said)
                note_holdings(account, [Held(terminal.pk, person, said_at)], minutes(heard))
            for each in asked:
                for known_at in (None, known):
                    row = holder_at(
                        terminal, minutes(each),
                        known_at=None if known_at is None else minutes(known_at),
                    )  # fmt: skip
                    found = row.terminal_user_id if row else None
                    is_known, who = plain.held(each, known_at)
                    assert (row is not None) == is_known
                    assert found == (None if who is None else people[who].pk)

        check()

    def test_is_asked_by_one_query_of_an_index(self, account: ProviderAccount) -> None:
        fleet = [make(account, number) for number in range(20)]
        Holding.objects.bulk_create(
            Holding(
                merchant=account.merchant,
                account=account,
                terminal=each,
                terminal_user=people[number % 4],
                since_at=minutes(number),
                learned_at=minutes(number),
            )
            for each, people in fleet
            for number in range(500)
        )
        terminal, people = fleet[3]
        with connection.cursor() as cursor:
            cursor.execute("analyze terminals_holding")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            found = holder_at(terminal, minutes(101) + timedelta(seconds=30))
        assert found is not None
        assert found.terminal_user == people[101 % 4]
        assert len(asked) == 1
        plan = (
            Holding.objects.filter(terminal=terminal, since_at__lte=minutes(101))
            .order_by("-since_at", "-pk")[:1]
            .explain()
        )
        assert "holding_by_terminal" in plan
        assert "Seq Scan" not in plan

    def test_is_never_rewritten(self, account: ProviderAccount) -> None:
        terminal, people = make(account, 1)
        note_holdings(account, [Held(terminal.pk, people[0].pk)], EIGHT)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Holding.objects.update(since_at=minutes(5))
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Holding.objects.all().delete()

    def test_lets_go_of_who_held_it_long_ago(self, account: ProviderAccount) -> None:
        terminal, people = make(account, 1)
        for number, each in ((0, 0), (10, 1), (20, 2)):
            note_holdings(account, [Held(terminal.pk, people[each].pk)], minutes(number))
        before, at = minutes(15), minutes(99)
        assert let_holdings_go(merchant=account.merchant, before=before, at=at) == 1
        assert let_holdings_go(merchant=account.merchant, before=before, at=at) == 0
        left = Holding.objects.order_by("pk").values_list("terminal_user__name", "let_go_at")
        assert list(left) == [(None, at), ("Person 1", None), ("Person 2", None)]


class TestASync:
    def test_begins_and_continues_it(
        self, alice: Membership, account: ProviderAccount, token: Any
    ) -> None:
        assert run_sync(account.pk, limits=QUICK).state == "DONE"
        terminals = Terminal.objects.filter(account=account).exclude(ref=None)
        assert Holding.objects.count() == terminals.count()
        terminal = terminals.exclude(terminal_user=None).order_by("pk")[0]
        assert terminal.terminal_user is not None
        first = terminal.terminal_user
        run_sync(account.pk, limits=QUICK)
        assert terminal.holdings.count() == 1
        made = assign_terminal(terminal=terminal, to=NEW, by=alice, key="a", at=now())
        send_operations(account.pk, limits=QUICK)
        run_sync(account.pk, limits=QUICK)
        begun, moved = terminal.holdings.order_by("pk")
        assert (begun.terminal_user, begun.operation) == (first, None)
        assert moved.operation == made
        assert moved.terminal_user is not None
        assert moved.terminal_user.name == NEW.name
        api = Client(headers=token(alice))
        rows = api.get(f"/api/v1/terminals/{terminal.pk}/holders/").json()
        assert [row["terminal_user"]["id"] for row in rows] == [moved.terminal_user_id, first.pk]
        assert rows[1]["until_at"] == rows[0]["since_at"]
        then = moved.since_at - timedelta(seconds=1)
        asked = {"at": then.isoformat()}
        (row,) = api.get(f"/api/v1/terminals/{terminal.pk}/holders/", asked).json()
        assert row["terminal_user"]["id"] == first.pk
        wrong = api.get(f"/api/v1/terminals/{terminal.pk}/holders/", {"at": "yesterday"})
        assert wrong.status_code == 400


class TestThePages:
    def test_say_who_held_it_then(self, account: ProviderAccount, alice: Membership) -> None:
        run_sync(account.pk, limits=QUICK)
        sale = Transaction.objects.exclude(terminal=None).order_by("-occurred_at", "-pk")[0]
        terminal = sale.terminal
        assert terminal is not None
        person = TerminalUser.objects.exclude(pk=sale.terminal_user_id or 0).order_by("pk")[0]
        last = terminal.holdings.order_by("-since_at", "-pk")[0]
        assert sale.branch is not None
        note_holdings(account, [Held(terminal.pk, person.pk)], last.since_at + timedelta(1))
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/terminals/{terminal.pk}/holders/").content.decode()
        assert person.name in page
        later = f"{last.since_at + timedelta(3):%Y-%m-%dT%H:%M}"
        then = client.get(f"/terminals/{terminal.pk}/holders/", {"at": later})
        assert then.context["found"].terminal_user == person
        early = client.get(f"/terminals/{terminal.pk}/holders/", {"at": "2001-01-01T08:00"})
        assert early.context["found"] is None
        assert "before anything is known" in early.content.decode()
        wrong = client.get(f"/terminals/{terminal.pk}/holders/", {"at": "soon"})
        assert wrong.status_code == 422
        few = client.get(f"/terminals/{terminal.pk}/holders/", {"few": "1"})
        assert person.name in few.content.decode()
        assert terminal.tid in client.get(f"/terminals/people/{person.pk}/").content.decode()
        sale.occurred_at = last.since_at + timedelta(5)
        Transaction.objects.filter(pk=sale.pk).update(occurred_at=sale.occurred_at)
        shown = client.get(f"/transactions/{sale.pk}/")
        assert shown.context["held"] == person
        assert f"by the ledger {person.name}" in shown.content.decode()
