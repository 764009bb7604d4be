"""Pages of a merchant that begins: with nothing yet, with a first account, with other clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from merchants.models import Branch, ProviderAccount
from merchants.sync import Ask, run_sync
from tests.conftest import NOON, QUICK, Played, confirm
from tests.test_pages import figures
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=1500, terminals=14)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Any) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def browser(alice: Any) -> Client:
    client = Client()
    client.force_login(alice.user)
    return confirm(client, alice.user)


@pytest.mark.parametrize(
    "url",
    [
        "/", "/notices/", "/transactions/", "/terminals/", "/terminals/people/", "/branches/",
        "/reconciliations/", "/accounts/", "/search/?q=1234", "/transactions/?download=csv",
    ],
)  # fmt: skip
def test_a_merchant_that_has_nothing_yet_has_every_page(browser: Client, url: str) -> None:
    assert browser.get(url).status_code == 200


class TestFigures:
    @pytest.mark.parametrize("zones", [["Asia/Riyadh"], ["Asia/Riyadh", "Pacific/Auckland"]])
    def test_every_figure_leads_to_rows_that_add_up_to_it(
        self, play: Any, alice: Any, browser: Client, monkeypatch: Any, zones: list[str]
    ) -> None:
        """Also where it is tomorrow already at some of the branches."""
        account = play(transactions=3000, terminals=14).connect(alice.merchant)
        run_sync(account.pk, Ask(only=frozenset({"branches"})), limits=QUICK)
        for place, branch in enumerate(Branch.objects.order_by("pk")):
            branch.zone = zones[place % len(zones)]
            branch.save()
        run_sync(account.pk, limits=QUICK)
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        found = figures(browser.get("/").content.decode())
        assert len(found) > 30
        assert sum(minor for _url, _is_money, minor in found) > 0
        for url, is_money, shown in found:
            answer = browser.get(url)
            assert answer.context["filter"].is_valid(), url
            rows = list(answer.context["listing"].rows)
            signs = {"PURCHASE": 1, "REFUND": -1}
            behind = abs(sum(signs[row.kind] * (row.captured_minor or 0) for row in rows))
            assert shown == (behind if is_money else len(rows)), url

    @pytest.mark.parametrize(
        ("zone", "moment"),
        [
            # The clocks went back in the night to 25 October.
            ("Europe/Copenhagen", datetime(2026, 10, 28, 11, 25, tzinfo=UTC)),
            # An hour that does not begin with UTC's.
            ("Asia/Kolkata", datetime(2026, 10, 28, 11, 25, tzinfo=UTC)),
        ],
    )
    def test_the_same_time_is_that_of_the_branchs_clock(
        self, play: Any, alice: Any, browser: Client, monkeypatch: Any, zone: str, moment: datetime
    ) -> None:
        nearpay = play(transactions=3000, now=moment)
        account = nearpay.connect(alice.merchant)
        run_sync(account.pk, Ask(only=frozenset({"branches"})), limits=QUICK)
        Branch.objects.update(zone=zone)
        run_sync(account.pk, limits=QUICK)
        monkeypatch.setattr("reports.views.now", lambda: moment)
        shown = browser.get("/").context
        then = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(days=7)
        rows = [
            row
            for row in Transaction.objects.filter(
                kind="PURCHASE", status="APPROVED", business_day=shown["before_day"]
            )
            if row.occurred_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) <= then
        ]
        assert rows
        assert shown["before"].sales == len(rows)
        assert shown["before"].sales_minor == sum(row.captured_minor or 0 for row in rows)


class TestAccounts:
    def form(self, nearpay: Played, **more: str) -> dict[str, str]:
        own = {"name": "Riyadh", "api_key": "sandbox-key-of-demo"}
        return own | {"base_url": nearpay.server.url("nearpay")} | more

    def test_are_connected_by_a_form_of_the_providers_own_credentials(
        self, nearpay: Played, alice: Any, browser: Client
    ) -> None:
        answer = browser.post("/accounts/connect/nearpay/", self.form(nearpay))
        account = ProviderAccount.objects.get()
        assert answer["Location"] == f"/accounts/{account.pk}/"
        page = browser.get(answer["Location"]).content.decode()
        assert "sandbox-key-of-demo" not in page
        assert b"sandbox-key" not in bytes(account.credentials or b"")
        assert run_sync(account.pk, limits=QUICK).state == "DONE"

    def test_can_be_tried_first_and_nothing_is_stored(
        self, nearpay: Played, browser: Client
    ) -> None:
        works = browser.post("/accounts/connect/nearpay/", self.form(nearpay, **{"try": "1"}))
        assert "The connection works" in works.content.decode()
        refused = browser.post(
            "/accounts/connect/nearpay/",
            self.form(nearpay, **{"try": "1", "api_key": "a-wrong-key"}),
        )
        assert "refused the credentials" in refused.content.decode()
        assert not ProviderAccount.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"base_url": "https://evil.example/"}, "not one of this provider"),
            ({"base_url": "http://api.nearpay.io/"}, "https"),
            ({"api_key": "short"}, "too short"),
            ({"api_key": ""}, "required"),
        ],
    )
    def test_a_wrong_value_is_said_beside_its_field_and_changes_nothing(
        self, nearpay: Played, browser: Client, wrong: dict[str, str], words: str
    ) -> None:
        answer = browser.post("/accounts/connect/nearpay/", self.form(nearpay) | wrong)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not ProviderAccount.objects.exists()

    def test_the_same_credentials_are_connected_once(
        self, nearpay: Played, browser: Client, account: Any
    ) -> None:
        answer = browser.post("/accounts/connect/nearpay/", self.form(nearpay))
        assert "connected already" in answer.content.decode()
        assert ProviderAccount.objects.count() == 1

    def test_can_be_renamed_paused_and_removed_and_their_rows_stay(
        self, nearpay: Played, account: ProviderAccount, browser: Client
    ) -> None:
        rows = Transaction.objects.count()
        before = bytes(account.credentials or b"")
        keep = {"name": "Jeddah", "api_key": "", "base_url": nearpay.server.url("nearpay")}
        assert browser.post(f"/accounts/{account.pk}/edit/", keep).status_code == 302
        account.refresh_from_db()
        assert (account.name, bytes(account.credentials or b"")) == ("Jeddah", before)
        browser.post(f"/accounts/{account.pk}/pause/")
        account.refresh_from_db()
        assert account.state == "PAUSED"
        browser.post(f"/accounts/{account.pk}/resume/")
        account.refresh_from_db()
        assert account.state == "ACTIVE"
        assert browser.get(f"/accounts/{account.pk}/remove/").status_code == 200
        browser.post(f"/accounts/{account.pk}/remove/")
        account.refresh_from_db()
        assert (account.state, account.credentials, account.fingerprint) == ("REMOVED", None, None)
        assert Transaction.objects.count() == rows
        assert browser.get("/transactions/").context["page"].rows
        assert "Removed" in browser.get(f"/accounts/{account.pk}/").content.decode()
        assert browser.get(f"/accounts/{account.pk}/edit/").status_code == 404

    def test_a_new_address_asks_for_the_key_again(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        """Otherwise whoever may rename could send the stored key to another host."""
        moved = {"name": "X", "api_key": "", "base_url": "https://api.nearpay.io/v1/clients-sdk"}
        answer = browser.post(f"/accounts/{account.pk}/edit/", moved)
        assert answer.status_code == 422
        assert "Type the key again" in answer.content.decode()
