"""Makers that are killed, disks that are full, and rows that change meanwhile."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from merchants.models import Membership, ProviderAccount
from merchants.sync import run_sync
from reports.actions import ask_report, sweep_files, sweep_parts
from reports.making import proof
from reports.making.make import make, open_runs
from reports.models import ReportRun
from tests.conftest import PROVE, QUICK, Kept, environment
from tests.database import as_owner
from transactions.models import Transaction

JOBS = 20 if PROVE else 4
FORMS = ("csv", "jsonl", "xlsx", "pdf")
# One worker of the queue, in a process of its own that can be killed.
WORKER = """
import os, resource, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
import django
django.setup()
from django.conf import settings
from django.utils import timezone
folder, most, pks = sys.argv[1], int(sys.argv[2]), map(int, sys.argv[3].split(","))
settings.REPORTS_PARTS = folder + "/parts"
settings.STORAGES["reports"]["OPTIONS"]["location"] = folder + "/files"
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
from reports.making.make import make
sys.stdout.write("ready\\n")
sys.stdout.flush()
for pk in pks:
    make(pk, timezone.now)
"""


@pytest.fixture(scope="module")
def synced(kept: Kept) -> int:
    made = kept.play(transactions=3000, terminals=14).connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(kept: Kept, synced: int, filed: Path) -> Iterator[Membership]:
    yield kept.alice
    ReportRun.objects.all().delete()


def asked(by: Membership, form: str, **more: Any) -> ReportRun:
    wish = {
        "since": "2026-08-01", "until": "2026-12-01", "branches": [], "columns": [],
        "comma": False, "semicolon": False, "language": "en", **more,
    }  # fmt: skip
    report = "summary" if form == "pdf" else "transactions"
    return ask_report(by=by, report=report, form=form, wish=wish, at=timezone.now())


def worker(folder: Path, runs: list[ReportRun], most: int = 0) -> "subprocess.Popen[str]":
    pks = ",".join(str(each.pk) for each in runs)
    words = [sys.executable, "-c", WORKER, str(folder), str(most), pks]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=environment(), stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def true(run: ReportRun) -> None:
    """It is done, its file is whole, and it is what its proof says."""
    run.refresh_from_db()
    assert run.state == "DONE", run.problem
    path = Path(storages["reports"].path(run.file))
    assert proof.verify(path, run.manifest) == run.rows == run.manifest["rows"]


def test_a_worker_that_is_killed_during_its_jobs_offers_no_half_file_and_all_end_true(
    alice: Membership, tmp_path: Path
) -> None:
    dice = random.Random(7)
    runs = [asked(alice, FORMS[number % len(FORMS)]) for number in range(JOBS)]
    client = Client()
    client.force_login(alice.user)
    kills = 0
    while open_runs() and kills < 4 * JOBS:
        left = [each for each in runs if each.pk in open_runs()]
        process = worker(tmp_path, left)
        time.sleep(dice.uniform(0.02, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        for run in runs:
            run.refresh_from_db()
            answer = client.get(f"/reports/{run.pk}/file/")
            if run.state == "DONE":
                true(run)
            else:
                assert answer.status_code == 404
            answer.close()
        # A job may be tried so often and no more; these are killed by us.
        ReportRun.objects.filter(state="RUNNING").update(tries=1)
    assert kills > 1
    for pk in open_runs():
        make(pk, timezone.now)
    for run in runs:
        true(run)
    # What the dead have left goes within a day, and nothing that is offered.
    later = timezone.now() + timedelta(days=2)
    sweep_parts(tmp_path / "parts", later)
    sweep_files(later)
    assert list((tmp_path / "parts").iterdir()) == []
    assert len([each for each in (tmp_path / "files").rglob("*.*") if each.is_file()]) == JOBS
    for run in runs:
        true(run)


@pytest.mark.parametrize("form", FORMS)
def test_a_device_that_is_full_midway_is_said_and_nothing_is_offered(
    alice: Membership, tmp_path: Path, form: str
) -> None:
    run = asked(alice, form)
    # Less than any of them takes, and more than nothing.
    assert worker(tmp_path, [run], most=2000).wait() == 0
    run.refresh_from_db()
    assert (run.state, run.file) == ("FAILED", "")
    assert "no room" in run.problem
    assert list((tmp_path / "parts").iterdir()) == []
    assert not [each for each in (tmp_path / "files").rglob("*") if each.is_file()]
    # With room it is made.
    again = asked(alice, form)
    make(again.pk, timezone.now)
    true(again)


def test_rows_that_are_stored_meanwhile_are_in_a_file_all_or_not_at_all(
    alice: Membership, tmp_path: Path, synced: int
) -> None:
    account = ProviderAccount.objects.get(pk=synced)
    columns = ", ".join(
        str(each.column) for each in Transaction._meta.local_concrete_fields
        if each.column not in ("id", "ref")
    )  # fmt: skip
    counts = set()
    with as_owner() as owner:
        for number in range(JOBS):
            run = asked(alice, FORMS[number % 3])
            process = worker(tmp_path, [run])
            # Batches of a hundred, each in a transaction of its own, while it is written.
            batches = 0
            while process.poll() is None:
                batches += 1
                if batches > 20:
                    # Enough to be met; the tables of twenty reports stay of a size.
                    process.wait()
                    break
                owner.execute(
                    f"insert into transactions_transaction (ref, {columns})"
                    f" select gen_random_uuid()::text, {columns} from transactions_transaction"
                    f" where account_id = {account.pk} limit 100"
                )
                owner.commit()
            true(run)
            assert run.rows is not None
            counts.add(run.rows)
    first = Transaction.objects.count() % 100
    assert all(count % 100 == first for count in counts)
    assert len(counts) == JOBS
