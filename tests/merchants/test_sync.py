"""A sync ends with what the provider has: nothing lost, nothing double, nothing rewritten."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count
from django.test import Client
from django.utils.timezone import now

from merchants.actions.accounts import (
    change_account,
    pause_account,
    remove_account,
    resume_account,
    webhook_path,
)
from merchants.models import (
    Bookmark,
    Branch,
    Gap,
    Hint,
    ProviderAccount,
    SetAside,
    SyncRun,
    SyncStep,
)
from merchants.sync import Ask, NotActive, run_sync
from merchants.tasks import read_hints
from providers.base.sandbox import bomb
from providers.nearpay.sandbox import DEMO_KEY, OTHER_KEY
from settlements.models import Reconciliation, SchemeTotal
from terminals.models import Terminal, TerminalUser
from tests.conftest import NOON, PROVE, QUICK, Played
from transactions.models import Receipt, Session, Transaction
from transactions.receipts import unpack

pytestmark = pytest.mark.django_db


def ledger_of(account: ProviderAccount) -> dict[str, tuple[int, str]]:
    """What the portal believes, in the form of the sandbox's own ledger."""
    own = Transaction.objects.filter(account=account)
    return {
        ref: (minor, status)
        for ref, minor, status in own.values_list("ref", "amount_minor", "status")
    }


def step(run: SyncRun, resource: str = "transactions") -> SyncStep:
    return run.steps.get(resource=resource)


def converge(account: ProviderAccount, tries: int = 12) -> SyncRun:
    """Sync until a run is whole, as beat would; the account's pauses are skipped."""
    for _ in range(tries):
        run = run_sync(account.pk, limits=QUICK)
        if run.state == SyncRun.State.DONE:
            return run
        ProviderAccount.objects.filter(pk=account.pk).update(retry_at=None, failures=0)
    raise AssertionError(f"no run became whole: {run.error}")


