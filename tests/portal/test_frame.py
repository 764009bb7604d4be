"""What stands around every page and command: refusals, logs, and the embedded parts."""

import fcntl
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.db import OperationalError
from django.test import Client, RequestFactory

from merchants.sync import run_sync
from portal import embedded, pages
from portal.logs import OneLine

PROBLEM = "application/problem+json"


class TestDemo:
    @pytest.mark.parametrize(
        ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.1.2.3", 403)]
    )
    def test_answers_its_own_machine_alone(self, settings: Any, address: str, status: int) -> None:
        settings.DEMO = True
        assert Client(REMOTE_ADDR=address).get("/alive/").status_code == status

    def test_a_portal_that_is_no_demo_answers_everyone(self, settings: Any) -> None:
        settings.DEMO = False
        assert Client(REMOTE_ADDR="10.1.2.3").get("/alive/").status_code == 200

    def test_is_found_only_while_it_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "FOLDER", tmp_path)
        with pytest.raises(FileNotFoundError):
            embedded.demo_file()
        with (tmp_path / "up.lock").open("w") as lock:
            with pytest.raises(FileNotFoundError):
                embedded.demo_file()
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert embedded.demo_file() == tmp_path / "demo.env"


class TestRefusals:
    def test_an_unknown_host_is_refused_in_the_form_that_was_asked_for(self) -> None:
        client = Client(HTTP_HOST="evil.example")
        api, page = client.get("/api/v1/transactions/"), client.get("/transactions/")
        assert (api.status_code, api["Content-Type"]) == (400, PROBLEM)
        assert api.json()["title"] == "The request is not right"
        assert (page.status_code, page["Content-Type"]) == (400, "text/plain")
        assert b"evil" not in api.content + page.content

    def test_what_a_view_cannot_read_is_a_page_in_words(self, db: None, alice: Any) -> None:
        client = Client()
        client.force_login(alice.user)
        for path in ("/transactions/", "/terminals/", "/reconciliations/"):
            answer = client.get(path, {"cursor": "forged"})
            assert answer.status_code == 400
            assert "cannot be read" in answer.content.decode()

    def test_a_failure_of_the_portal_is_said_in_the_form_that_was_asked_for(self) -> None:
        api = pages.failed(RequestFactory().get("/api/v1/transactions/"))
        page = pages.failed(RequestFactory().get("/transactions/"))
        assert (api.status_code, api["Content-Type"]) == (500, PROBLEM)
        assert page.status_code == 500
        assert "The portal failed" in page.content.decode()

    def test_the_reason_of_a_bad_request_is_no_page_for_the_api(self) -> None:
        answer = pages.not_right(RequestFactory().get("/api/v1/x/"), BadRequest("x"))
        assert answer["Content-Type"] == PROBLEM


class TestAway:
    def test_maintenance_is_said_in_the_form_and_language_that_was_asked_for(
        self, settings: Any
    ) -> None:
        settings.MAINTENANCE = True
        client = Client()
        for language, words in (("en", "being maintained"), ("ar", "صيانة")):
            client.cookies["language"] = language
            page = client.get("/transactions/?status=DECLINED")
            assert (page.status_code, page["Retry-After"]) == (503, "60")
            assert words in page.content.decode()
            assert f'<html lang="{language}"' in page.content.decode()
            assert 'href="/transactions/?status=DECLINED"' in page.content.decode()
        api = client.get("/api/v1/transactions/")
        assert (api.status_code, api["Content-Type"]) == (503, PROBLEM)
        assert client.get("/alive/").status_code == 200

    def test_a_database_that_is_away_is_said_so(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(*_given: Any) -> None:
            raise OperationalError("connection refused: secret host")

        monkeypatch.setattr("merchants.middleware.memberships_of", gone)
        monkeypatch.setattr("portal.pages._theme", gone)
        client = Client(raise_request_exception=False)
        page = client.get("/sign-in/")
        assert (page.status_code, page["Retry-After"]) == (503, "60")
        assert "The database does not answer" in page.content.decode()
        assert "secret host" not in page.content.decode()


def test_a_fragment_of_a_lost_session_is_no_sign_in_page(db: None) -> None:
    plain = Client().get("/transactions/")
    assert (plain.status_code, plain["Location"]) == (302, "/sign-in/?next=/transactions/")
    fragment = Client().get("/transactions/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.content) == (401, b"")


class TestFilters:
    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("path", "query"),
        [
            ("/transactions/", "day_from=31-31-2026"),
            ("/transactions/", "status=NEVER"),
            ("/terminals/", "branch=x"),
            ("/reconciliations/", "day_to=yesterday"),
        ],
    )
    def test_one_that_cannot_be_read_is_named_and_shows_no_rows(
        self, path: str, query: str, play: Any, alice: Any
    ) -> None:
        run_sync(play(transactions=300).connect(alice.merchant).pk)
        client = Client()
        client.force_login(alice.user)
        assert client.get(path).context["page"].rows
        answer = client.get(f"{path}?{query}")
        assert answer.context["page"].rows == []
        assert f"“{query.split('=')[0]}”" in answer.content.decode()


class TestLogs:
    def record(self, message: str, problem: BaseException | None = None) -> str:
        trace = (type(problem), problem, problem.__traceback__) if problem else None
        return OneLine().format(
            logging.LogRecord("portal", logging.ERROR, __file__, 1, message, None, trace)
        )

    def test_a_message_cannot_forge_a_second_line(self) -> None:
        assert "\n" not in self.record("a\r\n2026-11-21 INFO root all is well")

    def test_a_trace_keeps_its_lines_and_no_values_of_a_row(self) -> None:
        problem = ValueError(
            "duplicate key value\nDETAIL:  Key (pan)=(5069681234564655) already exists.\n"
            "CONTEXT:  COPY incoming, line 1"
        )
        shown = self.record("it failed", problem)
        first, *rest = shown.split("\n")
        assert first.endswith("it failed")
        assert all(line.startswith("  | ") for line in rest)
        assert "duplicate key value" in shown
        assert "5069681234564655" not in shown
        assert "COPY" not in shown


class TestEmbedded:
    def test_a_process_id_that_is_left_behind_is_not_believed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "FOLDER", tmp_path)
        servers = embedded.Servers()
        servers.cluster.mkdir()
        (servers.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{servers.cluster}\n")
        assert not servers.database_runs()
        assert not servers.broker_runs()

    def test_a_long_path_gets_a_short_folder_for_its_sockets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded, "FOLDER", tmp_path / ("x" * 90))
        folder = embedded.socket_folder()
        assert len(str(folder)) <= embedded.LONGEST_SOCKET_FOLDER
        monkeypatch.setattr(embedded, "FOLDER", tmp_path / ("x" * 89 + "y"))
        assert embedded.socket_folder() != folder
