"""One branch that several providers know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.actions.days import move_days, open_changes
from merchants.actions.joining import NotJoinable, join_branch, part_branch
from merchants.models import (
    AuditEntry,
    Branch,
    BranchIdentity,
    Membership,
    Merchant,
    ProviderAccount,
)
from merchants.sync import run_sync
from terminals.models import Terminal
from tests.conftest import QUICK, Played, confirm
from tests.mobilepay.test_following import look_again, sell
from transactions.models import DayTotal, Transaction


@pytest.fixture
def played(play: Any) -> Played:
    return play(now=None, transactions=200, since=datetime.now(UTC) - timedelta(days=3))  # type: ignore[no-any-return]


@pytest.fixture
def accounts(played: Played, merchant: Merchant) -> tuple[ProviderAccount, ProviderAccount]:
    riyadh, danish = played.connect(merchant), played.connect_mobilepay(merchant)
    run_sync(riyadh.pk, limits=QUICK)
    run_sync(danish.pk, limits=QUICK)
    sell(played)
    look_again(danish)
    return riyadh, danish


def identity_of(account: ProviderAccount, name: str) -> BranchIdentity:
    return BranchIdentity.objects.select_related("branch", "account").get(
        account=account, name=name
    )


def move_rows() -> None:
    for pk in open_changes():
        move_days(pk, timezone.now)


def sums(branch: Branch) -> dict[str, int]:
    """What its days add up to by the roll-ups, and by the rows."""
    found: dict[str, int] = {}
    for total in DayTotal.objects.filter(branch=branch):
        found[total.currency] = found.get(total.currency, 0) + total.sales_minor
    rows: dict[str, int] = {}
    for row in Transaction.objects.filter(branch=branch, kind="PURCHASE", status="APPROVED"):
        rows[row.currency] = rows.get(row.currency, 0) + (row.captured_minor or 0)
    assert {k: v for k, v in found.items() if v} == rows
    return rows


def join(danish: ProviderAccount, riyadh: ProviderAccount, by: Membership) -> Branch:
    into = BranchIdentity.objects.filter(account=riyadh).order_by("pk")[0].branch
    join_branch(identity=identity_of(danish, "Nørrebro"), into=into, by=by, at=timezone.now())
    move_rows()
    return into


class TestJoining:
    def test_puts_both_providers_in_one_branch_and_adds_no_currency_to_another(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        riyadh, danish = accounts
        before = sums(BranchIdentity.objects.filter(account=riyadh).order_by("pk")[0].branch)
        into = join(danish, riyadh, alice)
        assert sums(into) == before | {"DKK": 5000}
        assert {each.account_id for each in into.identities.all()} == {riyadh.pk, danish.pk}
        own = Terminal.objects.filter(account=danish, branch=into)
        assert "DK-101" in own.values_list("tid", flat=True)
        # The branch that nobody knows any more is gone.
        assert not Branch.objects.filter(name="Nørrebro").exists()

    def test_gives_rows_the_days_of_the_branch_they_come_to(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        riyadh, danish = accounts
        into = join(danish, riyadh, alice)
        for row in Transaction.objects.filter(branch=into):
            assert row.business_day == into.business_day(row.occurred_at)

    def test_lasts_when_both_are_read_again(
        self, played: Played, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        riyadh, danish = accounts
        into = join(danish, riyadh, alice)
        sell(played, order="A2")
        look_again(danish)
        run_sync(danish.pk, limits=QUICK)
        run_sync(riyadh.pk, limits=QUICK)
        assert sums(into)["DKK"] == 10_000
        assert not Branch.objects.filter(name="Nørrebro").exists()

    def test_parts_again_as_it_was(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        riyadh, danish = accounts
        into = join(danish, riyadh, alice)
        identity = identity_of(danish, "Nørrebro")
        made = part_branch(identity=identity, by=alice, at=timezone.now())
        move_rows()
        assert (made.name, made.zone) == ("Nørrebro", "Europe/Copenhagen")
        assert sums(made) == {"DKK": 5000}
        assert "DKK" not in sums(into)

    def test_names_a_branch_as_it_is_by_now_and_not_as_it_was_looked_up(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        riyadh, danish = accounts
        stale = identity_of(danish, "Nørrebro")
        into = join(danish, riyadh, alice)
        count = AuditEntry.objects.filter(action="branch.joined").count()
        join_branch(identity=stale, into=into, by=alice, at=timezone.now())
        assert AuditEntry.objects.filter(action="branch.joined").count() == count == 1

    def test_refuses_what_could_not_be_told_apart_again(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership
    ) -> None:
        _riyadh, danish = accounts
        other = identity_of(danish, "Odense").branch
        with pytest.raises(NotJoinable):
            join_branch(
                identity=identity_of(danish, "Nørrebro"), into=other, by=alice, at=timezone.now()
            )
        with pytest.raises(NotJoinable):
            part_branch(identity=identity_of(danish, "Nørrebro"), by=alice, at=timezone.now())

    def test_is_done_from_the_branchs_page(
        self, accounts: tuple[ProviderAccount, ProviderAccount], alice: Membership, client: Client
    ) -> None:
        riyadh, danish = accounts
        client.force_login(alice.user)
        confirm(client, alice.user)
        identity = identity_of(danish, "Odense")
        into = BranchIdentity.objects.filter(account=riyadh).order_by("pk")[0].branch
        page = reverse("merchants:branch-join", args=[identity.branch_id])
        assert client.get(page).status_code == 200
        client.post(page, {"identity": identity.pk, "into": into.pk})
        assert identity_of(danish, "Odense").branch_id == into.pk
