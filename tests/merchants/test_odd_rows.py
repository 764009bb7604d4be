"""Whatever one row of a provider's list is, the others are stored and the next run goes on."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from merchants.models import Bookmark, Branch, Gap, ProviderAccount, SetAside, SyncRun
from merchants.sync import Ask, run_sync
from providers.base.sandbox import Answer, Request
from providers.nearpay.sandbox import render
from settlements.models import Reconciliation
from terminals.models import Device, Terminal
from tests.conftest import NOON, QUICK
from tests.merchants.test_sync import ledger_of, step
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


def sold(nearpay: Any, index: int = 3, **changes: Any) -> bytes:
    """A transaction of the sandbox under another id, changed; its bytes may hold anything."""
    row = json.loads(render.transaction(nearpay.sandbox.world, index, NOON))
    receipt = changes.pop("receipt", {})
    row |= {"id": "0502b3f0-d00d-49c5-8feb-73a986687521"} | changes
    row["receipts"][0] |= receipt
    return json.dumps(row).encode()


class TestOddRows:
    @pytest.mark.parametrize(
        "changes",
        [
            {"id": "a\x00b"},
            {"id": "x" * 201},
            {"id": 5},
            {"created_at": "9999-12-31T23:59:59Z"},
            {"created_at": "0001-01-01T00:00:00+03:00"},
            {"created_at": "20/11/2026"},
            {"receipt": {"retrieval_reference_number": 10**300}},
            {"receipt": {"action_code": "9" * 199}},
            {"receipt": {"currency": {"english": "XXX"}}},
        ],
    )
    def test_are_set_aside_and_everything_else_is_stored(
        self, play: Any, merchant: Any, changes: dict[str, Any]
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        odd = sold(nearpay, **changes)
        nearpay.sandbox.odd_rows["transactions"] = [odd, odd.replace(b'"purchase"', b'"p"')]
        for _ in range(2):
            run = run_sync(account.pk, limits=QUICK)
            assert run.state == SyncRun.State.DONE
            stored = ledger_of(account)
            assert stored.items() >= nearpay.sandbox.ledger().items()
            done = step(run)
            assert done.stored + done.changed + done.unchanged + done.set_aside == done.fetched
            aside = SetAside.objects.filter(resource="transactions").count()
            assert aside + len(stored) > len(nearpay.sandbox.ledger())
        # Once the provider has mended it, a whole reading forgets it.
        del nearpay.sandbox.odd_rows["transactions"]
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        Bookmark.objects.update(version="")
        run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert not SetAside.objects.exists()

    def test_a_count_beyond_any_column_is_set_aside(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        close = nearpay.sandbox.world.closes[0]
        row = render.close_row(nearpay.sandbox.world, close)
        row["id"] = "0502b3f0-d00d-49c5-8feb-73a986687521"
        wide = json.loads(json.dumps(row))
        wide["id"] = "0502b3f0-d00d-49c5-8feb-73a986687522"
        row["reconciliation_receipt"]["details"]["purchase"]["count"] = "9" * 20
        wide["reconciliation_receipt"]["details"]["purchase"]["count"] = "3000000000"
        nearpay.sandbox.odd_rows["reconciliations"] = [render.dump(row), render.dump(wide)]
        run_sync(account.pk, limits=QUICK)
        assert SetAside.objects.get(resource="reconciliations").key == row["id"]
        assert Reconciliation.objects.get(ref=wide["id"]).purchase_count == 3_000_000_000

    def test_a_terminal_listed_twice_is_one_and_stays_as_it_is(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        world = nearpay.sandbox.world
        twin = render.terminal(world, world.terminals[0], NOON)
        twin["id"] = "0502b3f0-d00d-49c5-8feb-73a986687521"
        twin["created_at"] = "2020-01-01T00:00:00Z"
        nearpay.sandbox.odd_rows["terminals"] = [render.dump(twin)]
        for _ in range(3):
            run = run_sync(account.pk, limits=QUICK)
        assert (step(run, "terminals").stored, step(run, "terminals").changed) == (0, 0)
        assert Terminal.objects.get(tid=twin["tid"]).ref == world.terminals[0].id

    def test_a_device_is_where_it_was_used_last(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        run_sync(account.pk, limits=QUICK)
        last = Transaction.objects.order_by("-occurred_at", "-pk")[0]
        assert last.device is not None
        assert last.terminal is not None
        other = Terminal.objects.exclude(pk=last.terminal.pk).order_by("pk")[0]
        later = (NOON - timedelta(seconds=1)).isoformat()
        row = json.loads(sold(nearpay, created_at=later, terminal={"tid": other.tid}))
        row["device"]["id"] = last.device.ref
        nearpay.sandbox.odd_rows["transactions"] = [render.dump(row)]
        run_sync(account.pk, limits=QUICK)
        device = Device.objects.get(pk=last.device.pk)
        assert device.terminal == other
        assert device.last_seen_at == NOON - timedelta(seconds=1)


class TestBranchOfAClose:
    def test_is_the_one_that_the_close_names(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        run_sync(account.pk, Ask(only=frozenset({"reconciliations"})), limits=QUICK)
        assert Reconciliation.objects.exists()
        assert not Reconciliation.objects.filter(branch=None).exists()
        assert not Terminal.objects.filter(branch=None).exists()
        run_sync(account.pk, limits=QUICK)
        assert set(Branch.objects.values_list("name", flat=True)) == {
            branch.name for branch in nearpay.sandbox.world.branches
        }


class TestTranslation:
    def test_a_corrected_one_reads_every_row_again_in_the_next_deep_pass(
        self, play: Any, merchant: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nearpay = play(transactions=1500)
        account = nearpay.connect(merchant)
        for _ in range(2):
            run_sync(account.pk, Ask(deep=True), limits=QUICK)
        monkeypatch.setattr("providers.nearpay.translate.VERSION", "next")
        monkeypatch.setattr("providers.nearpay.client.Connector.version", "next")
        run = run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert step(run).changed == len(nearpay.sandbox.ledger())
        again = run_sync(account.pk, Ask(deep=True), limits=QUICK)
        assert step(again).since is not None


class TestDeepPass:
    def test_is_made_once_a_day_though_one_resource_is_always_refused(
        self, play: Any, merchant: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        answer = nearpay.sandbox.answer

        def without_closes(request: Request) -> Answer:
            if request.path.endswith("/reconciliations"):
                return Answer(404, b"")
            found: Answer = answer(request)
            return found

        nearpay.sandbox.answer = without_closes
        deep = [run_sync(account.pk, limits=QUICK).deep for _ in range(3)]
        assert deep == [True, False, False]

    def test_a_partial_run_counts_for_nothing_but_itself(self, play: Any, merchant: Any) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        before = ProviderAccount.objects.get(pk=account.pk)
        run_sync(account.pk, Ask(only=frozenset({"branches"})), limits=QUICK)
        run_sync(account.pk, Ask(since=NOON - timedelta(days=2)), limits=QUICK)
        after = ProviderAccount.objects.get(pk=account.pk)
        assert after.next_deep_at == before.next_deep_at

    def test_a_list_that_was_read_to_its_end_leaves_no_gap(self, play: Any, merchant: Any) -> None:
        nearpay = play(transactions=60)
        account = nearpay.connect(merchant)
        run_sync(account.pk, Ask(since=now() - timedelta(days=1)), limits=QUICK)
        assert not Gap.objects.exists()


class TestUnforeseen:
    def test_our_own_failure_ends_the_run_in_words_and_makes_the_account_wait(
        self, play: Any, merchant: Any, settings: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        # No fetcher can be started: nothing that a provider does, and nothing we foresee.
        settings.SYNC_FETCHERS = "four"
        run = run_sync(account.pk, limits=QUICK)
        assert (run.state, run.error_code) == (SyncRun.State.FAILED, "failed")
        account.refresh_from_db()
        assert account.failures == 1
        assert account.retry_at is not None

    def test_a_lost_key_asks_for_the_credentials_again(
        self, play: Any, merchant: Any, settings: Any
    ) -> None:
        nearpay = play()
        account = nearpay.connect(merchant)
        settings.ENCRYPTION_KEYS = ["another key that is long enough, really"]
        run = run_sync(account.pk, limits=QUICK)
        assert run.error_code == "not_authorised"
        account.refresh_from_db()
        assert account.state == ProviderAccount.State.REFUSED
