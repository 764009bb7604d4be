"""The trail: only ever added to, sealed in chains, and what is done to it is found."""

import itertools
import threading
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.actions.trail import (
    Personal,
    Scene,
    acting,
    age,
    chains,
    forget,
    record,
    seal_entries,
    values_of,
    verify,
)
from merchants.models import (
    AuditEntry,
    AuditHead,
    AuditPending,
    AuditSeal,
    AuditStub,
    AuditValue,
    Membership,
    Merchant,
    PersonKey,
)
from tests.database import as_owner

pytestmark = pytest.mark.usefixtures("committed")


def person(slug: str, email: str) -> Membership:
    merchant = Merchant.objects.create(slug=slug, name=slug)
    return add_person(email=email, merchant=merchant, role="OWNER")


@pytest.fixture
def alice(committed: None) -> Membership:
    return person("acme", "alice@acme.test")


@pytest.fixture
def mallory(committed: None) -> Membership:
    return person("evil", "mallory@evil.test")


@pytest.fixture
def chain(alice: Membership) -> int:
    """Twelve sealed entries of one merchant; every third names a person."""
    fill(alice, 12)
    assert seal_entries() == 12
    return alice.merchant_id


def fill(member: Membership, many: int) -> None:
    with acting(Scene("PAGE", member.user, member, "127.0.0.1")):
        for number in range(many):
            facts: dict[str, Any] = {"number": number, "name": ["old", "new"]}
            if number % 3 == 0:
                facts["mobile"] = Personal(f"+96655000{number:04}", "terminaluser", number + 1)
            record("account.renamed", subject=member, facts=facts)


def flaws(chain: int) -> list[tuple[str, int, int | None]]:
    found = verify(chain)
    return [(each.kind, each.number, each.entry) for each in found]


def as_somebody_else(*statements: str) -> None:
    """What a person with the owner's role could do to the rows."""
    with as_owner() as owner:
        for statement in statements:
            owner.execute(statement)


def entry_at(number: int) -> int:
    return AuditSeal.objects.get(number=number).entry_id


class TestAdding:
    def test_says_who_what_where_and_by_which_door(self, alice: Membership) -> None:
        with acting(Scene("PAGE", alice.user, alice, "192.0.2.7")):
            made = record("account.renamed", subject=alice, facts={"name": ["a", "b"]}, reason="y")
        made.refresh_from_db()
        assert (made.merchant_id, made.actor_id) == (alice.merchant_id, alice.user_id)
        assert (made.door, made.address, made.reason) == ("PAGE", "192.0.2.7", "y")
        assert (made.subject_kind, made.subject_id) == ("membership", alice.pk)
        assert made.facts == {"name": ["a", "b"]}

    def test_stands_or_falls_with_its_change(self, alice: Membership) -> None:
        with transaction.atomic():
            record("account.renamed", subject=alice)
            transaction.set_rollback(True)
        assert not AuditEntry.objects.exists()
        assert not AuditPending.objects.exists()

    @pytest.mark.parametrize("model", [AuditEntry, AuditSeal, AuditValue])
    def test_the_application_can_neither_change_nor_remove(self, chain: int, model: Any) -> None:
        table = model._meta.db_table
        for statement in (
            f"update {table} set {model._meta.pk.column} = {model._meta.pk.column}",
            f"delete from {table}",
            f"truncate {table}",
        ):
            refused = pytest.raises(ProgrammingError, match="permission denied")
            with refused, connection.cursor() as cursor:
                cursor.execute(statement)

    def test_a_personal_value_is_nowhere_in_the_clear_and_can_be_read(self, chain: int) -> None:
        entry = AuditEntry.objects.get(pk=entry_at(1))
        assert "+966" not in str(entry.facts)
        assert len(entry.facts["mobile"]["digest"]) == 64
        assert values_of([entry]) == {entry.pk: {"mobile": "+966550000000"}}
        row = AuditValue.objects.get(entry=entry)
        assert b"+966" not in bytes(row.sealed)

    def test_a_person_who_is_erased_cannot_be_read_and_the_chain_still_holds(
        self, chain: int, alice: Membership
    ) -> None:
        forget("terminaluser", 1, timezone.now())
        entry = AuditEntry.objects.get(pk=entry_at(1))
        assert values_of([entry]) == {entry.pk: {"mobile": None}}
        assert PersonKey.objects.get(subject_id=1).sealed is None
        assert flaws(chain) == []
        again = record("person.seen", subject=alice, facts={"m": Personal("1", "terminaluser", 1)})
        assert again.facts == {"m": {"erased": True}}
        assert not AuditValue.objects.filter(entry=again).exists()


