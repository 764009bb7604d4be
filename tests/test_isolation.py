"""What holds where a query forgets whose rows it asks for: the database's own policies."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client
from psycopg import sql

from merchants.actions.people import add_person, make_token
from merchants.actions.trail import seal_entries
from merchants.models import Branch, Membership, Merchant, ProviderAccount
from merchants.sync import run_sync
from merchants.tasks import sync_due
from portal import isolation
from portal.rows import NotScoped, OfMerchant
from tests.conftest import NOON, PROVE, Played
from tests.database import as_owner
from transactions.models import Transaction

# What is of nobody, or of a person who may work for many merchants.
OF_NO_MERCHANT = {
    "account_emailaddress": "the sign-in library's: a person's",
    "auth_group": "Django's, not used",
    "auth_group_permissions": "Django's, not used",
    "auth_permission": "Django's, not used",
    "account_emailconfirmation": "the sign-in library's: a person's",
    "django_content_type": "names of tables",
    "django_migrations": "which migrations ran",
    "django_session": "a person's",
    "merchants_letter": "encrypted mail on its way to a person",
    "merchants_personkey": "encrypted keys of people",
    "merchants_user": "people",
    "mfa_authenticator": "a person's second factors, encrypted",
    "portal_cache": "throttles",
}


# What everybody sees besides: the invented example of each provider, which names no merchant.
SHARED = {"transactions_receiptdictionary": "where merchant_id is not null"}


def rows_of(model: type[OfMerchant]) -> int:
    """By plain SQL, which no manager narrows."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table} {SHARED.get(table, '')}")
        found: int = cursor.fetchone()[0]
    return found


def scoped_models() -> list[Any]:
    return [each for each in apps.get_models() if issubclass(each, OfMerchant)]


class TestTables:
    def test_each_has_a_policy_that_binds_its_owner_too(self, db: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select relname, relrowsecurity and relforcerowsecurity from pg_class"
                " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
            )
            tables: dict[str, bool] = dict(cursor.fetchall())
        assert {name for name, forced in tables.items() if not forced} == set(OF_NO_MERCHANT)
        own = {each._meta.db_table for each in scoped_models()}
        between = {
            "merchants_membership_branches", "merchants_invitation_branches",
            "reports_schedule_recipients",
        }  # fmt: skip
        assert own | between == {name for name, forced in tables.items() if forced}

    def test_the_applications_role_cannot_pass_them_by(self, db: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select rolsuper, rolbypassrls from pg_roles where rolname = current_user"
            )
            assert cursor.fetchone() == (False, False)
            cursor.execute("select count(*) from pg_tables where tableowner = current_user")
            assert cursor.fetchone() == (0,)
            with pytest.raises(DatabaseError, match="must be owner"), transaction.atomic():
                cursor.execute("alter table transactions_transaction disable row level security")


@pytest.fixture
def both(
    merchant: Merchant, alice: Membership, mallory: Membership, play: Callable[..., Played]
) -> tuple[Membership, Membership]:
    """Two merchants with everything that a sync brings."""
    for member, key in ((alice, "acme"), (mallory, "evil")):
        nearpay = play(transactions=40, terminals=3, seed=member.pk)
        account = nearpay.connect(member.merchant)
        run_sync(account.pk)
        make_token(member=member, at=NOON, name=key)
    seal_entries()
    return alice, mallory


