"""Changes made in the provider's own dashboard: each found once, named right, and decided."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from merchants.actions.drift import ignore_drift
from merchants.actions.operations import NotOffered, withdraw_operation
from merchants.models import AuditEntry, Branch, Drift, Membership, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import Ask, run_sync
from portal.conflicts import Conflict
from providers.nearpay.sandbox.world import World
from terminals.actions import Holder, assign_terminal, erase_person, push_ours, take_theirs
from terminals.models import Terminal, TerminalUser
from terminals.queries import holder_at
from tests.conftest import NOON, PROVE, QUICK, Played

pytestmark = pytest.mark.django_db
ONLY = frozenset({"branches", "terminals"})
Found = set[tuple[str, str, str, str | None]]


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=60, terminals=14)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert sync(made).state == "DONE"
    return made


def sync(account: ProviderAccount) -> Any:
    return run_sync(account.pk, Ask(only=ONLY), limits=QUICK)


def open_drift(account: ProviderAccount) -> Found:
    """What is open, by the provider's own references."""
    refs: dict[str, Callable[[int], str]] = {
        "terminal": lambda pk: str(Terminal.objects.get(pk=pk).ref),
        "terminaluser": lambda pk: TerminalUser.objects.get(pk=pk).ref,
        "branch": lambda pk: account.branches.get(branch=pk).ref,
    }
    found: Found = set()
    for each in Drift.objects.filter(account=account, ended_at=None):
        theirs = each.theirs
        if each.field == "HOLDER" and theirs is not None:
            theirs = TerminalUser.objects.get(pk=theirs).ref
        elif each.field == "BRANCH":
            theirs = account.branches.get(branch=theirs).ref
        elif each.field == "GONE":
            theirs = ""
        found.add((each.subject_kind, refs[each.subject_kind](each.subject_id), each.field, theirs))
    return found


class Dashboard:
    """The provider's own dashboard, with what it looked like when both sides agreed."""

    def __init__(self, world: World, at: Any) -> None:
        self.world, self.at = world, at
        self.agreed = self.look()

    def holder(self, terminal: Any) -> Any:
        return self.world.holder(terminal, int(self.at.timestamp() * 1000))

    def look(self) -> dict[tuple[str, str, str], str | None]:
        """Everything that can drift, as it is."""
        seen: dict[tuple[str, str, str], str | None] = {}
        named = set()
        for each in self.world.terminals:
            if each.deleted:
                seen["terminal", each.id, "GONE"] = ""
                continue
            holder = self.holder(each)
            seen["terminal", each.id, "GONE"] = None
            seen["terminal", each.id, "HOLDER"] = holder.id if holder else None
            seen["terminal", each.id, "BRANCH"] = each.branch.id
            if holder:
                named.add(holder.id)
        for branch in self.world.branches:
            seen["branch", branch.id, "NAME"] = branch.name
            seen["branch", branch.id, "NAME_AR"] = branch.name_ar
        for person in self.world.users:
            # Of somebody who holds nothing, nothing is listed.
            if person.id in named:
                seen["terminaluser", person.id, "NAME"] = person.name
                seen["terminaluser", person.id, "MOBILE"] = person.mobile
        return seen

    def differs(self) -> Found:
        """What a reading must have found by now, known from the two looks alone."""
        for key, value in self.look().items():
            # What is seen for the first time is agreed on.
            self.agreed.setdefault(key, value)
            self.last[key] = value
        return {(*key, value) for key, value in self.last.items() if self.agreed[key] != value}

    def listen(self) -> None:
        self.last = dict(self.agreed)

    def change(self, what: str, number: int, other: int) -> None:
        world = self.world
        there = [each for each in world.terminals if not each.deleted]
        terminal = there[number % len(there)] if there else None
        branch = world.branches[number % len(world.branches)]
        person = world.users[number % len(world.users)]
        if what == "move" and terminal:
            world.assign(terminal, world.users[other % len(world.users)], self.at)
        elif what == "take" and terminal:
            world.assign(terminal, None, self.at)
        elif what == "relocate" and terminal:
            terminal.branch = world.branches[other % len(world.branches)]
        elif what == "delete" and terminal and len(there) > 3:
            terminal.deleted = True
        elif what == "restore":
            for each in world.terminals:
                each.deleted = False
        elif what == "rename":
            person.name = f"Somebody {other}"
        elif what == "number":
            person.mobile = f"+9665{other:08d}"
        elif what == "title":
            branch.name = f"Branch {other}"
        elif what == "title_ar":
            branch.name_ar = f"فرع {other}"
        elif what == "touch" and terminal:
            terminal.connected = not terminal.connected
            terminal.updated_at = self.at


