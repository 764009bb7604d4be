"""Nothing found: what nearly fits, and whether the data can be relied on."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Bookmark, Gap, Membership, ProviderAccount, SyncRun
from merchants.sync import close_gaps, run_sync
from providers.nearpay.sandbox import OTHER_KEY
from reports.search import search
from reports.search.meant import MOST_NUMBERS
from terminals.models import TerminalUser
from tests.conftest import NOON, QUICK, Played
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=900, terminals=14)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership, mallory: Membership) -> ProviderAccount:
    own = nearpay.connect(alice.merchant)
    run_sync(own.pk, limits=QUICK)
    run_sync(nearpay.connect(mallory.merchant, OTHER_KEY).pk, limits=QUICK)
    return own


@pytest.fixture
def row(account: ProviderAccount) -> Transaction:
    """A sale that has everything, and is alone with its last four digits and amount."""
    own = Transaction.objects.filter(account=account, status="APPROVED", kind="PURCHASE")
    for each in own.exclude(rrn=None).exclude(branch=None).order_by("-pk"):
        same = own.filter(pan_last4=each.pan_last4)
        if same.count() == 1 and each.amount_minor % 100:
            return each
    raise AssertionError("The sandbox has no such sale.")


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


class TestNearly:
    def test_an_identifier_with_a_slip_is_found_with_what_went_wrong(
        self, alice: Membership, row: Transaction
    ) -> None:
        rrn = str(row.rrn)
        at = next(i for i in range(11) if rrn[i] != rrn[i + 1])
        swapped = rrn[:at] + rrn[at + 1] + rrn[at] + rrn[at + 2 :]
        for typed, why in ((swapped, "two digits swapped"), (rrn[:-1], "one digit was missing")):
            found = search(alice, typed, NOON)
            assert not found.hits
            assert found.near[0].row == row
            assert why in found.near[0].why[0]

    def test_another_amount_time_day_or_branch_is_said(
        self, alice: Membership, row: Transaction
    ) -> None:
        own = f"{row.pan_last4} {amount(row.amount_minor)}"
        assert search(alice, own, NOON).hits[0].row == row
        assert row.branch is not None
        there = row.occurred_at.astimezone(NOON.tzinfo) + timedelta(hours=3)
        other = alice.merchant.branches.exclude(pk=row.branch.pk).order_by("pk")[0]
        cases = [
            (f"{row.pan_last4} {amount(row.amount_minor + 100)}", "not"),
            (f"{own} {there - timedelta(days=1):%d/%m/%Y}", "business day"),
            (f"{own} {other.name}", f"at {row.branch.name}"),
            (f"{row.pan_last4} {there - timedelta(minutes=5):%d/%m/%Y %H:%M}", "min after"),
        ]
        for typed, why in cases:
            found = search(alice, typed, NOON)
            assert not found.hits, typed
            assert found.near[0].row == row, typed
            assert why in found.near[0].why[0], typed

    def test_nothing_of_another_merchant_or_branch_is_near(
        self, account: ProviderAccount, alice: Membership, mallory: Membership, row: Transaction
    ) -> None:
        typed = str(row.rrn)[:-1]
        assert search(mallory, typed, NOON).near == []
        alice.every_branch = False
        alice.save()
        assert row.branch is not None
        others = alice.merchant.branches.exclude(pk=row.branch.pk)
        alice.branches.set(others[:1])
        assert row not in [each.row for each in search(alice, typed, NOON).near]


class TestCompleteness:
    def test_is_said_for_the_day_that_was_asked_about(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        Bookmark.objects.filter(account=account).update(complete_to=timezone.now())
        page = browser.get("/search/", {"q": "9999.99 20/11/2026"}).content.decode()
        assert "NearPay is complete for that time." in page
        assert "Fetch it now" not in page
        until = NOON - timedelta(days=1, hours=2)
        Bookmark.objects.filter(account=account).update(complete_to=until)
        page = browser.get("/search/", {"q": "9999.99 20/11/2026"}).content.decode()
        assert "is complete for that time until" in page
        assert "Fetch it now" in page

    def test_a_gap_is_named_fetched_and_looked_into(
        self, account: ProviderAccount, browser: Client, row: Transaction
    ) -> None:
        rrn = str(row.rrn)
        Bookmark.objects.filter(account=account).update(complete_to=timezone.now())
        Transaction.objects.filter(pk=row.pk).delete()
        Gap.objects.create(
            account=account, resource="transactions", until=NOON,
            since=row.occurred_at - timedelta(minutes=10),
        )  # fmt: skip
        page = browser.get("/search/", {"q": rrn}).content.decode()
        assert "Missing:" in page
        answer = browser.post("/search/fetch/", {"q": rrn})
        assert answer.status_code == 302
        waiting = browser.get(answer["Location"]).content.decode()
        assert 'hx-trigger="every 2s"' in waiting
        close_gaps(account.pk)
        answer = browser.get(answer["Location"])
        assert answer.status_code == 302
        assert answer["Location"].startswith("/transactions/")
        assert SyncRun.objects.filter(reason="BUTTON").exists()


class TestWhatMayBeKnown:
    def test_a_whole_card_number_is_neither_kept_nor_shown(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        for typed in ("4111 1111 1111 1111", "4111111111111111", "3782 822463 10005",
                      "41111111 11111111", "4111111111111111/12/27"):  # fmt: skip
            page = browser.get("/search/", {"q": typed}, follow=True).content.decode()
            plain = page.replace(" ", "")
            assert "4111111111" not in plain, typed
            assert "378282" not in plain, typed

    def test_who_sees_numbers_masked_cannot_try_many(
        self, account: ProviderAccount, alice: Membership
    ) -> None:
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
        client = Client()
        client.force_login(support.user)
        mobile = str(TerminalUser.objects.filter(account=account).exclude(mobile=None)[0].mobile)
        assert client.get("/search/", {"q": mobile}).status_code == 302
        for number in range(MOST_NUMBERS):
            client.get("/search/", {"q": f"+9665500{number:05}"})
        page = client.get("/search/", {"q": mobile})
        assert page.status_code == 200
        assert "too many mobile numbers" in page.content.decode()
        assert AuditEntry.objects.filter(facts__mobile=True).count() == MOST_NUMBERS + 2

    def test_what_is_typed_is_answered_at_once(
        self, account: ProviderAccount, browser: Client, row: Transaction
    ) -> None:
        answer = browser.get(
            "/search/", {"q": f"{row.pan_last4}", "live": "1"}, headers={"HX-Request": "true"}
        )
        text = answer.content.decode()
        assert f'href="/transactions/{row.pk}/"' in text
        assert "<html" not in text
        assert f"card ending {row.pan_last4}" in text

    def test_the_api_gives_the_same_with_its_reasons(
        self, account: ProviderAccount, alice: Membership, row: Transaction, token: Any
    ) -> None:
        client = Client(headers=token(alice))
        found = client.get("/api/v1/search/", {"q": str(row.rrn)}).json()
        assert [each["id"] for each in found["transactions"]] == [row.pk]
        assert found["transactions"][0]["why"] == [f"RRN {row.rrn}"]
        nothing = client.get("/api/v1/search/", {"q": "000000000000"}).json()
        assert nothing["transactions"] == []
        assert nothing["complete"][0]["provider"] == "nearpay"