class TestPolicies:
    def test_without_a_scope_there_are_no_rows(self, both: tuple[Membership, Membership]) -> None:
        filled = {each for each in scoped_models() if rows_of(each)}
        assert len(filled) > 20
        with isolation.nobody():
            assert {each.__name__: rows_of(each) for each in filled if rows_of(each)} == {}

    def test_one_merchants_scope_shows_its_rows_and_no_others(
        self, both: tuple[Membership, Membership]
    ) -> None:
        alice, mallory = both
        own, theirs = {}, {}
        for each in scoped_models():
            everybodys = rows_of(each)
            with isolation.of(alice.merchant_id):
                own[each.__name__] = rows_of(each)
            with isolation.of(mallory.merchant_id):
                theirs[each.__name__] = rows_of(each)
            # What is of no merchant, as a failed sign-in, is nobody's to see.
            assert own[each.__name__] + theirs[each.__name__] == everybodys, each
        for filled in ("Transaction", "Receipt", "SyncStep", "AuditSeal", "ApiToken"):
            assert min(own[filled], theirs[filled]) > 0, filled

    def test_a_query_that_forgets_its_merchant_sees_one(
        self, both: tuple[Membership, Membership]
    ) -> None:
        alice, mallory = both
        with isolation.of(alice.merchant_id):
            assert {each.merchant_id for each in Transaction.objects.all()} == {alice.merchant_id}
            assert not Branch.objects.filter(merchant=mallory.merchant_id).exists()

    def test_another_merchants_row_cannot_be_written(
        self, both: tuple[Membership, Membership]
    ) -> None:
        alice, mallory = both
        theirs = ProviderAccount.objects.get(merchant=mallory.merchant_id)
        with isolation.of(alice.merchant_id):
            assert not ProviderAccount.objects.filter(pk=theirs.pk).update(name="Mine")
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                Branch.objects.create(merchant_id=mallory.merchant_id, name="Mine", zone="UTC")
        theirs.refresh_from_db()
        assert theirs.name == "Till"

    def test_a_person_sees_for_whom_they_work_and_not_who_else_does(
        self, both: tuple[Membership, Membership]
    ) -> None:
        alice, mallory = both
        with isolation.of_person(alice.user_id):
            assert list(Membership.objects.all()) == [alice]
            assert list(Merchant.objects.all()) == [alice.merchant]
            assert not Transaction.objects.exists()

    def test_what_was_said_is_said_again_after_a_savepoint_is_undone(
        self, both: tuple[Membership, Membership]
    ) -> None:
        alice, mallory = both
        with isolation.of(alice.merchant_id):
            with transaction.atomic():
                with isolation.of(mallory.merchant_id):
                    assert (
                        Transaction.objects.count()
                        == Transaction.objects.filter(merchant=mallory.merchant_id).count()
                    )
                transaction.set_rollback(True)
            assert {each.merchant_id for each in Transaction.objects.all()} == {alice.merchant_id}


class TestNegativeControl:
    @pytest.mark.parametrize("model", scoped_models(), ids=lambda each: each.__name__)
    def test_a_manager_without_a_scope_raises(self, model: Any) -> None:
        with isolation.nobody(), pytest.raises(NotScoped, match=model.__name__):
            model.objects.all()

    def test_a_job_does_not_see_what_its_caller_sees(self, db: None) -> None:
        """Without its own word it would raise: a worker's caller has none."""
        with isolation.nobody():
            assert sync_due() == 0

    def test_rows_are_not_copied_outside_a_transaction(self, committed: None) -> None:
        inside = pytest.raises(ProgrammingError, match="inside a transaction")
        with connection.cursor() as cursor, inside, cursor.copy("copy (select 1) to stdout"):
            pass


@pytest.fixture
def persistent(committed: None) -> Iterator[int]:
    """One connection for every request, as a pool hands it from one to the next."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        yield cursor.fetchone()[0]


def test_alternating_requests_over_one_connection_leak_nothing(
    persistent: int, settings: Any
) -> None:
    names, keys = ("Acme", "Evil"), []
    for name in names:
        merchant = Merchant.objects.create(slug=name.lower(), name=name)
        Branch.objects.create(merchant=merchant, name=f"{name} Street", zone="UTC")
        member = add_person(email=f"{name}@x.test".lower(), merchant=merchant, role="ADMIN")
        keys.append(make_token(member=member, at=NOON))
    # A connection that is closed after each request would leak nothing in any case.
    with isolation.nobody():
        for number in range(1000 if PROVE else 200):
            which = number % 2
            client = Client(headers={"Authorization": f"Token {keys[which]}"})
            answer = client.get("/api/v1/branches/")
            assert [each["name"] for each in answer.json()["results"]] == [f"{names[which]} Street"]
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid(), (select count(*) from merchants_branch)")
                assert cursor.fetchone() == (persistent, 0)


def test_a_command_of_the_owner_sees_all_rows_although_the_policies_bind_it(
    committed: None,
) -> None:
    Merchant.objects.create(slug="acme", name="Acme")
    with isolation.nobody():
        call_command("verify-trail")
    with as_owner() as owner:
        table = sql.Identifier("merchants_merchant")
        found = owner.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()
    assert found == (1,)
