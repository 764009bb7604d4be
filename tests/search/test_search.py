"""One box finds what an identifier belongs to, and nothing that is not theirs."""

from typing import Any

import pytest
from django.db.models import Q
from django.test import Client

from merchants.models import Membership, ProviderAccount
from merchants.sync import run_sync
from providers.nearpay.sandbox import OTHER_KEY
from terminals.models import Terminal
from tests.conftest import QUICK, Stage
from transactions.models import Transaction

pytestmark = pytest.mark.django_db
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.fixture(scope="module")
def synced(stage: Stage) -> int:
    """The key of an account that was read, beside one of another merchant."""
    nearpay = stage.play(transactions=1500, terminals=14)
    own = nearpay.connect(stage.alice.merchant)
    run_sync(own.pk, limits=QUICK)
    run_sync(nearpay.connect(stage.mallory.merchant, OTHER_KEY).pk, limits=QUICK)
    return own.pk


@pytest.fixture
def alice(stage: Stage, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def mallory(stage: Stage, db: None) -> Membership:
    return stage.mallory


@pytest.fixture
def account(synced: int, db: None) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=synced)


@pytest.fixture
def browser(alice: Any) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def found(browser: Client, text: str) -> Any:
    answer = browser.get("/search/", {"q": text})
    return answer["Location"] if answer.status_code == 302 else answer.context["found"]


class TestOneThing:
    def test_is_opened_at_once(self, account: Any, browser: Client) -> None:
        row = Transaction.objects.filter(account=account).exclude(rrn=None).order_by("pk")[5]
        for text in (str(row.rrn), row.ref):
            for typed in (text, f"  {text} ", text.translate(ARABIC), text.upper()):
                assert found(browser, typed) == f"/transactions/{row.pk}/"

    def test_a_terminal_and_a_branch(self, account: Any, browser: Client) -> None:
        terminal = Terminal.objects.filter(account=account).order_by("pk")[0]
        assert found(browser, terminal.tid) == f"/terminals/{terminal.pk}/"
        branch = account.branches.order_by("pk")[0].branch
        for name in (branch.name, branch.name.upper(), branch.name_ar):
            assert found(browser, name) == f"/branches/{branch.pk}/"


class TestSeveral:
    def test_are_listed_newest_first(self, account: Any, browser: Client) -> None:
        row = Transaction.objects.filter(account=account, status="APPROVED").order_by("pk")[3]
        for name in ("stan", "approval_code", "pan_last4"):
            text = getattr(row, name)
            shown = found(browser, text)
            # Six signs may be either, so both are shown.
            six = Q(stan=text) | Q(approval_code=text)
            fits = Q(pan_last4=text) if name == "pan_last4" else six
            rows = Transaction.objects.filter(fits, account=account)
            own = list(rows.order_by("-occurred_at", "-pk"))
            if isinstance(shown, str):
                assert [shown] == [f"/transactions/{each.pk}/" for each in own]
                continue
            assert len(own) > 1
            assert [each.pk for each in shown.transactions] == [each.pk for each in own[:20]]


class TestNothing:
    def test_is_said_and_how_complete_the_data_is(self, account: Any, browser: Client) -> None:
        for text in ("", " ", "000000000000", "x" * 5000, "a\x00b", "%", "'", "💳"):
            answer = browser.get("/search/", {"q": text})
            assert answer.status_code == 200
            assert answer.context["found"].count == 0
            assert "Nothing found" in answer.content.decode()
            assert "complete to" in answer.content.decode()

    def test_of_another_merchant_is_found(self, account: Any, browser: Client) -> None:
        for name in ("rrn", "ref", "approval_code"):
            own = Transaction.objects.filter(account=account).exclude(**{name: None}).values(name)
            theirs = Transaction.objects.exclude(account=account).exclude(**{f"{name}__in": own})
            text = theirs.exclude(**{name: None}).order_by("pk").values_list(name, flat=True)[0]
            assert found(browser, str(text)).count == 0

    def test_beyond_ones_branches_is_found(self, account: Any, alice: Any, browser: Client) -> None:
        row = Transaction.objects.filter(account=account).exclude(rrn=None).order_by("pk")[5]
        rrn, branch = str(row.rrn), row.branch
        assert branch is not None
        assert found(browser, rrn) == f"/transactions/{row.pk}/"
        alice.every_branch = False
        alice.save()
        others = account.branches.exclude(branch=branch).order_by("pk")
        alice.branches.set([others[0].branch])
        assert found(browser, rrn).count == 0
        assert found(browser, branch.name).count == 0


def test_a_search_asks_few_queries(
    account: Any, browser: Client, django_assert_max_num_queries: Any
) -> None:
    # The first one makes the person's key to what the trail keeps of their searches.
    browser.get("/search/", {"q": "000000"})
    # Two of these are a savepoint, and three keep the search in the trail.
    with django_assert_max_num_queries(15):
        browser.get("/search/", {"q": "000000"})
