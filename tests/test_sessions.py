"""Payment sessions: asked for by pages, counted down, and what became of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.models import Membership, Operation
from merchants.operations import send_operations
from merchants.sync import run_sync
from providers.base.http import Limits
from terminals.models import Terminal
from tests.conftest import QUICK, Played, confirm
from transactions.models import Session, Transaction

pytestmark = pytest.mark.django_db
ONCE = Limits(connect=2, read=5, total=5, tries=1)


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=300, terminals=6)
    return found


@pytest.fixture
def terminal(nearpay: Played, alice: Membership) -> Terminal:
    account = nearpay.connect(alice.merchant)
    run_sync(account.pk, limits=QUICK)
    return Terminal.objects.exclude(ref=None).order_by("pk")[0]


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client()
    client.force_login(alice.user)
    return confirm(client, alice.user)


@pytest.fixture
def sale(terminal: Terminal) -> Transaction:
    own = Transaction.objects.filter(kind="PURCHASE", status="APPROVED", refunded="NONE")
    return own.exclude(refunded_minor=None).order_by("pk")[2]


def test_a_terminal_is_asked_for_a_payment_once(
    terminal: Terminal, browser: Client, nearpay: Played
) -> None:
    form = {"key": "one", "amount": "١٤٫٥٥", "reference": "ORD-1"}
    for _again in range(2):
        answer = browser.post(f"/transactions/sessions/of/{terminal.pk}/", form)
        assert answer.status_code == 302
    operation = Operation.objects.get()
    assert operation.asked["minor"] == 1455
    send_operations(terminal.account_id, limits=ONCE)
    made = Session.objects.get(reference="ORD-1")
    assert (made.amount_minor, made.currency, made.status) == (1455, "SAR", "OPEN")
    Session.objects.filter(pk=made.pk).update(expires_at=timezone.now() + timedelta(minutes=9))
    page = browser.get(f"/transactions/sessions/{made.pk}/").content.decode()
    assert "data-until=" in page
    assert 'hx-trigger="every 5s"' in page
    assert "Alice" in page
    assert "ORD-1" in browser.get("/transactions/sessions/").content.decode()


def test_what_is_no_amount_is_refused_in_words(terminal: Terminal, browser: Client) -> None:
    for amount in ("0", "-1", "1.234", "1,000", "1.000", "x", "", "9" * 30, "1e3", "NaN"):
        form = {"key": "one", "amount": amount}
        answer = browser.post(f"/transactions/sessions/of/{terminal.pk}/", form)
        assert answer.status_code == 422, amount
    assert not Operation.objects.exists()


def test_a_sale_is_given_back_up_to_what_is_left(
    terminal: Terminal, browser: Client, sale: Transaction
) -> None:
    address, captured = f"/transactions/{sale.pk}/refund/", sale.captured_minor or 0
    page = browser.get(address).content.decode()
    assert f'value="{captured // 100}.{captured % 100:02d}"' in page
    form = {"key": "a", "terminal": terminal.pk, "amount": f"{(captured + 1) / 100:.2f}"}
    answer = browser.post(address, form)
    assert answer.status_code == 422
    assert "more than is left" in answer.content.decode()
    part = {"key": "b", "terminal": terminal.pk, "amount": f"{(captured - 1) / 100:.2f}"}
    assert browser.post(address, part).status_code == 302
    page = browser.get(address).content.decode()
    assert "Refund up to" in page
    assert "Nothing was asked back" not in page
    detail = browser.get(f"/transactions/{sale.pk}/")
    assert detail.context["possible"].left == 1


def test_money_is_asked_for_by_who_just_showed_who_they_are(
    terminal: Terminal, sale: Transaction, alice: Membership
) -> None:
    client = Client()
    client.force_login(alice.user)
    for address in (f"/transactions/{sale.pk}/refund/",
                    f"/transactions/sessions/of/{terminal.pk}/"):  # fmt: skip
        form = {"key": "a", "terminal": terminal.pk, "amount": "1.00"}
        answer = client.post(address, form)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/again/")
    assert not Operation.objects.exists()
    support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
    client = Client()
    client.force_login(support.user)
    assert client.get(f"/transactions/{sale.pk}/refund/").status_code == 403
    page = client.get(f"/transactions/{sale.pk}/").content.decode()
    assert f"/transactions/{sale.pk}/refund/" not in page


def test_what_became_of_a_session_is_told(terminal: Terminal, browser: Client) -> None:
    answered = Session.objects.exclude(transaction_ref=None)
    done = next(
        each for each in answered if Transaction.objects.filter(ref=each.transaction_ref).exists()
    )
    answer = Transaction.objects.get(ref=done.transaction_ref)
    page = browser.get(f"/transactions/sessions/{done.pk}/").content.decode()
    assert f'href="/transactions/{answer.pk}/"' in page
    Session.objects.filter(pk=done.pk).update(transaction_ref=None, status="EXPIRED")
    page = browser.get(f"/transactions/sessions/{done.pk}/").content.decode()
    assert "Nobody held out a card in time" in page
