"""Layouts, schedules, and taking files to where they are wanted."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.core import mail
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import Client

from merchants.actions.mail import send_letters
from merchants.actions.people import add_person
from merchants.models import Bookmark, Letter, Membership
from merchants.sync import run_sync
from portal import isolation
from portal.encryption import unseal
from reports.actions import (
    Wrong,
    add_destination,
    change_layout,
    forget_files,
    make_layout,
    pause_schedule,
    plan_report,
    remove_destination,
    remove_layout,
    remove_schedule,
    resume_schedule,
    sweep_files,
    take_layout,
)
from reports.links import link_to, opened
from reports.making import proof
from reports.making.make import make, open_runs
from reports.models import Destination, Layout, PlannedRun, ReportRun, Schedule
from reports.planner import deliver, tend
from tests.conftest import NOON, QUICK, Kept
from tests.sftp import Sftp

# Eight in the morning of the day after the sandbox's last, in Riyadh.
EIGHT = datetime(2026, 11, 22, 5, tzinfo=UTC)
DAY = timedelta(days=1)
PASSWORD = {"password": "s3cret of the books"}


@pytest.fixture(scope="module")
def synced(kept: Kept) -> int:
    made = kept.play(transactions=900, terminals=8).connect(kept.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(kept: Kept, synced: int, filed: Path, settings: Any) -> Iterator[Membership]:
    settings.MAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    marks = dict(Bookmark.objects.values_list("pk", "complete_to"))
    Bookmark.objects.filter(resource="transactions").update(complete_to=EIGHT + 400 * DAY)
    yield kept.alice
    for model in (Schedule, Destination, Layout, ReportRun, Letter):
        model.objects.all().delete()
    Membership.objects.exclude(pk=kept.alice_pk).delete()
    for pk, at in marks.items():
        Bookmark.objects.filter(pk=pk).update(complete_to=at)


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def wish(**more: Any) -> dict[str, Any]:
    return {
        "branches": [], "columns": [], "comma": False, "semicolon": False, "language": "en", **more,
    }  # fmt: skip


def planned(by: Membership, **more: Any) -> Schedule:
    given: dict[str, Any] = {
        "report": "daily-sales", "form": "csv", "wish": wish(), "name": "Morning",
        "rhythm": "DAILY", "hour": 8, "zone": "Asia/Riyadh", "way": "KEPT", "at": EIGHT - DAY,
    }  # fmt: skip
    return plan_report(by=by, **given | more)


def settle(clock: Clock) -> None:
    """Until nothing more happens: what the worker and beat do."""
    with isolation.nobody():
        while tend(clock) + _made(clock) + _delivered(clock):
            pass


def _made(clock: Clock) -> int:
    with isolation.everywhere():
        runs = open_runs()
    return sum(make(pk, clock) for pk in runs)


def _delivered(clock: Clock) -> int:
    with isolation.everywhere():
        sending = list(PlannedRun.objects.filter(state="SENDING").values_list("pk", flat=True))
    return sum(deliver(pk, clock) for pk in sending)


def sent() -> list[Any]:
    before = len(mail.outbox)
    send_letters(EIGHT + 500 * DAY)
    return mail.outbox[before:]


class TestTimes:
    @pytest.mark.parametrize(
        ("rhythm", "at", "due"),
        [
            ({"rhythm": "DAILY", "hour": 8}, "2026-11-21T04:59Z", "2026-11-21T05:00Z"),
            ({"rhythm": "DAILY", "hour": 8}, "2026-11-21T05:00Z", "2026-11-22T05:00Z"),
            ({"rhythm": "WEEKLY", "weekday": 0}, "2026-11-21T12:00Z", "2026-11-23T05:00Z"),
            ({"rhythm": "MONTHLY", "day": 1}, "2026-11-21T12:00Z", "2026-12-01T05:00Z"),
            # An hour that the clocks leave out, and one that they have twice.
            ({"hour": 2, "zone": "Europe/Copenhagen"}, "2027-03-27T12:00Z", "2027-03-28T01:00Z"),
            ({"hour": 2, "zone": "Europe/Copenhagen"}, "2026-10-24T12:00Z", "2026-10-25T00:00Z"),
        ],
    )
    def test_are_by_the_clock_of_a_zone(self, rhythm: dict[str, Any], at: str, due: str) -> None:
        usual: dict[str, Any] = {"rhythm": "DAILY", "hour": 8, "zone": "Asia/Riyadh"}
        schedule = Schedule(**usual | rhythm)
        moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
        assert schedule.after(moment) == datetime.fromisoformat(due.replace("Z", "+00:00"))

    def test_each_time_is_of_the_days_before_it(self) -> None:
        for rhythm, since, until in (
            ("DAILY", "2026-11-21", "2026-11-22"),
            ("WEEKLY", "2026-11-09", "2026-11-16"),
            ("MONTHLY", "2026-10-01", "2026-11-01"),
        ):
            period = Schedule(rhythm=rhythm, zone="Asia/Riyadh").period(EIGHT)
            assert (period.since.isoformat(), period.until.isoformat()) == (since, until)


class TestSchedule:
    def test_makes_each_period_once_and_the_file_is_whole(self, alice: Membership) -> None:
        schedule = planned(alice)
        clock = Clock(EIGHT - timedelta(minutes=1))
        settle(clock)
        assert not PlannedRun.objects.exists()
        clock.at = EIGHT
        settle(clock)
        settle(clock)
        done = PlannedRun.objects.get()
        assert (done.state, done.since) == ("DONE", date(2026, 11, 21))
        assert done.run is not None
        path = Path(storages["reports"].path(done.run.file))
        assert proof.verify(path, done.run.manifest) == done.run.rows
        schedule.refresh_from_db()
        assert schedule.next_at == EIGHT + DAY

    def test_catches_up_on_what_was_missed_once(self, alice: Membership) -> None:
        planned(alice)
        clock = Clock(EIGHT + 4 * DAY)
        settle(clock)
        settle(clock)
        days = list(PlannedRun.objects.order_by("since").values_list("since", flat=True))
        assert days == [date(2026, 11, 21) + number * DAY for number in range(5)]
        # After a year only the newest are made up for.
        clock.at = EIGHT + 365 * DAY
        with isolation.nobody():
            tend(clock)
        assert PlannedRun.objects.filter(state="MAKING").count() <= Schedule.MOST_MISSED

    def test_that_is_paused_leaves_out_what_falls_due(self, alice: Membership) -> None:
        schedule = planned(alice)
        pause_schedule(schedule=schedule, by=alice, at=EIGHT - DAY)
        settle(Clock(EIGHT + 3 * DAY))
        assert not PlannedRun.objects.exists()
        resume_schedule(schedule=schedule, by=alice, at=EIGHT + 3 * DAY)
        settle(Clock(EIGHT + 4 * DAY))
        assert PlannedRun.objects.get().since == date(2026, 11, 25)

    def test_waits_for_complete_rows_and_then_says_what_is_missing(self, alice: Membership) -> None:
        Bookmark.objects.filter(resource="transactions").update(complete_to=EIGHT - DAY)
        planned(alice, patience=6)
        clock = Clock(EIGHT)
        settle(clock)
        assert PlannedRun.objects.get().state == "WAITING"
        clock.at = EIGHT + timedelta(hours=5)
        settle(clock)
        assert PlannedRun.objects.get().state == "WAITING"
        clock.at = EIGHT + timedelta(hours=6)
        settle(clock)
        done = PlannedRun.objects.get()
        assert done.state == "DONE"
        assert "Till is not read up to its end" in done.note
        # And where they come in time, nothing is said.
        PlannedRun.objects.all().delete()
        clock.at = EIGHT + DAY
        settle(clock)
        Bookmark.objects.filter(resource="transactions").update(complete_to=EIGHT + 2 * DAY)
        clock.at += timedelta(minutes=3)
        settle(clock)
        assert PlannedRun.objects.values_list("state", "note").get() == ("DONE", "")

    def test_by_the_rights_of_its_person_at_that_time_and_a_failure_is_told(
        self, alice: Membership
    ) -> None:
        own = add_person(email="b@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        planned(own)
        Membership.objects.filter(pk=own.pk).update(role="SUPPORT")
        settle(Clock(EIGHT))
        failed = PlannedRun.objects.get()
        assert failed.state == "FAILED"
        assert "Download rows and reports" in failed.note
        (letter,) = sent()
        assert letter.to == ["b@acme.test"]
        assert "was not delivered" in letter.subject

    def test_that_dies_at_any_step_goes_on_and_does_nothing_twice(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned(alice, way="LINK")
        clock = Clock(EIGHT)

        class Died(BaseException):
            pass

        def die(*_given: Any, **_named: Any) -> Any:
            raise Died

        for place in (
            "reports.planner.ask_report", "reports.planner.missing_of", "reports.planner.letters",
            "reports.planner.keep_letter", "reports.planner.record",
        ):  # fmt: skip
            with monkeypatch.context() as patch:
                patch.setattr(place, die)
                try:
                    settle(clock)
                except Died:
                    continue
        settle(clock)
        assert PlannedRun.objects.get().state == "SENDING"
        assert ReportRun.objects.count() == 1
        assert len(sent()) == 1
        clock.at += timedelta(minutes=1)
        settle(clock)
        assert PlannedRun.objects.get().state == "DONE"
        assert len(sent()) == 0

    def test_whose_person_has_left_comes_no_more_and_the_team_is_told(
        self, alice: Membership
    ) -> None:
        own = add_person(email="b@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        schedule = planned(own)
        Membership.objects.filter(pk=own.pk).update(ended_at=EIGHT - DAY)
        clock = Clock(EIGHT)
        settle(clock)
        clock.at += 3 * DAY
        settle(clock)
        assert PlannedRun.objects.get().state == "FAILED"
        schedule.refresh_from_db()
        assert schedule.paused_at == EIGHT
        (letter,) = sent()
        assert letter.to == ["alice@acme.test"]

    def test_that_is_paused_keeps_nobody_elses_back(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reports.planner.AT_ONCE", 1)
        Bookmark.objects.filter(resource="transactions").update(complete_to=EIGHT - DAY)
        asleep = planned(alice, name="Asleep", patience=0)
        tend(Clock(EIGHT))
        PlannedRun.objects.update(state="WAITING", run=None, next_try_at=EIGHT - DAY)
        pause_schedule(schedule=asleep, by=alice, at=EIGHT)
        planned(alice, name="Awake", patience=0)
        clock = Clock(EIGHT)
        settle(clock)
        settle(clock)
        assert PlannedRun.objects.filter(state="DONE", schedule__name="Awake").exists()

    def test_that_stumbles_is_tried_later_and_at_last_told(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned(alice)

        def broken(*_given: Any, **_named: Any) -> Any:
            raise RuntimeError("odd")

        monkeypatch.setattr("reports.planner.missing_of", broken)
        clock = Clock(EIGHT)
        for _each in range(12):
            with isolation.nobody():
                tend(clock)
            clock.at += timedelta(hours=5)
        failed = PlannedRun.objects.order_by("pk")[0]
        assert (failed.state, failed.tries) == ("FAILED", 8)
        assert "portal itself" in failed.note
        assert sent()


class TestLayouts:
    COLUMNS = (
        {"name": "net", "heading": "Netto"},
        {"name": "business_day", "heading": ""},
        {"name": "branch", "heading": ""},
    )

    def made(self, by: Membership, **more: Any) -> Layout:
        given: dict[str, Any] = {
            "report": "daily-sales", "name": "Books", "columns": self.COLUMNS, "at": NOON,
        }  # fmt: skip
        return make_layout(by=by, **given | more)

    def test_say_columns_order_and_headings(self, alice: Membership) -> None:
        layout = self.made(alice)
        planned(alice, wish=wish(**layout.wish))
        settle(Clock(EIGHT))
        run = ReportRun.objects.get()
        with storages["reports"].open(run.file) as source:
            head = source.readline().decode("utf-8-sig").strip()
        assert head == '"Netto","Business day","Branch"'
        assert run.manifest["layout"] == {"id": layout.pk, "name": "Books", "version": 1}

    def test_that_change_alter_no_scheduled_file_until_it_is_let(self, alice: Membership) -> None:
        layout = self.made(alice)
        schedule = planned(alice, wish=wish(**layout.wish))
        change_layout(layout=layout, by=alice, columns=self.COLUMNS[:1], at=NOON)
        settle(Clock(EIGHT))
        assert len(ReportRun.objects.get().manifest["columns"]) == 3
        assert take_layout(schedule=schedule, by=alice)
        assert not take_layout(schedule=schedule, by=alice)
        settle(Clock(EIGHT + DAY))
        newest = ReportRun.objects.order_by("-pk")[0]
        assert newest.manifest["layout"]["version"] == 2
        assert [each["heading"] for each in newest.manifest["columns"]] == ["Netto"]
        remove_layout(layout=layout, by=alice)
        settle(Clock(EIGHT + 2 * DAY))
        assert PlannedRun.objects.filter(state="DONE").count() == 3

    def test_without_one_a_schedule_keeps_the_columns_of_its_day(self, alice: Membership) -> None:
        from reports.catalogue import REPORTS

        names = [each.name for each in REPORTS["daily-sales"].columns]
        assert planned(alice).wish["columns"] == names

    def test_that_make_no_sense_are_refused_in_words(self, alice: Membership) -> None:
        with pytest.raises(Wrong, match="at least one"):
            self.made(alice, columns=[{"name": "password", "heading": ""}])
        with pytest.raises(Wrong, match="same heading"):
            self.made(
                alice,
                columns=[
                    {"name": "net", "heading": "X"}, {"name": "branch", "heading": "X"},
                ],
            )  # fmt: skip
        layout = self.made(alice)
        with pytest.raises(Wrong, match="of this name"):
            self.made(alice)
        assert change_layout(layout=layout, by=alice, columns=self.COLUMNS, at=NOON).version == 1

    def test_by_their_page(self, alice: Membership) -> None:
        client = Client()
        client.force_login(alice.user)
        form = {
            "name": "Short", "on-net": "on", "place-net": "2", "on-branch": "on",
            "place-branch": "1", "head-branch": "Shop",
        }  # fmt: skip
        assert client.post("/reports/layouts/of/daily-sales/", form).status_code == 302
        layout = Layout.objects.get()
        assert layout.columns == [
            {"name": "branch", "heading": "Shop"}, {"name": "net", "heading": ""},
        ]  # fmt: skip
        page = client.get(f"/reports/layouts/{layout.pk}/").content.decode()
        assert 'value="Shop"' in page
        form["place-net"] = "x"
        assert client.post(f"/reports/layouts/{layout.pk}/", form).status_code == 422
        form["place-net"] = "1"
        form["place-branch"] = "2"
        assert client.post(f"/reports/layouts/{layout.pk}/", form).status_code == 302
        layout.refresh_from_db()
        assert (layout.version, layout.columns[0]["name"]) == (2, "net")
        assert client.post(f"/reports/layouts/{layout.pk}/remove/").status_code == 302
        assert not Layout.objects.exists()


class TestMail:
    def link(self, text: str) -> str:
        return next(
            line.partition("/reports/files/")[2].strip("/")
            for line in text.splitlines()
            if "/reports/files/" in line
        )

    def test_a_link_opens_by_a_button_until_it_ends(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned(alice, way="LINK")
        settle(Clock(EIGHT))
        (letter,) = sent()
        assert letter.to == ["alice@acme.test"]
        assert not letter.attachments
        secret = self.link(letter.body)
        stranger = Client()
        now = EIGHT + DAY
        monkeypatch.setattr("reports.views.planning.now", lambda: now)
        path = f"/reports/files/{secret}/"
        page = stranger.get(path)
        assert page.status_code == 200
        assert page["Referrer-Policy"] == "same-origin"
        assert page["Cache-Control"] == "no-store"
        answer: Any = stranger.post(path)
        run = ReportRun.objects.get()
        with storages["reports"].open(run.file) as source:
            assert b"".join(answer.streaming_content) == source.read()
        # As a browser sends the button: with its origin and the page's own token.
        browser = Client(enforce_csrf_checks=True)
        text = browser.get(path).content.decode()
        token = text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"csrfmiddlewaretoken": token}
        assert browser.post(path, form, HTTP_ORIGIN="http://testserver").status_code == 200
        assert browser.post(path, form, HTTP_ORIGIN="null").status_code == 403
        for wrong in (secret[:-2] + "AA", "x", "é" * 9, secret[:40]):
            assert stranger.get(f"/reports/files/{wrong}/").status_code == 404
        now = EIGHT + 7 * DAY
        assert stranger.get(path).status_code == 404
        now = EIGHT + DAY
        Membership.objects.filter(pk=alice.pk).update(role="SUPPORT")
        assert stranger.post(path).status_code == 404
        Membership.objects.filter(pk=alice.pk).update(role="OWNER")
        assert stranger.get(path).status_code == 200
        remove_schedule(schedule=Schedule.objects.get(), by=alice)
        assert stranger.get(path).status_code == 404

    def test_a_link_says_nothing_and_is_of_one_file(self) -> None:
        secret = link_to(7, 8, 9, EIGHT)
        found = opened(secret, EIGHT - DAY)
        assert found is not None
        assert (found.run, found.planned, found.member) == (7, 8, 9)
        assert opened(secret, EIGHT) is None
        assert secret != link_to(7, 8, 9, EIGHT)

    def test_a_file_is_attached_whole_and_goes_to_those_who_may_see_it(
        self, alice: Membership
    ) -> None:
        team = [
            add_person(email=f"{name}@acme.test", merchant=alice.merchant, role=role)
            for name, role in (("one", "ADMIN"), ("two", "SUPPORT"), ("three", "ACCOUNTANT"))
        ]
        # Whose maker sees people in full, an accountant does not.
        planned(alice, way="ATTACHED", form="xlsx", recipients=team)
        settle(Clock(EIGHT))
        letters = sent()
        assert {each.to[0] for each in letters} == {"alice@acme.test", "one@acme.test"}
        run = ReportRun.objects.get()
        with storages["reports"].open(run.file) as source:
            whole = source.read()
        for each in letters:
            ((name, content, _kind),) = each.attachments
            assert (name, content) == ("daily-sales-2026-11-21.xlsx", whole)

    def test_a_text_arrives_byte_for_byte_as_it_was_made(self, alice: Membership) -> None:
        planned(alice, way="ATTACHED")
        settle(Clock(EIGHT))
        (letter,) = sent()
        # As a mail server gets it.
        (part,) = [
            each
            for each in message_from_bytes(letter.message().as_bytes(linesep="\r\n")).walk()
            if each.get_filename()
        ]
        with storages["reports"].open(ReportRun.objects.get().file) as source:
            assert part.get_payload(decode=True) == source.read()

    def test_is_delivered_once_the_mail_server_has_taken_it(
        self, alice: Membership, settings: Any
    ) -> None:
        planned(alice, way="LINK")
        clock = Clock(EIGHT)
        settle(clock)
        assert PlannedRun.objects.get().state == "SENDING"
        sent()
        clock.at += timedelta(minutes=1)
        settle(clock)
        assert PlannedRun.objects.get().state == "DONE"
        # And where it never does, that is told.
        settings.MAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        clock.at = EIGHT + DAY
        settle(clock)
        send_letters(clock.at + 2 * DAY)
        clock.at += 2 * DAY
        settle(clock)
        failed = PlannedRun.objects.order_by("-pk").filter(state="FAILED")[0]
        assert failed.note == "The mail could not be sent."

    def test_what_is_too_large_goes_as_a_link(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reports.delivery.MOST_ATTACHED", 10)
        planned(alice, way="ATTACHED")
        settle(Clock(EIGHT))
        (letter,) = sent()
        assert not letter.attachments
        assert self.link(letter.body)


class TestServers:
    @pytest.fixture
    def sftp(self, tmp_path: Path, settings: Any) -> Iterator[Sftp]:
        (tmp_path / "books" / "in").mkdir(parents=True)
        with Sftp(tmp_path / "books") as server:
            settings.DELIVERY_HOSTS = [f"127.0.0.1:{server.port}"]
            yield server

    def added(self, by: Membership, sftp: Sftp, **more: Any) -> Destination:
        given: dict[str, Any] = {
            "name": "Books", "host": "127.0.0.1", "port": sftp.port, "username": "books",
            "host_key": sftp.host_key, "folder": "in", "secret": PASSWORD, "at": NOON,
        }  # fmt: skip
        return add_destination(by=by, **given | more)

    def test_a_file_arrives_whole_by_password_and_by_key(
        self, alice: Membership, sftp: Sftp
    ) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        sftp.trusted.add(key.get_fingerprint())
        secrets = (PASSWORD, {"key": key.export_private_key().decode()})
        for number, secret in enumerate(secrets):
            place = self.added(alice, sftp, name=f"Books {number}", secret=secret)
            schedule = planned(alice, way="SFTP", destination=place)
            settle(Clock(EIGHT))
            done = PlannedRun.objects.get(schedule=schedule)
            assert (done.state, done.note) == ("DONE", "")
            assert done.run is not None
            arrived = sftp.folder / "in" / f"daily-sales-2026-11-21-{schedule.pk}.csv"
            with storages["reports"].open(done.run.file) as source:
                assert arrived.read_bytes() == source.read()
        assert not list(sftp.folder.rglob("*.part"))

    def test_that_goes_away_midway_gets_the_whole_file_later(
        self, alice: Membership, sftp: Sftp
    ) -> None:
        schedule = planned(alice, way="SFTP", destination=self.added(alice, sftp))
        sftp.left = 10
        clock = Clock(EIGHT)
        settle(clock)
        waiting = PlannedRun.objects.get()
        assert (waiting.state, waiting.tries) == ("SENDING", 1)
        assert not list((sftp.folder / "in").glob("*.csv"))
        sftp.left = None
        clock.at += timedelta(hours=1)
        settle(clock)
        waiting.refresh_from_db()
        assert waiting.state == "DONE"
        assert len(list((sftp.folder / "in").glob("*.csv"))) == 1
        assert schedule.pk == waiting.schedule_id

    def test_that_is_another_or_lets_nobody_in_is_told(self, alice: Membership, sftp: Sftp) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        for name, more, said in (
            ("other key", {"host_key": other}, "another key"),
            ("wrong", {"secret": {"password": "wrong"}}, "does not let"),
        ):
            place = self.added(alice, sftp, name=name, **more)
            schedule = planned(alice, way="SFTP", destination=place)
            settle(Clock(EIGHT))
            failed = PlannedRun.objects.get(schedule=schedule)
            assert failed.state == "FAILED"
            assert said in failed.note
        assert len(sent()) == 2
        assert not list(sftp.folder.rglob("*.csv"))

    def test_are_only_those_that_are_allowed(
        self, alice: Membership, sftp: Sftp, settings: Any
    ) -> None:
        place = self.added(alice, sftp)
        planned(alice, way="SFTP", destination=place)
        settings.DELIVERY_HOSTS = []
        with pytest.raises(Wrong, match="DELIVERY_HOSTS"):
            self.added(alice, sftp, name="Two")
        settle(Clock(EIGHT))
        assert "may not go" in PlannedRun.objects.get().note
        with pytest.raises(Wrong, match="Remove that first"):
            remove_destination(destination=place, by=alice)
        settings.DELIVERY_HOSTS = ["127.0.0.1"]
        with pytest.raises(Wrong, match="no key of a server"):
            self.added(alice, sftp, name="Three", host_key="ssh-ed25519 nothing")
        with pytest.raises(Wrong, match="no private key"):
            self.added(alice, sftp, name="Three", secret={"key": "nothing"})
        for key in (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAAEBAEBAQ==",
            "ssh-rsa AAAAB3NzaC1yc2EAAAABAwAAAAEB", "x", "ssh-ed25519",
        ):  # fmt: skip
            with pytest.raises(Wrong, match="no key of a server"):
                self.added(alice, sftp, name="Four", host_key=key)

    def test_keep_what_opens_them_encrypted(
        self, alice: Membership, sftp: Sftp, settings: Any
    ) -> None:
        place = self.added(alice, sftp)
        sealed = bytes(Destination.objects.get().sealed or b"")
        assert b"s3cret" not in sealed
        assert json.loads(unseal(sealed, row=place.row)) == PASSWORD
        settings.ENCRYPTION_KEYS = ["n" * 40, *settings.ENCRYPTION_KEYS]
        call_command("rotate-keys")
        settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
        sealed = bytes(Destination.objects.get().sealed or b"")
        assert json.loads(unseal(sealed, row=place.row)) == PASSWORD

    def test_by_their_page(self, alice: Membership, sftp: Sftp) -> None:
        client = Client()
        client.force_login(alice.user)
        form = {
            "name": "Books", "host": "127.0.0.1", "port": str(sftp.port), "username": "books",
            "host_key": sftp.host_key, "folder": "in", **PASSWORD,
        }  # fmt: skip
        for wrong in ({"host": "a b"}, {"password": ""}, {"port": "0"}, {"host": "10.0.0.1"}):
            assert client.post("/reports/servers/", form | wrong).status_code == 422
        assert client.post("/reports/servers/", form).status_code == 302
        page = client.get("/reports/servers/").content.decode()
        assert "Books" in page
        assert "s3cret" not in page
        client.post(f"/reports/servers/{Destination.objects.get().pk}/remove/")
        assert not Destination.objects.exists()


class TestBucket:
    @pytest.fixture
    def bucket(self, settings: Any, alice: Membership) -> Iterator[None]:
        """S3 over HTTP."""
        import boto3
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        how = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **how)
        client.create_bucket(Bucket="reports")
        settings.STORAGES = settings.STORAGES | {
            "reports": {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {
                    "endpoint_url": address, "access_key": "k", "secret_key": "s",
                    "bucket_name": "reports", "region_name": "us-east-1",
                    "addressing_style": "path", "default_acl": None, "file_overwrite": False,
                },
            }
        }  # fmt: skip
        yield
        server.stop()

    def test_keeps_hands_out_sweeps_and_forgets_files(
        self, alice: Membership, bucket: None, tmp_path: Path
    ) -> None:
        planned(alice)
        settle(Clock(EIGHT))
        run = ReportRun.objects.get()
        client = Client()
        client.force_login(alice.user)
        answer: Any = client.get(f"/reports/{run.pk}/file/")
        path = tmp_path / "fetched.csv"
        path.write_bytes(b"".join(answer.streaming_content))
        assert proof.verify(path, run.manifest) == run.rows
        storage = storages["reports"]
        from django.core.files.base import ContentFile

        left = storage.save("7/ab/z.csv", ContentFile(b"half"))
        now = datetime.now(UTC)
        assert sweep_files(now) == 0
        assert sweep_files(now + 2 * DAY) == 1
        assert not storage.exists(left)
        assert storage.exists(run.file)
        assert forget_files(EIGHT + 31 * DAY) == 1
        assert not storage.exists(run.file)


def test_a_bucket_that_may_not_be_used_keeps_the_portal_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.core.exceptions import ImproperlyConfigured

    from portal import settings as own

    monkeypatch.setenv("REPORTS_S3", "https://key:s%2Fcret@s3.example.com:9000/bucket?region=x")
    monkeypatch.setattr(own, "DELIVERY_HOSTS", [])
    with pytest.raises(ImproperlyConfigured, match="DELIVERY_HOSTS"):
        own._reports()
    monkeypatch.setattr(own, "DELIVERY_HOSTS", ["s3.example.com"])
    options = own._reports()["OPTIONS"]
    assert options["endpoint_url"] == "https://s3.example.com:9000"
    assert (options["secret_key"], options["bucket_name"]) == ("s/cret", "bucket")


class TestPages:
    def test_plan_pause_go_on_and_remove(
        self, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = Client()
        client.force_login(alice.user)
        form = {
            "name": "Weekly books", "rhythm": "WEEKLY", "weekday": "0", "day": "1", "hour": "7",
            "zone": "Asia/Riyadh", "patience": "6", "way": "LINK", "form": "xlsx", "marks": "",
        }  # fmt: skip
        assert client.get("/reports/schedules/of/daily-sales/").status_code == 200
        for wrong in (
            {"name": ""}, {"hour": "24"}, {"zone": "Nowhere/X"}, {"rhythm": "YEARLY"},
            {"way": "SFTP"}, {"weekday": "9"},
        ):  # fmt: skip
            answer = client.post("/reports/schedules/of/daily-sales/", form | wrong)
            assert answer.status_code == 422, wrong
        answer = client.post("/reports/schedules/of/daily-sales/", form)
        schedule = Schedule.objects.get()
        assert answer["Location"] == f"/reports/schedules/{schedule.pk}/"
        assert "Weekly books" in client.get("/reports/").content.decode()
        base = f"/reports/schedules/{schedule.pk}/"
        client.post(base + "pause/")
        assert "Paused" in client.get(base).content.decode()
        client.post(base + "resume/")
        schedule.refresh_from_db()
        assert schedule.paused_at is None
        other = add_person(email="o@acme.test", merchant=alice.merchant, role="ADMIN")
        stranger = Client()
        stranger.force_login(other.user)
        for verb, path in (("get", ""), ("post", "pause/"), ("post", "remove/")):
            assert getattr(stranger, verb)(base + path).status_code == 404
        client.post(base + "remove/")
        assert not Schedule.objects.exists()
