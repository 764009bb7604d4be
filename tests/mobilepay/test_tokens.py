"""Tokens that a provider gives out by a call, and what of them may be seen: nothing."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.actions import accounts
from merchants.actions.operations import NotOffered, OperationPending
from merchants.actions.people import add_person
from merchants.actions.tokens import NotTheSecond, agree_token, change_token
from merchants.models import Membership, Merchant, Operation, ProviderAccount
from merchants.operations import accounts_with_work, send_operations
from merchants.sync import run_sync
from providers.base.http import Limits
from providers.base.money import Money
from providers.base.sandbox import AFTER, BEFORE
from providers.mobilepay.sandbox import DEMO_CODE, NEW_CODE
from terminals.actions import add_terminals, change_point
from terminals.models import Terminal
from tests.conftest import PROVE, QUICK, Played, confirm, make_alice, make_merchant
from tests.mobilepay.test_following import look_again
from tests.test_secrets import dump, hexed
from transactions import actions
from transactions.models import Transaction

ONCE = Limits(connect=2, read=2, total=4, tries=1)


@pytest.fixture
def bob(merchant: Merchant) -> Membership:
    return add_person(email="bob@acme.test", merchant=merchant, role="ADMIN", name="Bob")


def send(account: ProviderAccount, later: timedelta = timedelta(0)) -> None:
    send_operations(account.pk, limits=ONCE, clock=lambda: timezone.now() + later)


def kept(account: ProviderAccount) -> str:
    own = ProviderAccount.objects.get(pk=account.pk)
    return str(accounts.in_the_clear(own)["access_token"])


def asked_for(account: ProviderAccount, alice: Membership, bob: Membership) -> Operation:
    made = change_token(account=account, by=alice, key="t", at=timezone.now())
    agree_token(operation=made, by=bob, at=timezone.now())
    return made


class TestReplacing:
    def test_takes_two_people(
        self, played: Played, account: ProviderAccount, alice: Membership, bob: Membership
    ) -> None:
        made = change_token(account=account, by=alice, key="t", at=timezone.now())
        send(account)
        before = played.mobilepay.merchants[DEMO_CODE].token
        with pytest.raises(NotTheSecond):
            agree_token(operation=made, by=alice, at=timezone.now())
        with pytest.raises(OperationPending):
            change_token(account=account, by=bob, key="u", at=timezone.now())
        assert kept(account) == before
        agree_token(operation=made, by=bob, at=timezone.now())
        send(account)
        assert kept(account) == played.mobilepay.merchants[DEMO_CODE].token != before
        assert str(run_sync(account.pk, limits=QUICK).state) == "DONE"

    def test_keeps_the_old_one_where_the_new_one_is_not_taken(
        self, played: Played, account: ProviderAccount, alice: Membership, bob: Membership
    ) -> None:
        before = kept(account)
        reset = played.mobilepay._reset
        merchant = played.mobilepay.merchants[DEMO_CODE]

        def gives_another(own: Any, asked: Any) -> dict[str, Any]:
            answer = reset(own, asked)
            merchant.token = before
            return answer

        played.mobilepay._reset = gives_another  # type: ignore[method-assign, assignment]
        made = asked_for(account, alice, bob)
        send(account)
        told = Operation.objects.get(pk=made.pk)
        assert (told.state, kept(account)) == ("REFUSED", before)
        assert "the old one stays" in told.message

    def test_whose_answer_is_lost_is_never_guessed(
        self, played: Played, account: ProviderAccount, alice: Membership, bob: Membership
    ) -> None:
        before = kept(account)
        made = asked_for(account, alice, bob)
        played.mobilepay.faults.rates = {"lost": 1}
        send(account)
        played.mobilepay.faults.rates = {}
        for minutes in (1, 3, 11, 12):
            ProviderAccount.objects.filter(pk=account.pk).update(state="ACTIVE", retry_at=None)
            send(account, timedelta(minutes=minutes))
        assert Operation.objects.get(pk=made.pk).needs_a_person
        assert kept(account) == before

    def test_that_did_not_arrive_is_sent_again(
        self, played: Played, account: ProviderAccount, alice: Membership, bob: Membership
    ) -> None:
        made = asked_for(account, alice, bob)
        played.mobilepay.faults.rates = {"lost_before": 1}
        send(account)
        played.mobilepay.faults.rates = {}
        send(account, timedelta(minutes=1))
        assert Operation.objects.get(pk=made.pk).state == "CONFIRMED"
        assert kept(account) == played.mobilepay.merchants[DEMO_CODE].token

    def test_is_refused_in_words_where_people_copy_the_credentials(
        self, played: Played, merchant: Merchant, alice: Membership
    ) -> None:
        with pytest.raises(NotOffered):
            change_token(account=played.connect(merchant), by=alice, key="t", at=timezone.now())


class TestTheFirst:
    def test_is_warned_of_and_made_for_an_account_that_has_none(
        self, played: Played, merchant: Merchant, alice: Membership, bob: Membership, client: Client
    ) -> None:
        account = played.connect_mobilepay(merchant, NEW_CODE)
        run_sync(account.pk, limits=QUICK)
        assert ProviderAccount.objects.get(pk=account.pk).state == "REFUSED"
        client.force_login(alice.user)
        confirm(client, alice.user)
        page = client.get(reverse("merchants:account", args=[account.pk])).content.decode()
        assert "This account has no access token yet" in page
        client.post(reverse("merchants:token", args=[account.pk]), {"key": "n"})
        made = Operation.objects.get(account=account)
        assert made.kind == "CREATE_TOKEN"
        client.force_login(bob.user)
        confirm(client, bob.user)
        client.post(reverse("merchants:token", args=[account.pk]), {"do": "agree"})
        assert accounts_with_work(timezone.now()) == [account.pk]
        send(account)
        token = played.mobilepay.merchants[NEW_CODE].token
        assert token
        assert kept(account) == token
        assert str(run_sync(account.pk, limits=QUICK).state) == "DONE"
        page = client.get(reverse("merchants:account", args=[account.pk])).content.decode()
        assert "has no access token" not in page
        assert token not in page


CANARY_CODE, CANARY_TOKEN = "CANARY-BIO-CODE-7311", "CANARY-ACCESS-TOKEN-7312"
# Those that hold a call for long tell nothing more.
FAULTS = [each for each in (*BEFORE, *AFTER) if each not in ("timeout", "drip", "huge")]
SOME = FAULTS if PROVE else ["lost", "lost_504", "error", "html_ok", "truncate", "redirect"]


@pytest.mark.usefixtures("committed")
def test_a_canary_is_found_nowhere(play: Any, caplog: Any, client: Client) -> None:
    """Through every operation and fault: in no log, error, row or page, in the clear."""
    caplog.set_level(logging.DEBUG)
    played = play(now=None, transactions=50, since=datetime.now(UTC) + timedelta(days=2))
    box = played.mobilepay
    own = box.merchants.pop(DEMO_CODE)
    own.code, own.token = CANARY_CODE, CANARY_TOKEN
    box.merchants[CANARY_CODE] = own
    merchant = make_merchant()
    alice = make_alice(merchant)
    account = accounts.connect_account(
        merchant=merchant, provider="mobilepay", name="Canary", at=timezone.now(),
        credentials={"bio_code": CANARY_CODE, "access_token": CANARY_TOKEN,
                     "base_url": played.server.url("mobilepay")},
    )  # fmt: skip
    add_terminals(account=account, tids=["DK-101", "DK-102"], by=None, at=timezone.now())
    run_sync(account.pk, limits=QUICK)
    terminal = Terminal.objects.get(account=account, tid="DK-101")
    idle = Terminal.objects.get(account=account, tid="DK-102")
    for number, fault in enumerate((None, *SOME)):
        probing = ProviderAccount.objects.filter(pk=account.pk)
        probing.update(failures=5, retry_at=None, state="ACTIVE")
        payment = own.world
        now = box.now()
        for waiting in list(payment.open.values()):
            payment.cancel(waiting.id, now)
        made = payment.start(payment.point("DK-101"), f"S{number}", 5000, "DKK", now)
        payment.check_in("DK-101", now)
        payment.accept("DK-101", now)
        payment.capture(made.id, 5000, now)
        look_again(account)
        sale = Transaction.objects.get(account=account, ref=made.id)
        key = f"c{number}"
        amount = Money(100, "DKK")
        at = timezone.now()
        actions.start_payment(terminal=terminal, amount=amount, order=key, by=alice, key=key, at=at)
        actions.refund_payment(sale=sale, amount=amount, order=key, by=alice, key=key + "r", at=at)
        change_point(terminal=idle, kind="RENEW_POINT", by=alice, key=key + "p", at=at)
        change_token(account=account, by=alice, key=key + "t", at=at)
        box.faults.rates = {fault: 1} if fault else {}
        box.faults.retry_after = 0
        send(account)
        look_again(account)
        run_sync(account.pk, limits=ONCE)
        box.faults.rates = {}
        Operation.objects.filter(account=account, state__in=Operation.OPEN).update(
            state="WITHDRAWN", finished_at=at, needs_second=False
        )
    client.force_login(alice.user)
    confirm(client, alice.user)
    pages = [reverse("merchants:account", args=[account.pk]), reverse("terminals:all-operations"),
             reverse("merchants:edit-account", args=[account.pk]), reverse("merchants:trail"),
             reverse("transactions:desk")]  # fmt: skip
    seen = "".join(client.get(page).content.decode() for page in pages)
    everything = dump() + seen + caplog.text
    assert len(everything) > 50_000
    for secret in (CANARY_CODE, CANARY_TOKEN):
        assert secret not in everything
        assert hexed(secret) not in everything
