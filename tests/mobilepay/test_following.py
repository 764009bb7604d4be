"""What is known of payments at a provider that lists nothing by date."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from merchants.models import Bookmark, BranchIdentity, Gap, ProviderAccount, SyncRun
from merchants.sync import run_sync
from providers.mobilepay.sandbox.world import World
from terminals.models import Alias, Terminal
from tests.conftest import QUICK, Played
from transactions.actions.following import LONGEST, LOOK_QUIET
from transactions.looking import accounts_to_look_at, look
from transactions.models import DayTotal, Following, Status, Transaction

KR_50 = 5000


def sell(played: Played, tid: str = "DK-101", minor: int = KR_50, order: str = "A1") -> str:
    """A payment that a customer has accepted and the till has captured."""
    world, now = played.mobilepay.world, played.mobilepay.now()
    payment = world.start(world.point(tid), order, minor, "DKK", now)
    world.check_in(tid, now)
    world.accept(tid, now)
    world.capture(payment.id, minor, now)
    return payment.id


def look_again(account: ProviderAccount) -> None:
    """As if everything were due."""
    past = timezone.now() - timedelta(seconds=1)
    Following.objects.filter(account=account).update(next_at=past)
    Terminal.objects.filter(account=account).update(look_at=past)
    look(account.pk)


def own(account: ProviderAccount, ref: str) -> Transaction:
    return Transaction.objects.get(account=account, ref=ref)


class TestTheFirstRun:
    def test_brings_stores_as_branches(self, account: ProviderAccount) -> None:
        found = BranchIdentity.objects.get(account=account, name="Nørrebro")
        assert found.address == "Nørrebrogade 12, 2200 København N"
        assert (found.brand, found.location) == ("POSDK00007", "00007")
        assert found.branch.zone == "Europe/Copenhagen"

    def test_brings_the_points_of_sale_that_terminals_carry(
        self, played: Played, account: ProviderAccount
    ) -> None:
        rows = Terminal.objects.filter(account=account).order_by("tid")
        world = played.mobilepay.world
        assert {row.tid: row.ref for row in rows} == {p.tid: p.id for p in world.points.values()}
        assert {row.branch.name for row in rows if row.branch} == {
            "Nørrebro", "Aarhus Midt", "Odense",
        }  # fmt: skip

    def test_says_that_nothing_is_told_of_what_was_before(self, account: ProviderAccount) -> None:
        gap = Gap.objects.get(account=account)
        assert gap.since is None
        assert gap.closable is False

    def test_says_to_when_all_is_known(self, account: ProviderAccount) -> None:
        mark = Bookmark.objects.get(account=account, resource="transactions")
        looked = Terminal.objects.filter(account=account).values_list("looked_at", flat=True)
        assert mark.complete_to == min(at for at in looked if at)


class TestAPayment:
    def test_that_a_till_took_is_found_with_its_day_and_branch(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        before = timezone.now()
        look_again(account)
        row = own(account, ref)
        assert (row.status, row.captured_minor, row.currency) == (Status.APPROVED, KR_50, "DKK")
        assert row.branch is not None
        assert row.branch.name == "Nørrebro"
        assert row.is_timed_by_us
        assert row.occurred_at >= before
        assert row.terminal is not None
        assert row.terminal.tid == "DK-101"
        total = DayTotal.objects.get(account=account)
        assert (total.sales, total.sales_minor, total.scheme) == (1, KR_50, "WALLET")

    def test_keeps_its_time_whatever_becomes_of_it(
        self, played: Played, account: ProviderAccount
    ) -> None:
        world, now = played.mobilepay.world, played.mobilepay.now()
        payment = world.start(world.point("DK-102"), "B7", KR_50, "DKK", now)
        look_again(account)
        first = own(account, payment.id)
        assert first.status == Status.PENDING
        world.check_in("DK-102", now)
        world.accept("DK-102", now)
        look_again(account)
        assert own(account, payment.id).status == Status.AUTHORISED
        world.capture(payment.id, KR_50 - 100, now)
        look_again(account)
        last = own(account, payment.id)
        assert (last.status, last.captured_minor) == (Status.APPROVED, KR_50 - 100)
        assert (last.occurred_at, last.business_day) == (first.occurred_at, first.business_day)

    def test_that_the_customer_refused_is_followed_to_its_end(
        self, played: Played, account: ProviderAccount
    ) -> None:
        world, now = played.mobilepay.world, played.mobilepay.now()
        payment = world.start(world.point("DK-102"), "B8", KR_50, "DKK", now)
        look_again(account)
        world.check_in("DK-102", now)
        world.reject("DK-102", now)
        look_again(account)
        row = own(account, payment.id)
        assert (row.status, row.provider_status) == (Status.CANCELLED, "CancelledByUser")
        assert not Following.objects.filter(account=account, ref=payment.id).exists()

    def test_of_an_unknown_state_is_kept_and_followed(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        played.mobilepay.faults.rates = {"enum": 1}
        look_again(account)
        assert own(account, ref).status == Status.UNMAPPED
        played.mobilepay.faults.rates = {}
        look_again(account)
        assert own(account, ref).status == Status.APPROVED

    def test_stays_when_its_point_of_sale_is_made_anew(
        self, played: Played, account: ProviderAccount
    ) -> None:
        terminal = Terminal.objects.get(account=account, tid="DK-101")
        ref = sell(played)
        world = played.mobilepay.world
        store = world.point("DK-101").store
        world.delete_point("DK-101")
        made = world.create_point("DK-101", store)
        run_sync(account.pk, limits=QUICK)
        now = Terminal.objects.get(account=account, tid="DK-101")
        assert (now.pk, now.ref) == (terminal.pk, made.id)
        assert Alias.objects.get(terminal=now).ref == terminal.ref
        # Captured before it was made anew, and heard of by its own reference afterwards.
        with played_connector(played) as connector:
            assert connector.find_transaction(ref).terminal_ref == terminal.ref


def played_connector(played: Played) -> Any:
    from contextlib import closing

    from providers.mobilepay.client import Connector
    from providers.mobilepay.sandbox import DEMO_CODE, DEMO_TOKEN

    url = played.server.url("mobilepay")
    own = Connector.credentials(bio_code=DEMO_CODE, access_token=DEMO_TOKEN, base_url=url)
    return closing(Connector(own, hosts=frozenset({played.host}), limits=QUICK))


class TestRefunds:
    def test_say_how_much_of_the_sale_is_gone(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        look_again(account)
        world, now = played.mobilepay.world, played.mobilepay.now()
        first = world.create_refund(ref, "R1", 2000, "DKK", now)
        look_again(account)
        sale, refund = own(account, ref), own(account, first.id)
        assert (refund.kind, refund.status, refund.sale_ref) == ("REFUND", "AUTHORISED", ref)
        assert refund.branch_id == sale.branch_id
        assert (sale.refunded, sale.refunded_minor) == ("PART", 2000)
        world.create_refund(ref, "R2", 3000, "DKK", now)
        look_again(account)
        sale = own(account, ref)
        assert (sale.refunded, sale.refunded_minor) == ("FULL", KR_50)

    def test_that_were_cancelled_leave_it_whole(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        look_again(account)
        world, now = played.mobilepay.world, played.mobilepay.now()
        made = world.create_refund(ref, "R1", 2000, "DKK", now)
        look_again(account)
        world.cancel_refund(made.id)
        look_again(account)
        assert own(account, made.id).status == Status.CANCELLED
        sale = own(account, ref)
        assert (sale.refunded, sale.refunded_minor) == ("NONE", 0)

    def test_capture_themselves_after_a_day(self, played: Played, account: ProviderAccount) -> None:
        ref = sell(played)
        look_again(account)
        made = played.mobilepay.world.create_refund(ref, "R", 2000, "DKK", played.mobilepay.now())
        look_again(account)
        played.mobilepay.clock.move(timedelta(hours=24))
        look_again(account)
        row = own(account, made.id)
        assert (row.status, row.provider_status) == (Status.APPROVED, "ExpiredAndCaptured")


class TestWhatIsMissing:
    def test_of_a_terminal_whose_list_is_too_long_is_a_gap_that_nobody_can_close(
        self, played: Played, account: ProviderAccount
    ) -> None:
        world: World = played.mobilepay.world
        world.widest = 2
        for number in range(3):
            sell(played, order=f"C{number}")
        looked = Terminal.objects.get(account=account, tid="DK-101").looked_at
        look_again(account)
        gap = Gap.objects.get(account=account, since__isnull=False)
        assert (gap.since, gap.closable) == (looked, False)
        look_again(account)
        # It goes on, and is one.
        again = Gap.objects.get(account=account, since__isnull=False)
        assert again.since == looked
        assert again.until > gap.until

    def test_of_a_long_pause_is_one_too(self, played: Played, account: ProviderAccount) -> None:
        long_ago = timezone.now() - timedelta(hours=5)
        Terminal.objects.filter(account=account).update(looked_at=long_ago)
        look_again(account)
        assert Gap.objects.get(account=account, since__isnull=False).since == long_ago

    def test_is_nothing_more_after_an_ordinary_look(self, account: ProviderAccount) -> None:
        look_again(account)
        assert not Gap.objects.filter(account=account, since__isnull=False).exists()


class TestLooking:
    def test_takes_up_what_is_due_and_no_more(
        self, played: Played, account: ProviderAccount
    ) -> None:
        assert accounts_to_look_at(timezone.now()) == []
        later = timezone.now() + LOOK_QUIET + timedelta(seconds=1)
        assert accounts_to_look_at(later) == [account.pk]
        played.server.calls.clear()
        look(account.pk)
        assert played.server.calls == []

    def test_asks_less_and_less_often_of_what_does_not_change(
        self, played: Played, account: ProviderAccount
    ) -> None:
        world, now = played.mobilepay.world, played.mobilepay.now()
        payment = world.start(world.point("DK-103"), "D1", KR_50, "DKK", now)
        world.check_in("DK-103", now)
        world.accept("DK-103", now)
        look_again(account)
        waits = []
        for age in (timedelta(seconds=5), timedelta(minutes=10), timedelta(hours=1),
                    timedelta(hours=20), timedelta(days=3)):  # fmt: skip
            Transaction.objects.filter(ref=payment.id).update(occurred_at=timezone.now() - age)
            look_again(account)
            waits.append(Following.objects.get(ref=payment.id).next_at - timezone.now())
        assert waits == sorted(waits)
        assert timedelta(0) < waits[0] < timedelta(seconds=3)
        assert waits[-1] <= LONGEST

    def test_leaves_an_account_alone_that_is_being_read(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        Terminal.objects.filter(account=account).update(look_at=timezone.now())
        ProviderAccount.objects.filter(pk=account.pk).update(state="PAUSED")
        assert look(account.pk) == 0
        assert not Transaction.objects.filter(ref=ref).exists()

    def test_a_gateway_that_fails_changes_nothing_and_is_tried_again(
        self, played: Played, account: ProviderAccount
    ) -> None:
        ref = sell(played)
        played.mobilepay.faults.rates = {"error": 1}
        ProviderAccount.objects.filter(pk=account.pk).update(failures=5)
        look_again(account)
        assert not Transaction.objects.filter(ref=ref).exists()
        played.mobilepay.faults.rates = {}
        ProviderAccount.objects.filter(pk=account.pk).update(retry_at=None)
        assert run_sync(account.pk, limits=QUICK).state == SyncRun.State.DONE
        Terminal.objects.filter(account=account).update(look_at=timezone.now())
        run_sync(account.pk, limits=QUICK)
        assert own(account, ref).status == Status.APPROVED
