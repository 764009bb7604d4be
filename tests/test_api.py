"""The JSON API: shapes as promised, cursors that hold, problems in words, and no 5xx."""

from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.core.signing import dumps
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from merchants.models import Membership
from merchants.sync import run_sync
from tests.conftest import PROVE, QUICK, Stage
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def synced(stage: Stage) -> int:
    """The key of an account that was read."""
    made = stage.play(transactions=1500).connect(stage.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(stage: Stage, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def mallory(stage: Stage, db: None) -> Membership:
    return stage.mallory


@pytest.fixture
def api(synced: int, alice: Membership, token: Any) -> Client:
    return Client(headers=token(alice))


class TestTransactions:
    def test_have_the_promised_fields(self, api: Client) -> None:
        found = api.get("/api/v1/transactions/?page_size=1").json()["results"][0]
        assert set(found) == {
            "id", "provider", "ref", "branch", "terminal", "terminal_user", "kind", "status",
            "provider_status", "amount_minor", "authorised_minor", "captured_minor",
            "refunded_minor", "refunded", "currency", "scheme", "pan_last4", "rrn", "stan",
            "approval_code", "reference", "occurred_at", "business_day", "reconciled",
        }  # fmt: skip
        assert set(found["branch"]) == {"id", "name", "name_ar"}
        assert set(found["terminal"]) == {"id", "tid"}
        assert (found["provider"], found["currency"]) == ("nearpay", "SAR")
        assert isinstance(found["amount_minor"], int)

    def test_a_receipt_is_the_printed_fields(self, api: Client) -> None:
        pk = Transaction.objects.order_by("pk")[0].pk
        found = api.get(f"/api/v1/transactions/{pk}/receipt/").json()
        assert found[0]["fields"]["currency"] == "SAR"
        assert found[0]["kind"] in ("PURCHASE", "REFUND")

    def test_terminals_have_the_promised_fields(self, api: Client) -> None:
        found = api.get("/api/v1/terminals/").json()["results"][0]
        assert set(found) == {
            "id", "provider", "ref", "tid", "name", "branch", "terminal_user", "connected",
            "last_seen_at", "operation",
        }  # fmt: skip
        assert found["operation"] is None

    @pytest.mark.parametrize(
        ("query", "field", "value"),
        [
            ("status=DECLINED", "status", "DECLINED"),
            ("kind=REFUND", "kind", "REFUND"),
            ("scheme=VISA", "scheme", "VISA"),
        ],
    )
    def test_are_narrowed_by_filters(self, api: Client, query: str, field: str, value: str) -> None:
        found = api.get(f"/api/v1/transactions/?page_size=500&{query}").json()["results"]
        assert found
        assert len(found) == Transaction.objects.filter(**{field: value}).count()
        assert {each[field] for each in found} == {value}

    @pytest.mark.parametrize(
        ("moment", "code"),
        [
            ("2026-11-21T09:00:00Z", 200),
            ("3135-12-21T15:40:51-17:27", 200),
            ("0001-01-01T00:00:00+23:59", 400),
            ("9999-12-31T23:59:59-23:59", 400),
        ],
    )
    def test_a_time_in_any_zone_is_read_or_refused(
        self, api: Client, moment: str, code: int
    ) -> None:
        for name in ("occurred_from", "occurred_to"):
            assert api.get("/api/v1/transactions/", {name: moment}).status_code == code

    def test_arabic_digits_are_understood(self, api: Client) -> None:
        row = Transaction.objects.exclude(rrn=None).order_by("pk")[0]
        assert row.rrn is not None
        arabic = row.rrn.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        found = api.get("/api/v1/transactions/", {"rrn": arabic}).json()["results"]
        assert [each["id"] for each in found] == [row.pk]


class TestCursors:
    def test_lead_through_all_rows_once_and_back(self, api: Client) -> None:
        wanted = list(
            Transaction.objects.order_by("-occurred_at", "-pk").values_list("pk", flat=True)
        )
        url: str | None = "/api/v1/transactions/?page_size=37"
        seen: list[int] = []
        pages = []
        while url:
            page = api.get(url).json()
            seen += [each["id"] for each in page["results"]]
            pages.append([each["id"] for each in page["results"]])
            url = page["next"]
        assert seen == wanted
        back = page["previous"]
        for earlier in reversed(pages[:-1]):
            found = api.get(back).json()
            assert [each["id"] for each in found["results"]] == earlier
            back = found["previous"]
        assert back is None

    def test_of_another_list_or_forged_are_refused(self, api: Client) -> None:
        page = api.get("/api/v1/transactions/?page_size=5&status=APPROVED").json()
        cursor = page["next"].split("cursor=")[1].split("&")[0]
        for url in (
            f"/api/v1/transactions/?cursor={cursor}",
            f"/api/v1/transactions/?status=DECLINED&cursor={cursor}",
            f"/api/v1/transactions/?status=APPROVED&cursor={cursor[:-3]}abc",
            f"/api/v1/transactions/?cursor={dumps([False, '2026-01-01', 1])}",
            "/api/v1/transactions/?cursor=%00",
        ):
            answer = api.get(url)
            assert answer.status_code == 400, url
            assert answer["Content-Type"] == "application/problem+json"
            assert "cursor" in answer.json()["errors"]

    @pytest.mark.parametrize("size", ["0", "501", "-1", "x", "9" * 30, "٥"])
    def test_a_page_size_out_of_bounds_is_refused(self, api: Client, size: str) -> None:
        answer = api.get("/api/v1/transactions/", {"page_size": size})
        assert answer.status_code == 400
        assert "page_size" in answer.json()["errors"]


class TestProblems:
    def test_follow_rfc_9457(self, api: Client) -> None:
        for url, code in (
            ("/api/v1/transactions/999999999/", 404),
            ("/api/v1/nothing/", 404),
            ("/api/v1/transactions/?status=NO", 400),
        ):
            answer = api.get(url)
            assert answer.status_code == code
            assert answer["Content-Type"] == "application/problem+json"
            assert {"type", "title", "status", "detail"} <= set(answer.json())

    def test_a_wrong_token_is_401(self) -> None:
        for header in ("Token wrong", "Token", "Token a b", "Token é"):
            answer = Client(headers={"Authorization": header}).get("/api/v1/transactions/")
            assert answer.status_code == 401
            assert answer["WWW-Authenticate"] == "Token"

    def test_a_person_who_is_switched_off_has_no_token(self, api: Client, alice: Any) -> None:
        alice.user.is_active = False
        alice.user.save()
        assert api.get("/api/v1/transactions/").status_code == 401


class TestSchema:
    def test_no_call_that_the_schema_allows_ends_in_a_5xx(self, api: Client) -> None:
        schema = schemathesis.openapi.from_dict(api.get("/api/v1/schema/?format=json").json())
        count = 0
        for found in schema.get_all_operations():
            operation: Any = found
            count += self._fuzz(operation.ok(), api, 60 if PROVE else 12)
        assert count > 100

    def _fuzz(self, operation: Any, api: Client, examples: int) -> int:
        tried = 0

        @given(case=operation.as_strategy())
        @hypothesis_settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def call(case: Any) -> None:
            nonlocal tried
            tried += 1
            query = urlencode(case.query or {}, doseq=True)
            answer = api.generic(case.method, case.formatted_path, QUERY_STRING=query)
            assert answer.status_code < 500, (case.method, case.path, case.query)
            if answer.status_code >= 400 and "/schema/" not in case.path:
                assert answer["Content-Type"] == "application/problem+json", case.path

        call()
        return tried