CHANGES = (
    "move", "take", "relocate", "delete", "restore", "rename", "number", "title", "title_ar",
    "touch",
)  # fmt: skip
changes = st.lists(
    st.tuples(st.sampled_from(CHANGES), st.integers(0, 40), st.integers(0, 40)),
    min_size=5 if PROVE else 3, max_size=8,
)  # fmt: skip


class TestChangesBehindOurBack:
    def test_are_found_once_and_named_right(
        self, account: ProviderAccount, nearpay: Played
    ) -> None:
        """F: as many random changes as asked for, a few between two readings."""
        done = 0
        there = Dashboard(nearpay.sandbox.world, nearpay.sandbox.now())
        there.listen()

        @settings(
            max_examples=60 if PROVE else 8, deadline=None, database=None,
            # One world goes on from example to example, so none can be tried again.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(changes)
        def check(many: list[tuple[str, int, int]]) -> None:
            nonlocal done
            for each in many:
                there.change(*each)
                done += 1
            assert sync(account).state == "DONE"
            expected = there.differs()
            assert open_drift(account) == expected
            rows = list(Drift.objects.order_by("pk").values())
            # Read again, nothing is found a second time.
            assert sync(account).state == "DONE"
            assert list(Drift.objects.order_by("pk").values()) == rows

        check()
        assert done >= (300 if PROVE else 20)

    def test_leave_what_is_ours_as_it_was(self, account: ProviderAccount, nearpay: Played) -> None:
        world, at = nearpay.sandbox.world, nearpay.sandbox.now()
        terminal = Terminal.objects.filter(account=account).order_by("pk")[0]
        there = next(each for each in world.terminals if each.id == terminal.ref)
        before = terminal.terminal_user
        other = next(each for each in world.users if before is None or each.id != before.ref)
        names = list(Branch.objects.order_by("pk").values_list("name", "name_ar"))
        world.assign(there, other, at)
        world.branches[0].name = "Elsewhere"
        sync(account)
        terminal.refresh_from_db()
        assert terminal.terminal_user == before
        assert list(Branch.objects.order_by("pk").values_list("name", "name_ar")) == names
        # Who held it is what is true there.
        held = holder_at(terminal, now())
        assert held is not None
        assert held.terminal_user is not None
        assert held.terminal_user.ref == other.id


@pytest.fixture
def moved(account: ProviderAccount, nearpay: Played) -> Drift:
    """A terminal that was given to somebody else over there."""
    world = nearpay.sandbox.world
    held = Terminal.objects.filter(account=account).exclude(terminal_user=None)
    terminal = held.order_by("pk")[0]
    assert terminal.terminal_user is not None
    there = next(each for each in world.terminals if each.id == terminal.ref)
    other = next(each for each in world.users if each.id != terminal.terminal_user.ref)
    world.assign(there, other, nearpay.sandbox.now())
    sync(account)
    return Drift.objects.get(ended_at=None, field="HOLDER", subject_id=terminal.pk)


class TestDeciding:
    def test_theirs_is_taken_and_agreed_on(
        self, moved: Drift, account: ProviderAccount, alice: Membership
    ) -> None:
        take_theirs(drift=moved, by=alice, at=now())
        terminal = Terminal.objects.get(pk=moved.subject_id)
        assert terminal.terminal_user_id == moved.theirs
        sync(account)
        assert not Drift.objects.filter(ended_at=None).exists()
        moved.refresh_from_db()
        assert (moved.ending, moved.decided_by) == ("TAKEN", alice.user)
        assert AuditEntry.objects.get(action="drift.taken").subject_id == terminal.pk
        with pytest.raises(Conflict, match="decided already"):
            take_theirs(drift=moved, by=alice, at=now())

    def test_ours_is_pushed_as_an_operation(
        self, moved: Drift, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        terminal = Terminal.objects.get(pk=moved.subject_id)
        made = push_ours(drift=moved, by=alice, key="p", at=now())
        assert (made.kind, made.state) == ("ASSIGN", "REQUESTED")
        send_operations(account.pk, limits=QUICK)
        moved.refresh_from_db()
        assert moved.ending == "PUSHED"
        there = next(t for t in nearpay.sandbox.world.terminals if t.id == terminal.ref)
        assert there.assigned[-1][1].id == terminal.terminal_user.ref  # type: ignore[union-attr]
        sync(account)
        terminal.refresh_from_db()
        assert terminal.terminal_user_id == moved.agreed
        assert not Drift.objects.filter(ended_at=None).exists()

    def test_one_that_is_left_alone_comes_back_with_another_change(
        self, moved: Drift, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        until = now() + timedelta(days=7)
        assert ignore_drift(drift=moved, until=until, by=alice)
        sync(account)
        moved.refresh_from_db()
        assert (moved.ignored_until, moved.ended_at) == (until, None)
        terminal = Terminal.objects.get(pk=moved.subject_id)
        there = next(t for t in nearpay.sandbox.world.terminals if t.id == terminal.ref)
        nearpay.sandbox.world.assign(there, None, nearpay.sandbox.now())
        sync(account)
        moved.refresh_from_db()
        assert (moved.ignored_until, moved.theirs) == (None, None)

    def test_what_they_change_back_is_over_by_itself(
        self, moved: Drift, account: ProviderAccount, nearpay: Played
    ) -> None:
        terminal = Terminal.objects.get(pk=moved.subject_id)
        world = nearpay.sandbox.world
        there = next(t for t in world.terminals if t.id == terminal.ref)
        before = TerminalUser.objects.get(pk=int(moved.agreed or 0))
        world.assign(there, next(u for u in world.users if u.id == before.ref), NOON)
        sync(account)
        moved.refresh_from_db()
        assert moved.ending == "BACK"

    def test_every_other_field_is_taken_and_cannot_be_pushed(
        self, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        there = Dashboard(nearpay.sandbox.world, nearpay.sandbox.now())
        for what in ("relocate", "delete", "rename", "number", "title", "title_ar"):
            for number in range(3, 9):
                there.change(what, number, number + 3)
        nearpay.sandbox.world.branches[1].reference = "99"
        nearpay.sandbox.world.branches[0].deleted = True
        sync(account)
        found = list(Drift.objects.filter(ended_at=None).exclude(field="HOLDER"))
        assert {each.field for each in found} == {
            "BRANCH", "GONE", "NAME", "NAME_AR", "REFERENCE", "MOBILE",
        }  # fmt: skip
        for each in found:
            with pytest.raises(NotOffered):
                push_ours(drift=each, by=alice, key="x", at=now())
            take_theirs(drift=each, by=alice, at=now())
        sync(account)
        left = Drift.objects.filter(ended_at=None).exclude(field="HOLDER")
        assert not left.exists()
        assert Terminal.objects.filter(account=account, ref=None).exists()

    def test_while_something_is_asked_the_answer_is_no_drift(
        self, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        terminal = Terminal.objects.exclude(terminal_user=None).order_by("pk")[0]
        to = Holder("Huda Al-Amri", "+966551112233", "huda@example.com")
        nearpay.sandbox.faults.rates = {"lost": 1.0}
        assign_terminal(terminal=terminal, to=to, by=alice, key="a", at=now())
        send_operations(account.pk, limits=QUICK)
        nearpay.sandbox.faults.rates = {}
        sync(account)
        assert not Drift.objects.exists()
        moment = now() + timedelta(seconds=6)
        send_operations(account.pk, limits=QUICK, clock=lambda: moment)
        terminal.refresh_from_db()
        assert terminal.terminal_user is not None
        assert terminal.terminal_user.name == to.name
        sync(account)
        assert not Drift.objects.exists()

    def test_what_is_read_while_something_is_asked_is_read_again(
        self, moved: Drift, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        """They change back while a push waits, and the push is withdrawn: nothing differs."""
        made = push_ours(drift=moved, by=alice, key="p", at=now())
        terminal = Terminal.objects.get(pk=moved.subject_id)
        world = nearpay.sandbox.world
        there = next(t for t in world.terminals if t.id == terminal.ref)
        before = TerminalUser.objects.get(pk=int(moved.agreed or 0))
        world.assign(there, next(u for u in world.users if u.id == before.ref), NOON)
        sync(account)
        withdraw_operation(operation=made, by=alice, at=now())
        sync(account)
        assert not Drift.objects.filter(ended_at=None).exists()

    def test_what_was_read_before_an_operation_ended_says_nothing_of_it(
        self, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        """The control: the same reading, had it been begun later, is drift."""
        terminal = Terminal.objects.exclude(terminal_user=None).order_by("pk")[0]
        Terminal.objects.filter(pk=terminal.pk).update(agreed_at=now() + timedelta(hours=1))
        there = next(t for t in nearpay.sandbox.world.terminals if t.id == terminal.ref)
        nearpay.sandbox.world.assign(there, None, nearpay.sandbox.now())
        sync(account)
        assert not Drift.objects.exists()
        Terminal.objects.filter(pk=terminal.pk).update(agreed_at=now() - timedelta(hours=1))
        sync(account)
        assert Drift.objects.filter(field="HOLDER").count() == 1

    def test_somebody_who_is_forgotten_is_forgotten_there_too(
        self, account: ProviderAccount, alice: Membership, nearpay: Played
    ) -> None:
        for each in nearpay.sandbox.world.users:
            each.name = "Another " + each.name
        sync(account)
        drift = Drift.objects.filter(field="NAME", subject_kind="terminaluser").order_by("pk")[0]
        erase_person(person=TerminalUser.objects.get(pk=drift.subject_id), by=alice, at=now())
        drift.refresh_from_db()
        assert (drift.agreed, drift.theirs) == (None, None)
        sync(account)
        assert TerminalUser.objects.get(pk=drift.subject_id).name == ""
