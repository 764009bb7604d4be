"""Secrets reach no row, log, error or page: a canary is sent through every operation and fault."""

from typing import Any

import pytest
from django.test import Client

from merchants.actions.accounts import credentials_of
from merchants.models import Merchant, ProviderAccount
from merchants.sync import Ask, run_sync
from portal import embedded, encryption
from providers.base.errors import NotAuthorised, ProviderFailure
from providers.base.money import Money
from providers.base.records import TerminalUserRecord
from providers.base.sandbox import AFTER, BEFORE
from providers.nearpay.sandbox import DEMO_KEY
from providers.nearpay.sandbox.render import CANARY
from tests.conftest import PROVE, QUICK
from tests.database import as_owner
from tests.test_pages import urls

CANARIES = [*CANARY.values(), "CANARY-EXTRA", "CANARY-CVV", DEMO_KEY]


def dump() -> str:
    """Every value of every table, as the owner sees them."""
    text = ""
    with as_owner() as owner:
        tables = owner.execute(
            "select tablename from pg_tables where schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = owner.execute(f'select t::text from "{table}" t').fetchall()
            text += "\n".join(row for (row,) in rows)
    return text


def hexed(text: str) -> str:
    return text.encode().hex()


class TestCanary:
    def test_is_found_nowhere_after_every_operation_and_every_fault(
        self, committed: None, play: Any, caplog: Any
    ) -> None:
        caplog.set_level("DEBUG")
        merchant = Merchant.objects.create(slug="acme", name="Acme")
        nearpay = play(transactions=300, faults={"extra": 0.3, "missing": 0.05})
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        said: list[str] = []
        faults = [None, *BEFORE, *AFTER]
        for fault in (
            faults if PROVE else [None, "error", "lost", "lost_504", "html_ok", "reset", "truncate"]
        ):
            if fault in ("timeout", "drip", "huge"):
                continue
            nearpay.sandbox.faults.rates = {"extra": 0.3} | ({fault: 1.0} if fault else {})
            nearpay.sandbox.faults.retry_after = 0
            connector = nearpay.connector()
            for operation in self._operations(connector, nearpay.sandbox.world):
                try:
                    said.append(repr(operation()))
                except ProviderFailure as failure:
                    said.append(repr(failure))
            connector.close()
            ProviderAccount.objects.update(retry_at=None)
            run_sync(account.pk, Ask(deep=True), limits=QUICK)
        nearpay.sandbox.faults.rates = {}
        run_sync(account.pk, limits=QUICK)
        from merchants.actions.people import add_person

        alice = add_person(email="alice@acme.test", merchant=merchant, role="OWNER")
        client = Client()
        client.force_login(alice.user)
        said += [client.get(url).content.decode() for url in urls(account).values()]
        everything = dump() + "\n".join(said) + caplog.text
        assert "CANARY-IPEK" in str(CANARY)
        assert len(everything) > 100_000
        for canary in CANARIES:
            assert canary not in everything, canary
            assert hexed(canary) not in everything, canary

    def _operations(self, connector: Any, world: Any) -> list[Any]:
        terminal = world.terminals[0].id
        person = TerminalUserRecord(ref="", name="A", mobile="+966500000001", email="a@b.test")
        return [
            lambda: connector.create_branch(name="N", name_ar="ن", reference="", owner=person),
            lambda: connector.find_branch(world.branches[0].id),
            lambda: connector.create_terminal(branch_ref=world.branches[0].id, name="T", code="1"),
            lambda: connector.find_terminal(terminal),
            lambda: connector.assign_terminal(terminal, name="A", email="", mobile="+966500000001"),
            lambda: connector.unassign_terminal(terminal),
            lambda: connector.disconnect_terminal(terminal),
            lambda: connector.find_transaction(world.id(3)),
            lambda: connector.create_reconciliation(terminal),
            lambda: connector.find_reconciliation(world.closes[0].id),
            lambda: connector.create_session(
                terminal, kind="PURCHASE", amount=Money(100, "SAR"), reference="", refund_of=""
            ),
        ]  # fmt: skip

    def test_a_whole_card_number_is_reduced_wherever_it_stands(self) -> None:
        from providers.base.reading import without_cards

        assert without_cards("card 4111 1111 1111 1111 ok") == "card **** **** **** 1111 ok"
        assert without_cards("5500-0000-0000-0004") == "****-****-****-0004"
        assert without_cards("order 1234567890123456") == "order 1234567890123456"
        assert without_cards("0209326800093268") in ("0209326800093268", "************3268")


class TestEncryption:
    def test_opens_only_for_its_own_row(self) -> None:
        sealed = encryption.seal(b"secret", row="account:1")
        assert encryption.unseal(sealed, row="account:1") == b"secret"
        with pytest.raises(encryption.CannotDecrypt):
            encryption.unseal(sealed, row="account:2")

    def test_a_changed_byte_is_noticed(self) -> None:
        sealed = bytearray(encryption.seal(b"secret", row="a:1"))
        sealed[-1] ^= 1
        with pytest.raises(encryption.CannotDecrypt):
            encryption.unseal(bytes(sealed), row="a:1")

    def test_an_older_key_still_opens_and_the_newest_seals(self, settings: Any) -> None:
        settings.ENCRYPTION_KEYS = ["old"]
        sealed = encryption.seal(b"secret", row="a:1")
        settings.ENCRYPTION_KEYS = ["new", "old"]
        assert encryption.unseal(sealed, row="a:1") == b"secret"
        again = encryption.seal(b"secret", row="a:1")
        settings.ENCRYPTION_KEYS = ["old"]
        with pytest.raises(encryption.CannotDecrypt):
            encryption.unseal(again, row="a:1")

    def test_swapped_between_accounts_it_does_not_open(self, merchant: Any, play: Any) -> None:
        nearpay = play()
        one = nearpay.connect(merchant)
        two = nearpay.connect(merchant, "sandbox-key-of-other")
        ProviderAccount.objects.filter(pk=two.pk).update(credentials=one.credentials)
        two.refresh_from_db()
        with pytest.raises(NotAuthorised, match="type them again"):
            credentials_of(two)


class TestRoles:
    def test_the_application_owns_nothing_and_cannot_change_the_schema(self, db: None) -> None:
        from django.db import ProgrammingError, connection, transaction

        with connection.cursor() as cursor:
            cursor.execute(
                "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
            )
            assert cursor.fetchone() == (False,)
            cursor.execute(
                "select count(*) from pg_tables"
                " where tableowner = current_user and schemaname = 'public'"
            )
            assert cursor.fetchone() == (0,)
        for statement in (
            "drop table transactions_receipt",
            "alter table transactions_receipt add column x int",
            "truncate transactions_receipt",
            "insert into django_migrations (app, name, applied) values ('x', 'y', now())",
        ):
            with (
                pytest.raises(ProgrammingError),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


class TestEmbedded:
    def test_no_file_of_the_data_folder_is_for_others(self) -> None:
        if embedded.DATABASE_PART not in embedded.needed():
            pytest.skip("own servers serve")
        assert embedded.socket_folder().stat().st_mode & 0o077 == 0
        assert (embedded.FOLDER / "secrets").stat().st_mode & 0o077 == 0