class TestFirstSync:
    def test_stores_everything_the_provider_has(self, play: Any, merchant: Any) -> None:
        nearpay: Played = play(transactions=1200)
        account = nearpay.connect(merchant)
        run = run_sync(account.pk, limits=QUICK)
        assert run.state == SyncRun.State.DONE
        truth = nearpay.sandbox.ledger()
        assert ledger_of(account) == truth
        assert len(truth) > 1000
        world = nearpay.sandbox.world
        assert Branch.objects.filter(merchant=merchant).count() == len(world.branches)
        assert set(Terminal.objects.values_list("tid", "ref")) == {
            (t.tid, t.id) for t in world.terminals
        }
        held = {
            t.tid: t.terminal_user.ref if t.terminal_user else None
            for t in Terminal.objects.select_related("terminal_user")
        }
        moment = int(NOON.timestamp() * 1000)
        assert held == {
            t.tid: h.id if (h := world.holder(t, moment)) else None for t in world.terminals
        }
        closes = [c for c in world.closes if c.at <= NOON]
        assert Reconciliation.objects.count() == len(closes)
        assert SchemeTotal.objects.count() == 10 * len(closes)
        assert Session.objects.count() == sum(s.created_at <= NOON for s in world.sessions)
        done = step(run)
        assert (done.fetched, done.stored, done.changed, done.unchanged, done.set_aside) == (
            len(truth), len(truth), 0, 0, 0,
        )  # fmt: skip
        assert done.complete_to == NOON

    def test_a_reversed_purchase_has_two_receipts_and_no_captured_money(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(transactions=3000)
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        reversed_ = Transaction.objects.filter(status="REVERSED").first()
        assert reversed_ is not None
        assert reversed_.captured_minor == 0
        assert reversed_.authorised_minor == reversed_.amount_minor
        slips = list(
            Receipt.objects.filter(transaction=reversed_)
            .order_by("position")
            .select_related("dictionary")
        )
        assert [unpack(slip)["type"] for slip in slips] == ["purchase", "reversal"]
        single = Transaction.objects.exclude(status="REVERSED").annotate(n=Count("receipts"))
        assert set(single.values_list("n", flat=True)) == {1}

    def test_receipts_keep_what_was_printed_and_nothing_secret(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        run_sync(nearpay.connect(merchant).pk, limits=QUICK)
        slip = Receipt.objects.select_related("dictionary", "transaction").order_by("pk")[0]
        printed = unpack(slip)
        assert printed["rrn"] == slip.transaction.rrn
        assert printed["merchant_name_ar"] == "شركة قهوة التجربة"
        assert printed["merchant_id"] == printed["merchant_id"].strip()
        assert not {"qr_code", "payment_account_reference", "pan_suffix"} & set(printed)

    def test_the_business_day_is_the_branchs(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        run_sync(nearpay.connect(merchant).pk, limits=QUICK)
        for row in Transaction.objects.select_related("branch")[:200]:
            assert row.branch is not None
            assert row.business_day == (row.occurred_at + timedelta(hours=3)).date()

    def test_two_merchants_stay_apart(self, play: Any, merchant: Any, mallory: Any) -> None:
        nearpay = play()
        first, second = nearpay.connect(merchant), nearpay.connect(mallory.merchant, OTHER_KEY)
        run_sync(first.pk, limits=QUICK)
        run_sync(second.pk, limits=QUICK)
        assert ledger_of(first) == nearpay.sandbox.ledger(DEMO_KEY)
        assert ledger_of(second) == nearpay.sandbox.ledger(OTHER_KEY)
        assert not Transaction.objects.filter(merchant=merchant, account=second).exists()


class TestNextSync:
    def test_writes_nothing_when_nothing_changed(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        before = versions()
        run = run_sync(account.pk, Ask(deep=True), limits=QUICK)
        for done in run.steps.all():
            assert (done.stored, done.changed, done.set_aside) == (0, 0, 0), done.resource
            assert done.unchanged == done.fetched
        assert versions() == before

    def test_writes_exactly_the_rows_that_changed(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=2000)
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        world = nearpay.sandbox.world
        sold = [i for i in world.shown(NOON) if world.approved(i) and world.origin[i] < 0]
        chosen = [i for i in sold if not world.is_reversed(i) and i not in world.refunded][::100]
        refs = {nearpay.sandbox.reverse(i) for i in chosen}
        before = versions()
        run = run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert step(run).changed == len(refs) > 10
        after = versions()
        assert {ref for ref in after if after[ref] != before[ref]} == refs
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_reads_only_its_window(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=6000)
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        ProviderAccount.objects.update(next_deep_at=now() + timedelta(days=1))
        nearpay.sandbox.clock.move(timedelta(hours=3))
        run = run_sync(account.pk, limits=QUICK)
        assert step(run).read < 20 < 60
        assert step(run).stored > 5
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_finds_rows_that_arrive_late_with_an_old_time(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=2000)
        world = nearpay.sandbox.world
        shown = list(world.shown(NOON))
        late = {i: int((NOON + timedelta(hours=2)).timestamp() * 1000) for i in shown[-60:-5:3]}
        world.hidden_until.update(late)
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        assert len(ledger_of(account)) == len(shown) - len(late)
        nearpay.sandbox.clock.move(timedelta(hours=3))
        run_sync(account.pk, limits=QUICK)
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_an_older_version_never_overwrites_a_newer_one(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        world = nearpay.sandbox.world
        index = next(i for i in world.shown(NOON) if world.approved(i) and world.origin[i] < 0)
        ref = nearpay.sandbox.reverse(index)
        run_sync(account.pk, limits=QUICK)
        # A cache of the provider's now answers with what was true before the reversal.
        del world.reversed_later[index]
        world.version += 1
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert Transaction.objects.get(ref=ref).status == "REVERSED"


def versions() -> dict[str, str]:
    """The physical version of every transaction's row: any write changes it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select ref, ctid::text || xmin::text from transactions_transaction")
        return dict(cursor.fetchall())


class TestShapes:
    """The provider's documentation leaves these open; each of them ends with the same rows."""

    @pytest.mark.parametrize(
        "switches",
        [
            {"order": "oldest"},
            {"order": "unsorted"},
            {"order": "terminal"},
            {"limit": "20"},
            {"limit": "37", "order": "oldest"},
            {"pages": "integer"},
            {"pages": "current"},
            {"pages": "none", "limit": "50"},
            {"pages": "integer", "order": "oldest"},
            {"sessions": "terminal", "wrap": "no"},
            {"ties": "unstable"},
        ],
        ids=lambda chosen: "-".join(f"{k}={v}" for k, v in chosen.items()),
    )
    def test_every_shape_is_understood(
        self, play: Any, merchant: Any, switches: dict[str, str]
    ) -> None:
        nearpay = play(transactions=900, switches=switches)
        account = nearpay.connect(merchant)
        converge(account)
        nearpay.sandbox.clock.move(timedelta(hours=4))
        converge(account)
        assert ledger_of(account) == nearpay.sandbox.ledger()
        sessions = [
            s for s in nearpay.sandbox.world.sessions if s.created_at <= nearpay.sandbox.now()
        ]
        assert Session.objects.filter(account=account).count() == len(sessions)

    def test_an_unsorted_list_is_read_whole_and_says_so(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=900, switches={"order": "unsorted"})
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        run = run_sync(account.pk, limits=QUICK)
        assert step(run).order == "unsorted"
        assert step(run).read >= (step(run).pages or 10_000)


class TestFaults:
    """F1 to F14 and F16: the set in the portal equals the sandbox's ledger, whatever happens."""

    @pytest.mark.parametrize(
        ("fault", "rate"),
        [
            ("throttle", 0.3),
            ("throttle_date", 0.3),
            ("throttle_bare", 0.3),
            ("error", 0.2),
            ("html", 0.2),
            ("plain", 0.2),
            ("html_ok", 0.1),
            ("reset", 0.15),
            ("truncate", 0.15),
            ("short", 0.15),
            ("deep", 0.1),
            ("digits", 0.1),
            ("repeat", 0.05),
            ("empty", 0.1),
            ("text_numbers", 0.3),
        ],
    )
    def test_a_fault_that_passes_leaves_no_trace(
        self, play: Any, merchant: Any, fault: str, rate: float
    ) -> None:
        nearpay = play(transactions=1500, faults={fault: rate})
        nearpay.sandbox.faults.retry_after = 0
        account = nearpay.connect(merchant)
        run = converge(account)
        assert nearpay.sandbox.faults.struck.get(fault), "the fault never struck"
        assert ledger_of(account) == nearpay.sandbox.ledger()
        for done in run.steps.all():
            assert done.stored + done.changed + done.unchanged + done.set_aside == done.fetched

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("error", "unreachable"),
            ("timeout", "unreachable"),
            ("drip", "unreachable"),
            ("bomb", "refused"),
            ("huge", "refused"),
            ("redirect", "refused"),
            ("throttle", "throttled"),
            ("html_ok", "unreadable"),
        ],
    )
    def test_a_fault_that_stays_ends_the_run_with_its_name(
        self, play: Any, merchant: Any, fault: str, code: str
    ) -> None:
        bomb()  # Making it takes longer than this test's patience.
        nearpay = play(faults={fault: 1.0})
        nearpay.sandbox.faults.hold_seconds = 3
        nearpay.sandbox.faults.retry_after = 0
        account = nearpay.connect(merchant)
        from dataclasses import replace

        quick = replace(QUICK, read=0.5, total=1, tries=2)
        run = run_sync(account.pk, Ask(only=frozenset({"transactions"})), limits=quick)
        assert run.state == SyncRun.State.FAILED
        assert run.error_code == code
        assert not Transaction.objects.exists()
        assert not Bookmark.objects.exists()
        nearpay.sandbox.faults.rates = {}
        ProviderAccount.objects.update(retry_at=None)
        assert converge(account)
        assert ledger_of(account) == nearpay.sandbox.ledger()

    @pytest.mark.parametrize("fault", ["shift", "late"])
    def test_rows_that_come_while_and_after_one_reads_are_found_by_the_next(
        self, play: Any, merchant: Any, fault: str
    ) -> None:
        nearpay = play(transactions=1500, faults={fault: 0.3})
        account = nearpay.connect(merchant)
        world = nearpay.sandbox.world
        before = len(world.shown(NOON))
        run_sync(account.pk, limits=QUICK)
        assert Transaction.objects.filter(account=account).count() >= before
        world.held_back, world.late_rate = 0, 0
        assert len(nearpay.sandbox.ledger()) > before
        run_sync(account.pk, limits=QUICK)
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_a_page_that_repeats_for_ever_is_not_taken_for_the_end(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(transactions=2000, faults={"stuck": 1.0})
        account = nearpay.connect(merchant)
        run = run_sync(account.pk, Ask(only=frozenset({"transactions"})), limits=QUICK)
        assert run.error_code == "unreadable"
        assert not Bookmark.objects.filter(resource="transactions").exists()

    def test_rows_added_and_removed_while_paging(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=2500)
        nearpay.sandbox.switches["limit"] = "50"
        nearpay.server.on_request = lambda request: nearpay.sandbox.clock.move(timedelta(minutes=4))
        account = nearpay.connect(merchant)
        converge(account)
        nearpay.server.on_request = None
        converge(account)
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_a_list_that_never_stands_still_is_read_wholly_again(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(transactions=2500)
        nearpay.sandbox.switches["limit"] = "50"
        world = nearpay.sandbox.world

        def remove(request: Any) -> None:
            """Take rows away while the walk is in the middle, so others move up, and add some."""
            if request.path.endswith("/transactions") and request.query.get("page") == "12":
                world.removed |= set(list(world.shown(nearpay.sandbox.now()))[-150:])
                nearpay.sandbox.clock.move(timedelta(hours=6))

        nearpay.server.on_request = remove
        account = nearpay.connect(merchant)
        run = run_sync(account.pk, limits=QUICK)
        assert (run.state, step(run).since) == (SyncRun.State.DONE, None)
        bookmark = Bookmark.objects.get(account=account, resource="transactions")
        assert (bookmark.whole_reads, bookmark.complete_to) == (0, NOON)
        assert not Gap.objects.filter(account=account).exists()
        nearpay.server.on_request = None
        again = run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert step(again).since is None
        bookmark.refresh_from_db()
        assert bookmark.whole_reads == 1
        truth = nearpay.sandbox.ledger()
        assert truth.items() <= ledger_of(account).items()

    @pytest.mark.parametrize(
        ("fault", "why"), [("missing", "missing"), ("bad_money", "amount"), ("nul", "NUL")]
    )
    def test_an_item_that_cannot_be_read_is_set_aside_and_the_rest_goes_on(
        self, play: Any, merchant: Any, fault: str, why: str
    ) -> None:
        nearpay = play(transactions=1000, faults={fault: 0.05})
        account = nearpay.connect(merchant)
        run = run_sync(account.pk, Ask(only=frozenset({"transactions"})), limits=QUICK)
        done = step(run)
        truth = nearpay.sandbox.ledger()
        aside = SetAside.objects.filter(account=account, resource="transactions")
        assert done.set_aside == aside.count() > 10
        assert done.stored + done.set_aside == done.fetched == len(truth)
        assert set(ledger_of(account)) | set(aside.values_list("key", flat=True)) == set(truth)
        first = aside.first()
        assert first is not None
        assert why in first.reason
        assert "1e3" not in str(first.masked)
        # When the provider mends it, the next reading takes it in and forgets that it was aside.
        nearpay.sandbox.faults.rates = {}
        run_sync(account.pk, Ask(deep=True, only=frozenset({"transactions"})), limits=QUICK)
        assert ledger_of(account) == truth
        assert not aside.exists()

    def test_an_unknown_word_is_unmapped_and_shown(self, play: Any, merchant: Any) -> None:
        nearpay = play(faults={"enum": 1.0})
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        own = Transaction.objects.filter(account=account)
        assert set(own.values_list("ref", flat=True)) == set(nearpay.sandbox.ledger())
        assert set(own.values_list("scheme", flat=True)) == {"UNMAPPED"}
        assert set(own.filter(kind="PURCHASE").values_list("status", flat=True)) == {"UNMAPPED"}
        assert all("7Q7" in text for text in own.values_list("provider_status", flat=True))

    def test_an_extra_field_is_counted_by_name_and_its_value_kept_nowhere(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(faults={"extra": 0.2})
        account = nearpay.connect(merchant)
        run = run_sync(account.pk, limits=QUICK)
        assert ledger_of(account) == nearpay.sandbox.ledger()
        assert step(run).surprises["loyalty_tier"] == nearpay.sandbox.faults.struck["extra"] - sum(
            other.surprises.get("loyalty_tier", 0)
            for other in run.steps.exclude(resource="transactions")
        )

    @pytest.mark.prove
    def test_everything_at_once(self, play: Any, merchant: Any) -> None:
        rates = dict.fromkeys(
            ("throttle", "error", "html", "reset", "truncate", "short", "html_ok"), 0.05
        )
        nearpay = play(transactions=8000, faults=rates | {"repeat": 0.02, "extra": 0.1})
        nearpay.sandbox.faults.retry_after = 0
        account = nearpay.connect(merchant)
        converge(account, tries=60)
        assert ledger_of(account) == nearpay.sandbox.ledger()


class TestAccountState:
    def test_a_withdrawn_key_pauses_the_account_and_says_so(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=1500)
        account = nearpay.connect(merchant)
        nearpay.sandbox.switches["limit"] = "50"

        def withdraw(request: Any) -> None:
            if request.path.endswith("/transactions") and request.query.get("page") == "12":
                nearpay.sandbox.withdrawn.add(DEMO_KEY)

        nearpay.server.on_request = withdraw
        run = run_sync(account.pk, limits=QUICK)
        account.refresh_from_db()
        assert account.state == ProviderAccount.State.REFUSED
        assert run.state == SyncRun.State.PARTIAL
        assert run.error_code == "not_authorised"
        assert not Bookmark.objects.filter(resource="transactions").exists()
        calls = len(nearpay.server.calls)
        with pytest.raises(NotActive):
            run_sync(account.pk, limits=QUICK)
        assert len(nearpay.server.calls) == calls

    def test_an_address_that_is_no_longer_allowed_ends_the_run_in_words(
        self, play: Any, merchant: Any, settings: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        settings.PROVIDER_HOSTS = []
        run = run_sync(account.pk, limits=QUICK)
        assert (run.state, run.error_code) == (SyncRun.State.FAILED, "refused")
        assert "PROVIDER_HOSTS" in run.error
        account.refresh_from_db()
        assert account.failures == 1

    def test_a_failing_provider_is_left_alone_for_longer_each_time(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(faults={"error": 1.0})
        account = nearpay.connect(merchant)
        from dataclasses import replace

        once = replace(QUICK, tries=1)
        for failures in range(1, 7):
            run_sync(account.pk, limits=once)
            account.refresh_from_db()
            assert account.failures == failures
            assert account.retry_at is not None
            wait = (account.retry_at - now()).total_seconds()
            assert min(5 * 2 ** (failures - 1), 120) / 2 - 1 <= wait <= 120
        assert wait > 55

    def test_reading_from_a_later_day_leaves_a_gap_that_a_whole_reading_closes(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play(transactions=3000)
        account = nearpay.connect(merchant)
        since = NOON - timedelta(days=10)
        run_sync(account.pk, Ask(since=since, only=frozenset({"transactions"})), limits=QUICK)
        gap = Gap.objects.get(resource="transactions")
        assert (gap.since, gap.until) == (None, since)
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert not Gap.objects.exists()
        assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_an_earlier_reading_shortens_a_gap_to_what_is_still_missing(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        week, month = (NOON - timedelta(days=days) for days in (7, 30))
        for since in (week, month):
            run_sync(account.pk, Ask(since=since), limits=QUICK)
            found = Gap.objects.get(account=account, resource="transactions")
            assert (found.since, found.until) == (None, since)

    @pytest.mark.parametrize("decision", ["pause", "remove", "replace"])
    def test_a_run_stops_when_a_person_decides_so_in_the_middle(
        self, play: Any, merchant: Any, decision: str
    ) -> None:
        nearpay = play(transactions=3000)
        account = nearpay.connect(merchant)
        met: list[int] = []

        def decide(step: SyncStep) -> None:
            if step.resource != "transactions" or not step.fetched or met:
                return
            met.append(step.fetched)
            found = ProviderAccount.objects.get(pk=account.pk)
            if decision == "pause":
                pause_account(account=found)
            elif decision == "remove":
                remove_account(account=found)
            else:
                other = {"api_key": OTHER_KEY, "base_url": nearpay.server.url("nearpay")}
                change_account(account=found, name=found.name, credentials=other, at=now())

        run = run_sync(account.pk, limits=QUICK, progress=decide)
        assert run.state == SyncRun.State.INTERRUPTED
        assert run.error
        assert Transaction.objects.count() == met[0] < 3000
        stopped = step(run)
        assert (stopped.state, stopped.fetched) == (SyncStep.State.FAILED, met[0])
        assert not Bookmark.objects.filter(resource="transactions").exists()
        assert step(run, "reconciliations").state == SyncStep.State.WAITING
        account.refresh_from_db()
        states = {"pause": "PAUSED", "remove": "REMOVED", "replace": "ACTIVE"}
        assert account.state == states[decision]
        if decision == "pause":
            resume_account(account=account, at=NOON)
            converge(account)
            assert ledger_of(account) == nearpay.sandbox.ledger()

    def test_a_person_seen_first_in_a_transaction_is_not_lost(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        run_sync(account.pk, Ask(only=frozenset({"transactions"})), limits=QUICK)
        assert Terminal.objects.filter(ref=None).count() == Terminal.objects.count() > 0
        assert TerminalUser.objects.exists()
        run_sync(account.pk, limits=QUICK)
        assert not Terminal.objects.filter(ref=None).exists()


class TestWebhooks:
    """NearPay's are unsigned: a hint that starts a targeted reading, and nothing more."""

    def send(self, account: ProviderAccount, body: Any) -> int:
        url = webhook_path(account)
        return Client().post(url, body, content_type="application/json").status_code

    def test_a_hint_has_one_thing_read_again(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=1500)
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        world = nearpay.sandbox.world
        sold = (i for i in world.shown(NOON) if world.approved(i) and world.origin[i] < 0)
        index = next(i for i in sold if not world.is_reversed(i) and i not in world.refunded)
        ref = nearpay.sandbox.reverse(index)
        nearpay.server.calls.clear()
        # Whatever else the body claims is believed in nothing.
        body = {"id": ref, "amount": "999999.00", "merchant": {"name": "CANARY-HOOK"}}
        assert self.send(account, body) == 204
        read_hints.run(account.pk)
        assert Transaction.objects.get(ref=ref).status == "REVERSED"
        assert nearpay.server.calls == [("GET", f"/transactions/{ref}")]
        assert not Hint.objects.exists()

    def test_a_terminal_is_found_too_and_keeps_what_the_answer_does_not_say(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        item = nearpay.sandbox.world.terminals[0]
        before = Terminal.objects.get(ref=item.id)
        item.connected = not item.connected
        self.send(account, {"event": "terminal.device.disconnected", "payload": {"id": item.id}})
        read_hints.run(account.pk)
        after = Terminal.objects.get(ref=item.id)
        assert after.connected == item.connected != before.connected
        assert after.branch_id == before.branch_id
        assert after.provider_created_at == before.provider_created_at

    @pytest.mark.parametrize(
        "body", ["", "no json", [], {"id": 5}, {"id": "x" * 36}, {"id": None}, {"payload": "x"}]
    )
    def test_anything_else_is_taken_and_stored_nowhere(
        self, play: Any, merchant: Any, body: Any
    ) -> None:
        account = play().connect(merchant)
        assert self.send(account, body) == 204
        assert not Hint.objects.exists()

    def test_the_next_sync_follows_what_is_left(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        self.send(account, {"id": "0502b3f0-d00d-49c5-8feb-73a986687521"})
        self.send(account, {"id": "0502b3f0-d00d-49c5-8feb-73a986687521"})
        assert Hint.objects.count() == 1
        run_sync(account.pk, limits=QUICK)
        assert not Hint.objects.exists()


@pytest.mark.skipif(not PROVE, reason="the full table runs in make prove")
@pytest.mark.prove
class TestEveryFieldMutated:
    """F12: every documented field of a transaction, six mutations each."""

    def test_stored_and_set_aside_make_what_was_received(self) -> None:
        import copy
        import json

        import msgspec

        from providers.base import reading
        from providers.base.sandbox import Options, sandboxes
        from providers.nearpay import payloads, translate
        from providers.nearpay.sandbox import render

        sandbox = sandboxes(Options(now=NOON, transactions=50, terminals=4))["nearpay"]
        whole = json.loads(render.transaction(sandbox.world, 3, NOON))  # type: ignore[attr-defined]

        def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
            if isinstance(value, dict):
                for key, inner in value.items():
                    yield (*path, key)
                    yield from places(inner, (*path, key))
            elif isinstance(value, list):
                for number, inner in enumerate(value):
                    yield from places(inner, (*path, number))

        tried = 0
        for path in list(places(whole)):
            mutations: list[Any] = [None, 17, "17", [], {"deep": 1}, "missing", "x" * 5000]
            for mutation in mutations:
                item = copy.deepcopy(whole)
                holder = item
                for part in path[:-1]:
                    holder = holder[part]
                if mutation == "missing":
                    del holder[path[-1]]
                else:
                    holder[path[-1]] = mutation
                raw = [msgspec.Raw(json.dumps(item).encode())]
                found = reading.read(
                    reading.cut(raw, "1"), payloads.Transaction, translate.transaction
                )
                assert len(found.records) + len(found.rejected) == 1
                tried += 1
        assert tried > 500