class TestSealing:
    def test_each_merchant_has_a_chain_without_holes(
        self, chain: int, alice: Membership, mallory: Membership
    ) -> None:
        fill(mallory, 4)
        fill(alice, 3)
        assert seal_entries() == 7
        for of, many in ((alice.merchant_id, 15), (mallory.merchant_id, 4)):
            seals = list(AuditSeal.objects.filter(chain=of).order_by("number"))
            assert [each.number for each in seals] == list(range(1, many + 1))
            for before, after in itertools.pairwise(seals):
                assert bytes(after.previous) == bytes(before.hash)
            assert flaws(of) == []
        assert not AuditPending.objects.exists()
        assert seal_entries() == 0

    def test_what_is_of_no_merchant_has_a_chain_of_its_own(self, committed: None) -> None:
        record("person.refused", facts={"why": "unknown"})
        assert seal_entries() == 1
        assert chains() == [0]
        assert flaws(0) == []

    def test_two_who_seal_at_once_seal_each_entry_once(
        self, committed: None, alice: Membership
    ) -> None:
        fill(alice, 30)
        done: list[int] = []

        def work() -> None:
            done.append(seal_entries())
            connection.close()

        both = [threading.Thread(target=copy_context().run, args=[work]) for _ in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert sum(done) == 30
        assert flaws(alice.merchant_id) == []


class TestTampering:
    def test_a_changed_entry_is_found(self, chain: int) -> None:
        pk = entry_at(5)
        as_somebody_else(
            f"update merchants_auditentry set facts = facts || '{{\"number\": 99}}' where id = {pk}"
        )
        assert flaws(chain) == [("changed", 5, pk)]

    def test_so_are_another_person_and_another_time(self, chain: int, mallory: Membership) -> None:
        first, second = entry_at(2), entry_at(3)
        as_somebody_else(
            f"update merchants_auditentry set actor_id = {mallory.user_id} where id = {first}",
            f"update merchants_auditentry set at = at - interval '1 day' where id = {second}",
        )
        assert flaws(chain) == [("changed", 2, first), ("changed", 3, second)]

    def test_a_missing_entry_is_found(self, chain: int) -> None:
        pk = entry_at(5)
        as_somebody_else(f"delete from merchants_auditentry where id = {pk}")
        assert flaws(chain) == [("missing", 5, pk)]

    def test_so_is_one_that_went_with_its_seal(self, chain: int) -> None:
        pk = entry_at(5)
        as_somebody_else(
            f"delete from merchants_auditseal where entry_id = {pk}",
            f"delete from merchants_auditentry where id = {pk}",
        )
        assert ("missing", 5, None) in flaws(chain)

    def test_reordered_entries_are_found(self, chain: int) -> None:
        one, other = entry_at(4), entry_at(9)
        as_somebody_else(
            f"update merchants_auditseal set entry_id = -1 where entry_id = {one}",
            f"update merchants_auditseal set entry_id = {one} where entry_id = {other}",
            f"update merchants_auditseal set entry_id = {other} where entry_id = -1",
        )
        assert flaws(chain) == [("reordered", 4, other), ("reordered", 9, one)]

    def test_an_entry_that_was_slipped_in_is_found(self, chain: int) -> None:
        as_somebody_else(
            "insert into merchants_auditentry (merchant_id, at, door, action, subject_kind,"
            f" reason, facts) values ({chain}, now() - interval '1 day',"
            " 'PAGE', 'x', '', '', '{}')",
            "delete from merchants_auditpending",
        )
        pk = AuditEntry.objects.get(action="x").pk
        assert flaws(chain) == [("added", 0, pk)]

    def test_an_end_that_was_cut_off_is_found(self, chain: int) -> None:
        last = entry_at(12)
        as_somebody_else(
            f"delete from merchants_auditseal where entry_id = {last}",
            f"delete from merchants_auditentry where id = {last}",
        )
        assert flaws(chain) == [("cut", 11, None)]

    def test_so_is_one_whose_head_was_made_to_fit(self, chain: int) -> None:
        last = entry_at(12)
        as_somebody_else(
            f"delete from merchants_auditseal where entry_id = {last}",
            f"delete from merchants_auditentry where id = {last}",
            "update merchants_audithead h set number = 11, hash = s.hash"
            " from merchants_auditseal s where s.chain = h.chain and s.number = 11",
        )
        assert flaws(chain) == [("cut", 11, None)]

    @pytest.mark.parametrize("what", ["delete from", "update"])
    def test_a_personal_value_that_was_taken_or_changed_is_found(
        self, chain: int, what: str
    ) -> None:
        pk = entry_at(1)
        change = "set sealed = sealed || '\\x00'::bytea " if what == "update" else ""
        as_somebody_else(f"{what} merchants_auditvalue {change}where entry_id = {pk}")
        assert [each[2] for each in flaws(chain)] == [pk]

    @pytest.mark.parametrize(
        "change",
        [
            "update merchants_personkey set sealed = '\\x00'",
            "update merchants_personkey set sealed = null",
            "delete from merchants_personkey",
            "update merchants_auditentry set facts = '[]' where id = {pk}",
        ],
    )
    def test_what_blinds_the_trail_is_found_and_does_not_stop_the_look(
        self, chain: int, change: str
    ) -> None:
        as_somebody_else(change.format(pk=entry_at(1)))
        assert entry_at(1) in {each[2] for each in flaws(chain)}

    def test_entries_that_wait_while_no_worker_runs_are_no_flaw(
        self, chain: int, alice: Membership
    ) -> None:
        fill(alice, 2)
        as_somebody_else(
            "update merchants_auditentry e set at = at - interval '3 hours'"
            " from merchants_auditpending p where p.entry_id = e.id"
        )
        assert flaws(chain) == []


class TestAgeing:
    def test_whole_old_segments_go_and_a_signed_stub_stays(
        self, chain: int, alice: Membership
    ) -> None:
        moment = timezone.now()
        fill(alice, 3)
        seal_entries()
        assert age(moment, timezone.now(), using="owner") == 12
        stub = AuditStub.objects.get()
        assert (stub.chain, stub.number) == (chain, 12)
        assert sorted(AuditSeal.objects.values_list("number", flat=True)) == [13, 14, 15]
        assert AuditEntry.objects.count() == 3
        assert flaws(chain) == []
        as_somebody_else("update merchants_auditstub set number = 11")
        assert flaws(chain)

    def test_nothing_young_goes_and_the_last_entry_stays(
        self, chain: int, alice: Membership
    ) -> None:
        assert age(timezone.now() - timedelta(days=365), timezone.now(), using="owner") == 0
        assert age(timezone.now() + timedelta(days=1), timezone.now(), using="owner") == 11
        assert AuditHead.objects.get().number == 12
        assert flaws(chain) == []

    def test_the_application_cannot(self, chain: int) -> None:
        with pytest.raises(ProgrammingError, match="permission denied"):
            age(timezone.now() + timedelta(days=1), timezone.now(), using="default")
