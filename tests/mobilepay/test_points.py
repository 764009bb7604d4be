"""Which of our terminals carries which point of sale."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from merchants.actions.operations import NotOffered
from merchants.models import Membership, Operation, ProviderAccount
from merchants.operations import send_operations
from merchants.sync import run_sync
from portal.conflicts import Conflict
from providers.base.http import Limits
from reports.search.found import search
from terminals import actions
from terminals.models import Alias, BulkChange, Terminal
from tests.conftest import QUICK, Played
from tests.mobilepay.test_following import look_again, own, sell

ONCE = Limits(connect=2, read=2, total=4, tries=1)


def terminal_of(account: ProviderAccount) -> Terminal:
    return Terminal.objects.get(account=account, tid="DK-101")


def change(account: ProviderAccount, kind: str, by: Membership, key: str = "k") -> Operation:
    return actions.change_point(
        terminal=terminal_of(account), kind=kind, by=by, key=key, at=timezone.now()
    )


def send(account: ProviderAccount, later: timedelta = timedelta(0)) -> None:
    send_operations(account.pk, limits=ONCE, clock=lambda: timezone.now() + later)
    run_sync(account.pk, limits=QUICK)


class TestAPointOfSale:
    def test_made_anew_leaves_the_terminal_the_same_with_its_former_name(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        before = terminal_of(account)
        ref = sell(played)
        look_again(account)
        change(account, "RENEW_POINT", alice)
        send(account)
        after = terminal_of(account)
        assert after.pk == before.pk
        assert after.ref == played.mobilepay.world.points["DK-101"].id != before.ref
        assert Alias.objects.get(terminal=after).ref == before.ref
        assert own(account, ref).terminal_id == before.pk

    @pytest.mark.parametrize("fault", ["lost", "lost_before", "lost_504"])
    def test_made_anew_once_where_answers_are_lost(
        self, played: Played, account: ProviderAccount, alice: Membership, fault: str
    ) -> None:
        before = terminal_of(account).ref
        played.mobilepay.faults.rates = {fault: 1}
        asked = change(account, "RENEW_POINT", alice)
        send_operations(account.pk, limits=ONCE)
        assert Operation.objects.get(pk=asked.pk).state == "UNKNOWN"
        played.mobilepay.faults.rates = {}
        send(account, timedelta(minutes=1))
        assert Operation.objects.get(pk=asked.pk).state == "CONFIRMED"
        assert terminal_of(account).ref not in (None, before)

    def test_is_removed_and_given_again(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        change(account, "DELETE_POINT", alice, "a")
        send(account)
        assert terminal_of(account).ref is None
        with pytest.raises(NotOffered):
            change(account, "DELETE_POINT", alice, "b")
        change(account, "CREATE_POINT", alice, "c")
        send(account)
        assert terminal_of(account).ref == played.mobilepay.world.points["DK-101"].id

    def test_with_a_payment_going_on_stays(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        world, now = played.mobilepay.world, played.mobilepay.now()
        world.start(world.point("DK-101"), "X", 5000, "DKK", now)
        asked = change(account, "DELETE_POINT", alice)
        send(account)
        assert Operation.objects.get(pk=asked.pk).state == "REFUSED"
        assert terminal_of(account).ref is not None

    def test_is_changed_from_the_terminals_page(
        self, played: Played, account: ProviderAccount, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        found = terminal_of(account)
        client.post(reverse("terminals:point", args=[found.pk]), {"kind": "DELETE_POINT"})
        send(account)
        page = client.get(reverse("terminals:detail", args=[found.pk])).content.decode()
        assert "This terminal carries no point of sale" in page
        assert "Give it a point of sale" in page


class TestManyAtOnce:
    def test_offers_what_the_provider_can_do_and_does_it(
        self, played: Played, account: ProviderAccount, alice: Membership, client: Client
    ) -> None:
        client.force_login(alice.user)
        before = dict(Terminal.objects.filter(account=account).values_list("pk", "ref"))
        page = client.get(reverse("terminals:choose")).content.decode()
        assert 'value="RENEW_POINT"' in page
        assert 'value="ASSIGN"' not in page
        assert 'name="person"' not in page
        wish = {"kind": "RENEW_POINT", "terminal": list(before), "key": "many"}
        made = client.post(reverse("terminals:choose"), wish)
        assert (
            "Makes the point of sale of DK-101 anew"
            in client.get(made["Location"]).content.decode()
        )
        change = BulkChange.objects.get()
        actions.start_change(change=change, by=alice, at=timezone.now())
        actions.feed_change(change.pk, timezone.now())
        send(account)
        actions.feed_change(change.pk, timezone.now())
        assert set(change.rows.values_list("state", flat=True)) == {"DONE"}
        after = dict(Terminal.objects.filter(account=account).values_list("pk", "ref"))
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())

    def test_says_where_it_cannot_be_and_changes_nothing(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        own = Terminal.objects.filter(account=account)
        made = actions.draft_chosen(
            kind="CREATE_POINT", terminals=own, title="x", by=alice, key="k", at=timezone.now()
        )
        said = set(made.rows.values_list("state", "said"))
        assert said == {("BAD", "This terminal carries a point of sale already.")}
        with pytest.raises(Conflict):
            actions.start_change(change=made, by=alice, at=timezone.now())

    def test_a_payment_that_goes_on_fails_its_own_row_in_the_readers_words(
        self, played: Played, account: ProviderAccount, alice: Membership, client: Client
    ) -> None:
        world, at = played.mobilepay.world, played.mobilepay.now()
        world.start(world.point("DK-101"), "X", 5000, "DKK", at)
        own = Terminal.objects.filter(account=account)
        made = actions.draft_chosen(
            kind="DELETE_POINT", terminals=own, title="x", by=alice, key="k", at=timezone.now()
        )
        actions.start_change(change=made, by=alice, at=timezone.now())
        actions.feed_change(made.pk, timezone.now())
        send(account)
        actions.feed_change(made.pk, timezone.now())
        failed = made.rows.get(state="FAILED")
        assert failed.terminal == terminal_of(account)
        with override("da"):
            danish = failed.told
        assert danish != failed.told == failed.said
        client.force_login(alice.user)
        client.cookies["language"] = "da"
        page = client.get(reverse("terminals:change", args=[made.pk])).content.decode()
        assert danish in page


class TestAFormerReference:
    def test_leads_to_the_terminal_and_stands_on_its_timeline(
        self, played: Played, account: ProviderAccount, alice: Membership, client: Client
    ) -> None:
        before = terminal_of(account).ref or ""
        change(account, "RENEW_POINT", alice)
        send(account)
        found = search(alice, before, timezone.now())
        assert found.things == [terminal_of(account)]
        client.force_login(alice.user)
        page = client.get(reverse("timeline", args=[terminal_of(account).pk])).content.decode()
        assert before in page
        assert "Its reference at the provider ended" in page


class TestNumbers:
    def test_are_added_once_and_read_at_once(
        self, played: Played, account: ProviderAccount, alice: Membership
    ) -> None:
        world = played.mobilepay.world
        world.create_point("DK-900", next(iter(world.stores.values())))
        for _ in range(2):
            actions.add_terminals(
                account=account, tids=["DK-900", " DK-900 "], by=alice, at=timezone.now()
            )
        run_sync(account.pk, limits=QUICK)
        found = Terminal.objects.get(account=account, tid="DK-900")
        assert found.ref == world.points["DK-900"].id

    @pytest.mark.parametrize("tids", [[], [" "], ["x" * 37], ["DK\x00"], ["قق"]])
    def test_that_are_none_are_refused_in_words(
        self, account: ProviderAccount, alice: Membership, tids: list[str]
    ) -> None:
        count = Terminal.objects.count()
        with pytest.raises(actions.NotANumber):
            actions.add_terminals(account=account, tids=tids, by=alice, at=timezone.now())
        assert Terminal.objects.count() == count
