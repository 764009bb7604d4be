"""What every test stands on: the database as the application's role, the cast, the sandbox."""

import ipaddress
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from merchants.actions.accounts import connect_account
from merchants.actions.people import add_person, make_token
from merchants.models import Membership, Merchant, ProviderAccount, User
from portal import isolation
from providers.base.http import Limits
from providers.base.sandbox import Options, Server, sandboxes
from providers.mobilepay.sandbox import DEMO_CODE, TIDS
from providers.mobilepay.sandbox import Sandbox as MobilePay
from providers.nearpay.sandbox import DEMO_KEY, Sandbox
from terminals.actions import add_terminals
from tests.database import as_owner, drop_database, make_database, url_of

PROVE = bool(os.environ.get("PROVE"))
NOON = datetime(2026, 11, 21, 9, tzinfo=UTC)  # noon in Riyadh
QUICK = Limits(connect=2, read=2, total=4, tries=6, first_pause=0.01, longest_pause=0.05)

hypothesis_settings.register_profile(
    "portal",
    deadline=None,
    derandomize=not PROVE,
    max_examples=10_000 if PROVE else 200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("portal")


def pytest_configure(config: pytest.Config) -> None:
    # A fast one for the tests, and the real one for those that start the portal for real.
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]


@pytest.fixture(scope="session", autouse=True)
def _wall() -> Iterator[None]:
    """No test reaches another machine."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: Any) -> None:
        if (
            self.family != socket.AF_UNIX
            and not ipaddress.ip_address(
                socket.gethostbyname(address[0]) if address[0] == "localhost" else address[0]
            ).is_loopback
        ):
            raise AssertionError("A test tried to reach another machine.")
        connect(self, address)

    socket.socket.connect = only_loopback  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> Iterator[None]:
    """A database made and migrated by the owner; the tests act as the role that owns nothing."""
    # A name of this run's own, so that two runs beside each other do not meet.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:8]
    name = f"test_portal_{run}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock():
        make_database(name)
    yield
    with django_db_blocker.unblock():
        drop_database(name)


@pytest.fixture(autouse=True)
def _sees_everything() -> Iterator[None]:
    """A test looks at every merchant's rows; requests, jobs and commands say theirs themselves."""
    with isolation.everywhere():
        yield


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits, seen by other processes; everything is emptied by the owner afterwards."""
    with django_db_blocker.unblock():
        yield
        _emptied()


@dataclass
class Kept:
    """What all tests of a module find committed; `play` as above, for all of them."""

    play: "Players"
    alice_pk: int = 0

    @property
    def alice(self) -> Membership:
        """As the database has her now."""
        own = Membership.objects.select_related("user", "merchant")
        return own.get(pk=self.alice_pk)


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: Any) -> Iterator[Kept]:
    """The same for a whole module, whose tests themselves take back what they have changed."""
    players = Players()
    with django_db_blocker.unblock(), isolation.everywhere():
        yield Kept(players, make_alice(make_merchant()).pk)
        players.stop()
        _emptied()


def _emptied() -> None:
    connections.close_all()
    with as_owner() as owner:
        tables = owner.execute(
            "select tablename from pg_tables where schemaname = 'public'"
            " and tablename not in ('django_migrations', 'django_content_type')"
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in tables)
        owner.execute(sql.SQL("truncate {} cascade").format(names))


def make_merchant() -> Merchant:
    return Merchant.objects.create(slug="acme", name="Acme Coffee", name_ar="قهوة")


def make_alice(merchant: Merchant) -> Membership:
    """Works for the merchant and may do everything."""
    member = add_person(email="alice@acme.test", merchant=merchant, role="OWNER", name="Alice")
    member.user.set_password("alice has one of 24 signs")
    member.user.save()
    return member


def make_mallory() -> Membership:
    """An admin of another merchant."""
    other = Merchant.objects.create(slug="evil", name="Evil Bakery")
    return add_person(email="mallory@evil.test", merchant=other, role="ADMIN", name="Mallory")


@pytest.fixture
def merchant(db: None) -> Merchant:
    return make_merchant()


@pytest.fixture
def alice(merchant: Merchant) -> Membership:
    return make_alice(merchant)


@pytest.fixture
def mallory(db: None) -> Membership:
    return make_mallory()


@pytest.fixture
def token() -> Callable[[Membership], dict[str, str]]:
    """The headers with which a member calls the API."""
    return lambda member: {"Authorization": f"Token {make_token(member=member, at=NOON)}"}


@dataclass
class Played:
    """A NearPay that runs on loopback for one test."""

    server: Server
    sandbox: Sandbox
    merchants: list[Merchant] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def connect(self, merchant: Merchant, key: str = DEMO_KEY) -> ProviderAccount:
        credentials = {"api_key": key, "base_url": self.server.url("nearpay")}
        return connect_account(
            merchant=merchant, provider="nearpay", name="Till", credentials=credentials, at=NOON
        )

    def connector(self, key: str = DEMO_KEY, limits: Limits = QUICK) -> Any:
        from providers.nearpay.client import Connector

        credentials = Connector.credentials(api_key=key, base_url=self.server.url("nearpay"))
        return Connector(credentials, hosts=frozenset({self.host}), limits=limits)

    @property
    def mobilepay(self) -> MobilePay:
        """The MobilePay that runs beside it."""
        found = self.server.sandboxes["mobilepay"]
        assert isinstance(found, MobilePay)
        return found

    def connect_mobilepay(self, merchant: Merchant, code: str = DEMO_CODE) -> ProviderAccount:
        """An account there with its terminals noted, not read yet."""
        token = self.mobilepay.merchants[code].token
        url = self.server.url("mobilepay")
        account = connect_account(
            merchant=merchant, provider="mobilepay", name="Tills in Denmark", at=NOON,
            credentials={"bio_code": code, "access_token": token, "base_url": url},
        )  # fmt: skip
        # Nothing is waited for between two requests.
        account.requests_per_minute = 60_000
        account.save(update_fields=["requests_per_minute"])
        if TIDS[code]:
            add_terminals(account=account, tids=TIDS[code], by=None, at=NOON)
        return account


class Players:
    """Starts NearPays with faults and switches of the test's choosing, and stops them."""

    def __init__(self) -> None:
        self._running: list[Server] = []
        self._hosts = settings.PROVIDER_HOSTS

    def __call__(self, **options: Any) -> Played:
        small = Options(now=NOON, transactions=600, terminals=6, seed=7)
        made = sandboxes(replace(small, **options))
        server = Server(0, made)
        server.__enter__()
        self._running.append(server)
        server.keep_calls = True
        settings.PROVIDER_HOSTS = [*settings.PROVIDER_HOSTS, f"127.0.0.1:{server.port}"]
        sandbox = made["nearpay"]
        assert isinstance(sandbox, Sandbox)
        return Played(server, sandbox)

    def stop(self) -> None:
        settings.PROVIDER_HOSTS = self._hosts
        for server in self._running:
            server.__exit__()


