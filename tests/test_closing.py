"""Closes: what was frozen stays, and what comes later stands beside it."""

import csv
import io
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Bookmark, Branch, Gap, Membership, ProviderAccount
from merchants.sync import run_sync
from portal.proofs import NotAsMade
from reports.making import proof
from settlements.actions import (
    NotClosable,
    check_chain,
    close_days,
    close_month,
    file_of,
    reopen,
)
from settlements.models import ClosedRow, Document
from settlements.queries import calendar
from settlements.tasks import close_month_
from tests.conftest import NOON, PROVE, QUICK, Stage
from transactions.models import Change, Transaction
from transactions.rollups import refresh

DAY = timedelta(days=1)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture(scope="module")
def account(stage: Stage) -> ProviderAccount:
    made = stage.play(transactions=4000, terminals=14).connect(stage.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made


@pytest.fixture
def alice(stage: Stage, account: ProviderAccount, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def branch(alice: Membership) -> Branch:
    return Branch.objects.filter(merchant=alice.merchant).order_by("pk")[0]


def rows_of(document: Document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(file_of(document)).decode())))


def sums(rows: list[dict[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        for name in ("sales", "sales_minor", "refunds", "refunds_minor"):
            found[name] += int(row[name])
    return found


def live(branch: Branch, day: date) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in Transaction.objects.filter(branch=branch, business_day=day, status="APPROVED"):
        name = {"PURCHASE": "sales", "REFUND": "refunds"}[each.kind]
        found[name] += 1
        found[f"{name}_minor"] += each.captured_minor or 0
    return found


def add_up(branch: Branch, days: list[date]) -> None:
    account = ProviderAccount.objects.get(merchant=branch.merchant)
    refresh(account, [(branch.pk, day) for day in days], "Asia/Riyadh")


def busiest(branch: Branch) -> date:
    days = Counter(Transaction.objects.filter(branch=branch).values_list("business_day", flat=True))
    return max(days, key=lambda day: (days[day], day))


def shake(branch: Branch, day: date, number: int) -> int:
    """Late and changed rows, as a provider would send them; how many are of the day."""
    own = list(Transaction.objects.filter(branch=branch, business_day=day).order_by("pk"))
    touched = 0
    for place in range(number):
        row = own[place % len(own)]
        if place % 3 == 0:
            row.pk, row.ref = None, f"late-{place}"
            row.save()
        elif place % 3 == 1:
            Transaction.objects.filter(pk=own[place % len(own)].pk).update(
                status="REVERSED", captured_minor=0
            )
        else:
            row.pk, row.ref, row.status = None, f"late-{place}", "DECLINED"
            row.save()
        own = list(Transaction.objects.filter(branch=branch, business_day=day).order_by("pk"))
        touched += 1
    add_up(branch, [day])
    return touched


class TestClose:
    def test_freezes_a_day_and_adds_up_to_it(self, alice: Membership, branch: Branch) -> None:
        day = busiest(branch)
        made = close_days(branch=branch, days=[day], by=alice, at=NOON)
        assert (made.documents, made.same) == (1, 0)
        document = Document.objects.get()
        assert (document.number, document.kind, document.manifest["previous"]) == (1, "CLOSE", "")
        rows = rows_of(document)
        assert (
            len(rows)
            == document.rows
            == Transaction.objects.filter(branch=branch, business_day=day).count()
        )
        assert sums(rows) == live(branch, day)
        entry = AuditEntry.objects.get(action="day.closed")
        assert entry.facts["since"] == day.isoformat()
        assert close_days(branch=branch, days=[day], by=alice, at=NOON).same == 1
        assert Document.objects.count() == 1

    def test_holds_nothing_personal(self, alice: Membership, branch: Branch) -> None:
        day = busiest(branch)
        close_days(branch=branch, days=[day], by=alice, at=NOON)
        document = Document.objects.get()
        text = b"".join(file_of(document)).decode() + str(document.manifest)
        for row in Transaction.objects.filter(branch=branch, business_day=day):
            for value in (row.rrn, row.reference, row.approval_code):
                assert not value or f",{value}," not in text
            if row.terminal_user:
                assert row.terminal_user.name not in text
        assert "Alice" not in text
        before = b"".join(file_of(document))
        Transaction.objects.filter(branch=branch).update(terminal_user=None)
        assert b"".join(file_of(document)) == before

    @pytest.mark.parametrize("number", [500 if PROVE else 60])
    def test_what_comes_late_is_an_adjustment_and_adds_up(
        self, alice: Membership, branch: Branch, number: int, tmp_path: Path
    ) -> None:
        day = busiest(branch)
        close_days(branch=branch, days=[day], by=alice, at=NOON)
        first = Document.objects.get()
        bytes_before = b"".join(file_of(first))
        assert shake(branch, day, number) == number
        (row,) = calendar(alice, day.replace(day=1), _after(day), NOON, branches=[branch])
        assert next(each for each in row.cells if each.day == day).state == "CHANGED"
        assert close_days(branch=branch, days=[day], by=alice, at=NOON).documents == 1
        second = Document.objects.get(number=2)
        assert second.kind == "ADJUSTMENT"
        added = rows_of(second)
        assert {each["what"] for each in added} == {"LATE", "CHANGED"}
        together = sums(rows_of(first))
        together.update(sums(added))
        assert together == live(branch, day)
        # Once more there is nothing to say.
        assert close_days(branch=branch, days=[day], by=alice, at=NOON).documents == 0
        assert b"".join(file_of(first)) == bytes_before
        path = tmp_path / "first.csv"
        path.write_bytes(bytes_before)
        assert proof.verify(path, first.manifest) == first.rows
        path.write_bytes(b"".join(file_of(second)))
        assert proof.verify(path, second.manifest) == second.rows
        assert check_chain(branch) == 2
        (row,) = calendar(alice, day.replace(day=1), _after(day), NOON, branches=[branch])
        assert next(each for each in row.cells if each.day == day).state == "CLOSED"

    def test_what_moves_to_another_day_is_gone_from_one_and_late_in_the_other(
        self, alice: Membership, branch: Branch
    ) -> None:
        day = busiest(branch)
        days = [day - DAY, day]
        close_days(branch=branch, days=days, by=alice, at=NOON)
        moved = Transaction.objects.filter(branch=branch, business_day=day).order_by("pk")[:5]
        pks = [each.pk for each in moved]
        Transaction.objects.filter(pk__in=pks).update(business_day=day - DAY)
        add_up(branch, days)
        close_days(branch=branch, days=days, by=alice, at=NOON)
        what = Counter(
            ClosedRow.objects.filter(transaction_id__in=pks).values_list("what", "document__since")
        )
        assert what == {("FROZEN", day): 5, ("LATE", day - DAY): 5, ("GONE", day): 5}
        for each in days:
            total: Counter[str] = Counter()
            for document in Document.objects.filter(since=each, span="DAY"):
                total.update(sums(rows_of(document)))
            assert total == live(branch, each)
        # And back again.
        Transaction.objects.filter(pk__in=pks).update(business_day=day)
        add_up(branch, days)
        assert close_days(branch=branch, days=days, by=alice, at=NOON).documents == 2
        assert close_days(branch=branch, days=days, by=alice, at=NOON).documents == 0
        assert check_chain(branch) == 6

    def test_of_a_day_that_is_not_over_or_not_complete_is_refused_in_words(
        self, alice: Membership, branch: Branch, account: ProviderAccount
    ) -> None:
        today = branch.business_day(NOON)
        with pytest.raises(NotClosable, match="not over"):
            close_days(branch=branch, days=[today], by=alice, at=NOON)
        day = today - 3 * DAY
        begins = branch.begins(day)
        Gap.objects.create(
            account=account, resource="transactions", since=begins, until=begins + DAY / 2
        )
        with pytest.raises(NotClosable, match="has a gap"):
            close_days(branch=branch, days=[day], by=alice, at=NOON)
        with pytest.raises(NotClosable, match="has a gap"):
            close_days(branch=branch, days=[day], by=alice, at=NOON, anyway=True)
        close_days(branch=branch, days=[day], by=alice, at=NOON, anyway=True, reason="Year end")
        document = Document.objects.get()
        assert document.reason == "Year end"
        assert "has a gap" in document.manifest["missing"][0]
        Gap.objects.all().delete()
        Bookmark.objects.update(complete_to=begins)
        with pytest.raises(NotClosable, match="not read up to its end"):
            close_days(branch=branch, days=[day + DAY], by=alice, at=NOON)

    def test_a_month_lists_its_days_and_is_adjusted_with_them(
        self, alice: Membership, branch: Branch, tmp_path: Path
    ) -> None:
        made = close_month(branch=branch, month=OCTOBER, by=alice, at=NOON)
        assert made.documents == 32
        month = Document.objects.get(span="MONTH")
        total = Counter[str]()
        for number in range(31):
            total.update(live(branch, OCTOBER + number * DAY))
        assert sum(each["sales_minor"] for each in month.manifest["totals"]) == total["sales_minor"]
        path = tmp_path / "month.csv"
        path.write_bytes(b"".join(file_of(month)))
        assert proof.verify(path, month.manifest) == month.rows
        assert close_month(branch=branch, month=OCTOBER, by=alice, at=NOON).documents == 0
        day = next(
            each.since
            for each in Document.objects.filter(span="DAY", rows__gt=3).order_by("number")
        )
        shake(branch, day, 6)
        assert close_month(branch=branch, month=OCTOBER, by=alice, at=NOON).documents == 2
        both = Document.objects.filter(span="MONTH").order_by("number")
        sales = sum(each["sales_minor"] for doc in both for each in doc.manifest["totals"])
        total = Counter()
        for number in range(31):
            total.update(live(branch, OCTOBER + number * DAY))
        assert sales == total["sales_minor"]
        assert check_chain(branch) == 34

    def test_a_change_that_leaves_the_sums_is_seen_and_the_month_is_adjusted_with_its_day(
        self, alice: Membership, branch: Branch
    ) -> None:
        close_month(branch=branch, month=OCTOBER, by=alice, at=NOON)
        (row,) = calendar(alice, OCTOBER, NOVEMBER, NOON, branches=[branch])
        assert row.left == 0
        sold = Transaction.objects.filter(
            branch=branch, business_day__gte=OCTOBER, business_day__lt=NOVEMBER
        ).order_by("pk")[0]
        day = sold.business_day
        Transaction.objects.filter(pk=sold.pk).update(
            occurred_at=sold.occurred_at + timedelta(seconds=1)
        )
        Change.objects.create(
            merchant=alice.merchant, transaction=sold, at=NOON + timedelta(hours=1), currency="SAR",
            branch_before=branch, day_before=day, kind_before=sold.kind, status_before=sold.status,
            branch=branch, day=day, kind=sold.kind, status=sold.status,
        )  # fmt: skip
        (row,) = calendar(alice, OCTOBER, NOVEMBER, NOON, branches=[branch])
        assert [each.day for each in row.cells if each.state == "CHANGED"] == [day]
        later = NOON + timedelta(hours=2)
        close_days(branch=branch, days=[day], by=alice, at=later)
        (row,) = calendar(alice, OCTOBER, NOVEMBER, NOON, branches=[branch])
        # Its day is as it was frozen again, and the month does not list that yet.
        assert (row.left, row.cells[day.day - 1].state) == (1, "CLOSED")
        close_month(branch=branch, month=OCTOBER, by=alice, at=later)
        (row,) = calendar(alice, OCTOBER, NOVEMBER, NOON, branches=[branch])
        assert row.left == 0

    def test_opens_again_with_a_reason_by_who_may(self, alice: Membership, branch: Branch) -> None:
        close_month(branch=branch, month=OCTOBER, by=alice, at=NOON)
        ask: dict[str, Any] = {"branch": branch, "by": alice, "at": NOON}
        with pytest.raises(NotClosable, match="Say why"):
            reopen(span="MONTH", since=OCTOBER, reason=" ", **ask)
        with pytest.raises(NotClosable, match="month is closed"):
            reopen(span="DAY", since=OCTOBER, reason="Wrong till", **ask)
        reopen(span="MONTH", since=OCTOBER, reason="Wrong till", **ask)
        reopen(span="DAY", since=OCTOBER, reason="Wrong till", **ask)
        with pytest.raises(NotClosable, match="not closed"):
            reopen(span="DAY", since=OCTOBER, reason="Wrong till", **ask)
        entry = AuditEntry.objects.filter(action="day.reopened").order_by("-pk")[0]
        assert entry.reason == "Wrong till"
        assert close_month(branch=branch, month=OCTOBER, by=alice, at=NOON).documents == 2
        month = Document.objects.filter(span="MONTH", kind="CLOSE").order_by("-number")[0]
        # Each day once: the first of October with its second close.
        days = [row["day"] for row in rows_of(month)]
        assert len(days) == len(set(days))
        assert check_chain(branch) == 36
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        with pytest.raises(Exception, match="Open closed days again"):
            reopen(span="MONTH", since=OCTOBER, reason="x", branch=branch, by=support, at=NOON)

    def test_the_month_of_every_branch_by_a_job(self, alice: Membership) -> None:
        close_month_(alice.pk, OCTOBER.isoformat())
        months = Document.objects.filter(span="MONTH")
        assert months.count() == Branch.objects.filter(merchant=alice.merchant).count()
        assert close_month_(alice.pk, OCTOBER.isoformat()) == 0
        # Of one that is not over nothing is closed but its days that are.
        close_month_(alice.pk, NOVEMBER.isoformat())
        assert not Document.objects.filter(span="MONTH", since=NOVEMBER).exists()


def _after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


class TestChain:
    @pytest.fixture
    def closed(self, alice: Membership, branch: Branch) -> Branch:
        day = busiest(branch)
        close_days(branch=branch, days=[day - DAY, day], by=alice, at=NOON)
        return branch

    def test_the_application_can_change_nothing_of_it(self, closed: Branch) -> None:
        for statement in (
            "update settlements_document set rows = 1",
            "delete from settlements_document",
            "update settlements_closedrow set sales_minor = 1",
            "delete from settlements_closedrow",
        ):
            with (
                pytest.raises(DatabaseError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)

    def test_a_changed_file_is_told(self, closed: Branch, tmp_path: Path) -> None:
        document = Document.objects.filter(rows__gt=4).order_by("number")[0]
        path, whole = tmp_path / "day.csv", b"".join(file_of(document))
        lines = whole.splitlines(keepends=True)
        for changed in (
            b"".join(lines[:2] + lines[3:]),
            b"".join([*lines[:1], lines[2], lines[1], *lines[3:]]),
            whole.replace(b",SAR,", b",SAX,", 1),
            whole[:-2] + b"x\n",
        ):
            path.write_bytes(changed)
            with pytest.raises(NotAsMade):
                proof.verify(path, document.manifest)
        forged = document.manifest | {"made_by": 1_000_000}
        path.write_bytes(whole)
        with pytest.raises(NotAsMade, match="not made by this portal"):
            proof.verify(path, forged)


class TestPages:
    def test_close_see_download_and_open_again(
        self, alice: Membership, branch: Branch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        day = busiest(branch)
        month = f"{day:%Y-%m}"
        monkeypatch.setattr("settlements.views.closes.now", lambda: NOON)
        page = client.get(f"/reconciliations/closing/?month={month}").content.decode()
        assert "Over, and not closed" in page
        base = f"/reconciliations/closing/{branch.pk}/"
        answer = client.post(f"{base}close/", {"span": "DAY", "since": day.isoformat()})
        assert answer["Location"] == f"{base}?month={month}"
        document = Document.objects.get()
        page = client.get(f"{base}?month={month}").content.decode()
        assert f"/reconciliations/closing/documents/{document.pk}/" in page
        got = client.get(f"/reconciliations/closing/documents/{document.pk}/")
        assert got.content == b"".join(file_of(document))
        assert document.name in got["Content-Disposition"]
        told = client.get(f"/reconciliations/closing/documents/{document.pk}/?proof").json()
        assert told["sha256"] == document.manifest["sha256"]
        client.post(
            f"{base}open/", {"span": "DAY", "since": day.isoformat(), "reason": "Wrong till"}
        )
        assert [each.kind for each in Document.objects.order_by("number")] == ["CLOSE", "REOPENING"]
        for wrong in ({"span": "YEAR"}, {"since": "0001-01-01"}, {"since": "x"}):
            client.post(f"{base}close/", {"span": "DAY", "since": day.isoformat()} | wrong)
        assert Document.objects.count() == 2
        for month in ("2026-13", "9999-12", "x", "1999-01"):
            assert client.get(f"/reconciliations/closing/?month={month}").status_code == 200

    def test_are_of_seen_branches_alone(
        self, alice: Membership, branch: Branch, mallory: Membership
    ) -> None:
        close_days(branch=branch, days=[busiest(branch)], by=alice, at=NOON)
        document = Document.objects.get()
        other = Branch.objects.filter(merchant=alice.merchant).order_by("pk")[1]
        kept = add_person(email="k@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        Membership.objects.filter(pk=kept.pk).update(every_branch=False)
        Membership.objects.get(pk=kept.pk).branches.set([other])
        for user in (kept.user, mallory.user):
            client = Client()
            client.force_login(user)
            for path in (f"{branch.pk}/", f"documents/{document.pk}/"):
                assert client.get(f"/reconciliations/closing/{path}").status_code == 404
            answer = client.post(
                f"/reconciliations/closing/{branch.pk}/close/",
                {"span": "DAY", "since": "2026-11-01"},
            )
            assert answer.status_code == 404
        assert Document.objects.count() == 1


@pytest.fixture
def mallory(stage: Stage, db: None) -> Membership:
    return stage.mallory
