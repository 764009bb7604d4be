"""A sync that is killed, doubled or cut off from its database loses nothing and doubles nothing
(F17 to F20)."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils.timezone import now

from merchants.models import Bookmark, Merchant, ProviderAccount, SyncRun, SyncStep
from merchants.sync import AlreadyRunning, Ask, abandoned_runs, due_accounts, revive, run_sync
from merchants.tasks import sync_account
from portal.embedded import ROOT
from tests.conftest import PROVE, QUICK, Played, environment
from tests.database import as_owner, url_of
from tests.merchants.test_sync import ledger_of
from transactions.models import Receipt, Transaction

pytestmark = pytest.mark.usefixtures("committed")
ONLY = frozenset({"transactions"})


@pytest.fixture
def acme(committed: None) -> Merchant:
    return Merchant.objects.create(slug="acme", name="Acme")


def start_sync(nearpay: Played, account: ProviderAccount) -> "subprocess.Popen[bytes]":
    words = [
        sys.executable,
        str(ROOT / "manage.py"),
        "sync",
        "--account",
        str(account.pk),
        "--json",
    ]
    return subprocess.Popen(
        words, env=environment(nearpay), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def whole(nearpay: Played, account: ProviderAccount) -> None:
    """I1 and I2: the ledger, once."""
    truth = nearpay.sandbox.ledger()
    assert ledger_of(account) == truth
    assert Transaction.objects.count() == len(truth)
    slips = Receipt.objects.values("transaction").distinct().count()
    assert slips == len(truth)


class TestKill:
    @pytest.mark.parametrize("tries", [20 if PROVE else 4])
    def test_kill_9_at_random_points(self, play: Any, acme: Merchant, tries: int) -> None:
        nearpay = play(transactions=12_000 if PROVE else 8_000)
        nearpay.sandbox.prerender()
        account = nearpay.connect(acme)
        rng = random.Random(11)
        seen = [0]
        for _ in range(tries):
            process = start_sync(nearpay, account)
            # From before the first row to well into the writing.
            self._wait_for_rows(process, seen[-1] + rng.choice([0, 1, 900, 2500]))
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            connection.close()
            stored = Transaction.objects.count()
            # Nothing that was committed is lost, nothing torn: receipts came with their rows.
            assert stored >= seen[-1]
            assert Receipt.objects.values("transaction").distinct().count() == stored
            # I3: the bookmark never passes what is not completely there.
            finished = stored == len(nearpay.sandbox.ledger())
            assert finished or not Bookmark.objects.filter(resource="transactions").exists()
            seen.append(stored)
        assert len(abandoned_runs()) <= 1
        connection.close()
        run = run_sync(account.pk, limits=QUICK)
        assert run.state == SyncRun.State.DONE
        whole(nearpay, account)
        assert not SyncRun.objects.filter(state=SyncRun.State.RUNNING).exists()

    def _wait_for_rows(self, process: Any, rows: int) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and process.poll() is None:
            if Transaction.objects.count() >= rows and SyncRun.objects.exists():
                return
            time.sleep(0.01)

    def test_the_sweeper_revives_what_a_killed_worker_left(self, play: Any, acme: Merchant) -> None:
        nearpay = play(transactions=6000)
        account = nearpay.connect(acme)
        process = start_sync(nearpay, account)
        self._wait_for_rows(process, 1)
        assert revive() == [], "a living run was taken for dead"
        process.kill()
        process.wait()
        SyncRun.objects.update(heartbeat_at=now() - timedelta(minutes=1))
        # The server notices a dead client when it next answers it.
        found = revive()
        end = time.monotonic() + 20
        while not found and time.monotonic() < end:
            time.sleep(0.1)
            found = revive()
        assert found == [account.pk]
        assert revive() == []
        run = SyncRun.objects.get()
        assert run.state == SyncRun.State.INTERRUPTED
        assert run_sync(account.pk, Ask(SyncRun.Reason.REVIVED), limits=QUICK).state == "DONE"
        whole(nearpay, account)


class TestManyAtOnce:
    def test_eight_starts_make_one_run_and_seven_refusals(self, play: Any, acme: Merchant) -> None:
        nearpay = play(transactions=2000)
        account = nearpay.connect(acme)
        gate = threading.Barrier(8)
        ends: list[str] = []

        def go() -> None:
            gate.wait()
            try:
                run_sync(account.pk, limits=QUICK)
                ends.append("ran")
            except AlreadyRunning:
                ends.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=copy_context().run, args=[go]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["ran"] + ["refused"] * 7
        assert SyncRun.objects.count() == 1
        whole(nearpay, account)

    def test_without_the_lock_the_work_would_be_done_twice(
        self, play: Any, acme: Merchant, monkeypatch: Any
    ) -> None:
        """The negative control: it is the lock that makes the seven refuse."""
        from contextlib import nullcontext

        nearpay = play(transactions=1500)
        account = nearpay.connect(acme)
        monkeypatch.setattr("merchants.sync.run.locked", lambda *_: nullcontext())
        gate = threading.Barrier(3)

        def go() -> None:
            gate.wait()
            try:
                run_sync(account.pk, limits=QUICK)
            finally:
                connection.close()

        threads = [threading.Thread(target=copy_context().run, args=[go]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert SyncRun.objects.count() == 3
        fetched = sum(
            SyncStep.objects.filter(resource="transactions").values_list("fetched", flat=True)
        )
        assert fetched > 1.5 * len(nearpay.sandbox.ledger())
        # Sorted writes still leave every row once.
        whole(nearpay, account)

    def test_a_task_that_comes_again_does_nothing(self, play: Any, acme: Merchant) -> None:
        """F19: a message delivered twice, or an hour late."""
        nearpay = play(transactions=300)
        account = nearpay.connect(acme)
        assert sync_account.run(account.pk, "SCHEDULE") == "DONE"
        assert sync_account.run(account.pk, "SCHEDULE") == "DONE"
        whole(nearpay, account)
        ProviderAccount.objects.update(state=ProviderAccount.State.PAUSED)
        assert sync_account.run(account.pk, "SCHEDULE") == "NotActive"
        assert sync_account.run(999_999, "SCHEDULE") == "DoesNotExist"

    def test_what_is_due_is_handed_out_once(self, play: Any, acme: Merchant) -> None:
        nearpay = play()
        account = nearpay.connect(acme)
        assert due_accounts(now()) == [account.pk]
        assert due_accounts(now()) == []


class TestDatabase:
    @pytest.mark.parametrize("times", [5 if PROVE else 2])
    def test_a_lost_connection_ends_the_run_and_the_next_completes_it(
        self, play: Any, acme: Merchant, times: int
    ) -> None:
        """F18: the server ends the session in the middle, as a restart does."""
        nearpay = play(transactions=4000)
        account = nearpay.connect(acme)
        for number in range(times):
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid()")
                pid = cursor.fetchone()[0]

            def cut(step: SyncStep, pid: int = pid, after: int = 900 + number * 500) -> None:
                if step.resource == "transactions" and step.fetched > after:
                    # As the application's own role, which may end its own sessions.
                    with psycopg.connect(url_of("default"), autocommit=True) as other:
                        other.execute("select pg_terminate_backend(%s)", [pid])

            with pytest.raises(OperationalError):
                run_sync(account.pk, limits=QUICK, progress=cut)
            connection.close()
        assert not Bookmark.objects.filter(resource="transactions").exists()
        assert run_sync(account.pk, limits=QUICK).state == SyncRun.State.DONE
        whole(nearpay, account)

    @pytest.mark.parametrize("state", ["40P01", "40001", "53100"])
    def test_an_error_of_the_server_stores_no_half_batch(
        self, play: Any, acme: Merchant, state: str
    ) -> None:
        """F18: deadlock, serialization failure and a full disk, raised by the server itself."""
        nearpay = play(transactions=3000)
        account = nearpay.connect(acme)
        with as_owner() as owner:
            owner.execute(
                "create function raise_once() returns trigger language plpgsql as $$ begin"
                " if (select count(*) from transactions_receipt) >= 1000 then"
                f" raise exception using errcode = '{state}'; end if; return new; end $$"
            )
            owner.execute(
                "create trigger planted before insert on transactions_receipt"
                " for each statement execute function raise_once()"
            )
        try:
            with pytest.raises(OperationalError):
                run_sync(account.pk, limits=QUICK)
            connection.close()
            assert Transaction.objects.count() == 1000
        finally:
            with as_owner() as owner:
                owner.execute("drop trigger planted on transactions_receipt")
                owner.execute("drop function raise_once()")
        assert run_sync(account.pk, limits=QUICK).state == SyncRun.State.DONE
        whole(nearpay, account)


class TestWorker:
    def test_a_real_worker_syncs_what_a_button_asks_for(self, play: Any, acme: Merchant) -> None:
        """Real broker, real worker: connecting an account is enough to have it read."""
        nearpay = play(transactions=300)
        queue = f"test-{os.getpid()}"
        own = environment(nearpay)
        words = [sys.executable, "-m", "celery", "-A", "portal", "worker", "-Q", queue]
        words += ["--concurrency", "1", "--loglevel", "WARNING", "--without-gossip"]
        worker = subprocess.Popen(words, env=own, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            account = nearpay.connect(acme)
            sync_account.apply_async(args=(account.pk, "BUTTON"), queue=queue)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if SyncRun.objects.filter(state=SyncRun.State.DONE).exists():
                    break
                time.sleep(0.2)
            whole(nearpay, account)
            assert SyncRun.objects.get().reason == "BUTTON"
        finally:
            worker.terminate()
            worker.wait(20)