@pytest.fixture
def play() -> Iterator[Players]:
    players = Players()
    yield players
    players.stop()


@dataclass
class Stage:
    """What all tests of a module begin with; `play` as above, for all of them."""

    play: Players
    alice_pk: int
    mallory_pk: int

    def member(self, pk: int) -> Membership:
        """A person as the database has them: what a test changed of them is gone."""
        return Membership.objects.select_related("user", "merchant").get(pk=pk)

    @property
    def alice(self) -> Membership:
        return self.member(self.alice_pk)

    @property
    def mallory(self) -> Membership:
        return self.member(self.mallory_pk)


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    """Made once for a module, in a transaction on which its tests stand, each rolled back to it.

    Only for modules none of whose tests commits.
    """
    players = Players()
    with django_db_blocker.unblock(), transaction.atomic(), isolation.everywhere():
        yield Stage(players, make_alice(make_merchant()).pk, make_mallory().pk)
        transaction.set_rollback(True)
    players.stop()


@pytest.fixture
def filed(tmp_path: Path, settings: Any) -> Path:
    """A folder of the test's own, where the files of reports are written and kept."""
    settings.REPORTS_PARTS = str(tmp_path / "parts")
    settings.STORAGES = settings.STORAGES | {
        "reports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "files")},
        }
    }
    return tmp_path


def environment(played: Played | None = None) -> dict[str, str]:
    """For a command in another process that works on this test's database."""
    own = {
        **os.environ,
        "DATABASE_URL": url_of("default"),
        "DATABASE_OWNER_URL": url_of("owner"),
        "BROKER_URL": settings.BROKER_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "ALLOWED_HOSTS": "localhost",
    }
    if played is not None:
        own["PROVIDER_HOSTS"] = played.host
    return own


def confirm(client: Client, user: User) -> Client:
    """As if the person had just signed in with their password."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client
