"""Lists: columns, order, downloads, saved views, and the branch that a person keeps them to."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from merchants.actions.people import add_person
from merchants.models import Membership, ProviderAccount, SavedView
from merchants.sync import run_sync
from providers.nearpay.sandbox import OTHER_KEY
from settlements.models import Reconciliation
from terminals.models import Terminal, TerminalUser
from tests.conftest import NOON, QUICK, Stage, confirm
from transactions.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def synced(stage: Stage) -> int:
    """The key of an account that was read."""
    made = stage.play(transactions=900, terminals=14).connect(stage.alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    return made.pk


@pytest.fixture
def alice(stage: Stage, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def mallory(stage: Stage, db: None) -> Membership:
    return stage.mallory


@pytest.fixture
def account(synced: int, db: None) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=synced)


@pytest.fixture
def browser(alice: Membership) -> Client:
    return signed_in(alice)


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return confirm(client, member.user)


def headings(answer: Any) -> list[str]:
    text = answer.content.decode()
    head = text[text.index("<thead>") : text.index("</thead>")]
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<th[^>]*>.*?</th>", head)]


def downloaded(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def walked(browser: Client, url: str) -> list[Any]:
    """Every row of a list, page by page."""
    rows: list[Any] = []
    while url:
        page = browser.get(url).context["page"]
        rows += page.rows
        joint = "&" if "?" in url else "?"
        base = re.sub(r"[?&]cursor=[^&]*", "", url)
        joint = "&" if "?" in base else "?"
        url = f"{base}{joint}cursor={page.next}" if page.next else ""
    return rows


class TestColumns:
    def test_those_of_the_address_are_shown_in_the_lists_own_order(
        self, account: Any, browser: Client
    ) -> None:
        usual = headings(browser.get("/transactions/"))
        assert usual == ["Time", "Status", "Amount", "Kind", "Card", "Branch", "Held by", "RRN"]
        chosen = headings(browser.get("/transactions/?columns=stan&columns=approval&columns=kind"))
        assert chosen == ["Time", "Status", "Amount", "Kind", "STAN", "Approval code"]

    def test_one_that_is_unknown_is_none(self, account: Any, browser: Client) -> None:
        assert headings(browser.get("/transactions/?columns=password")) == headings(
            browser.get("/transactions/")
        )

    @pytest.mark.parametrize(
        "url",
        [
            "/transactions/", "/terminals/", "/terminals/people/", "/reconciliations/",
            "/branches/", "/accounts/",
        ],
    )  # fmt: skip
    def test_every_column_can_be_shown_and_has_a_cell_in_every_row(
        self, account: Any, browser: Client, url: str, django_assert_max_num_queries: Any
    ) -> None:
        listing = browser.get(url).context["listing"]
        every = "&".join(f"columns={each.name}" for each in listing.of.columns)
        with django_assert_max_num_queries(12):
            answer = browser.get(f"{url}?{every}")
        text = answer.content.decode()
        body = text[text.index("<tbody>") : text.index("</tbody>")]
        rows = body.split("<tr")[1:]
        assert rows
        assert {row.count("<td") for row in rows} == {len(headings(answer))}


class TestOrder:
    @pytest.mark.parametrize(
        ("sort", "key", "backwards"),
        [
            ("newest", lambda row: (row.occurred_at, row.pk), True),
            ("oldest", lambda row: (row.occurred_at, row.pk), False),
            ("largest", lambda row: (row.amount_minor, row.pk), True),
            ("smallest", lambda row: (row.amount_minor, row.pk), False),
        ],
    )
    def test_every_row_comes_once_and_in_order(
        self, account: Any, browser: Client, sort: str, key: Any, backwards: bool
    ) -> None:
        rows = walked(browser, f"/transactions/?sort={sort}&kind=PURCHASE")
        everything = Transaction.objects.filter(kind="PURCHASE")
        assert [row.pk for row in rows] == [
            row.pk for row in sorted(everything, key=key, reverse=backwards)
        ]
        assert len(rows) > 500

    def test_a_cursor_of_another_order_is_refused(self, account: Any, browser: Client) -> None:
        cursor = browser.get("/transactions/").context["page"].next
        assert browser.get(f"/transactions/?cursor={cursor}").status_code == 200
        assert browser.get(f"/transactions/?sort=largest&cursor={cursor}").status_code == 400

    def test_an_unknown_order_is_the_usual_one(self, account: Any, browser: Client) -> None:
        assert browser.get("/transactions/?sort=password").context["listing"].sort == "newest"


class TestDownload:
    def test_is_exactly_what_is_shown(self, account: Any, browser: Client) -> None:
        query = "status=APPROVED&sort=largest&columns=kind&columns=rrn"
        shown = walked(browser, f"/transactions/?{query}")
        answer = browser.get(f"/transactions/?{query}&download=csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(
            r'attachment; filename="transactions-\d{4}-\d\d-\d\d\.csv"',
            answer["Content-Disposition"],
        )
        head, *rows = downloaded(answer)
        assert head == ["Time", "Status", "Amount", "Currency", "Kind", "RRN"]
        assert len(rows) == len(shown) > 300
        for row, found in zip(rows, shown, strict=True):
            sign = "-" if found.kind == "REFUND" else ""
            amount = f"{sign}{found.amount_minor // 100}.{found.amount_minor % 100:02d}"
            assert datetime.fromisoformat(row[0]) == found.occurred_at.replace(microsecond=0)
            assert row[0].endswith("+03:00")
            assert row[1:] == [
                found.get_status_display(), amount, "SAR", found.get_kind_display(),
                found.rrn or "",
            ]  # fmt: skip

    def test_is_in_the_readers_language(self, account: Any, browser: Client) -> None:
        browser.cookies["language"] = "ar"
        head = downloaded(browser.get("/transactions/?download=csv"))[0]
        assert head[1:3] == ["الحالة", "المبلغ"]

    def test_names_a_branch_and_a_card_as_the_page_does(
        self, account: Any, browser: Client
    ) -> None:
        branch = account.branches.order_by("pk")[0].branch
        assert branch.name_ar
        found = Transaction.objects.filter(branch=branch, scheme="VISA").order_by("pk")[0]
        url = f"/transactions/?ref={found.ref}&branch={branch.pk}&columns=scheme&columns=branch"
        browser.cookies["language"] = "ar"
        assert f"<bdi>{branch.name_ar}</bdi>" in browser.get(url).content.decode()
        _head, row = downloaded(browser.get(f"{url}&download=csv"))
        assert row[-2:] == [f"فيزا ··{found.pan_last4}", branch.name_ar]
        chips = browser.get(url).context["listing"].chips
        assert branch.name_ar in {chip.value for chip in chips}

    @pytest.mark.parametrize(("currency", "text"), [("JPY", "1234567"), ("KWD", "1234.567")])
    def test_a_currency_keeps_its_own_decimals(
        self, account: Any, browser: Client, currency: str, text: str
    ) -> None:
        found = Transaction.objects.filter(kind="PURCHASE").order_by("pk")[0]
        Transaction.objects.filter(pk=found.pk).update(currency=currency, amount_minor=1_234_567)
        rows = downloaded(browser.get(f"/transactions/?ref={found.ref}&download=csv"))
        assert rows[1][2:4] == [text, currency]

    @pytest.mark.parametrize("hostile", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
    def test_no_text_is_taken_for_a_formula(
        self, account: Any, browser: Client, hostile: str
    ) -> None:
        TerminalUser.objects.update(name=hostile)
        rows = downloaded(browser.get("/terminals/people/?download=csv"))
        assert len(rows) > 3
        assert {row[0] for row in rows[1:]} == {"'" + hostile}

    def test_a_filter_that_cannot_be_read_gives_no_file(
        self, account: Any, browser: Client
    ) -> None:
        assert browser.get("/transactions/?day_from=yesterday&download=csv").status_code == 400

    @pytest.mark.parametrize(
        ("url", "model"),
        [
            ("/transactions/", Transaction),
            ("/terminals/", Terminal),
            ("/terminals/people/", TerminalUser),
            ("/reconciliations/", Reconciliation),
        ],
    )
    def test_has_nothing_of_another_merchant(
        self, play: Any, account: Any, mallory: Membership, url: str, model: Any
    ) -> None:
        other = play(transactions=600).connect(mallory.merchant, OTHER_KEY)
        run_sync(other.pk, limits=QUICK)
        rows = downloaded(signed_in(mallory).get(f"{url}?download=csv&columns=ref"))
        own = model.objects.filter(merchant=mallory.merchant)
        assert len(rows) - 1 == own.count() > 0
        assert {row[-1] for row in rows[1:]} == {each.ref or "" for each in own}

    def test_has_only_the_branches_of_its_reader(self, account: Any, alice: Membership) -> None:
        member = add_person(email="b@acme.test", merchant=alice.merchant, role="ACCOUNTANT")
        Membership.objects.filter(pk=member.pk).update(every_branch=False)
        branch = account.branches.order_by("pk")[0].branch
        member.branches.set([branch])
        rows = downloaded(signed_in(member).get("/transactions/?download=csv&columns=branch"))
        assert {row[-1] for row in rows[1:]} == {branch.name}

    def test_asks_the_database_once_however_many_rows(
        self, account: Any, browser: Client, django_assert_max_num_queries: Any
    ) -> None:
        browser.get("/transactions/")  # A session's use is written now and then.
        with django_assert_max_num_queries(9):
            assert len(downloaded(browser.get("/transactions/?download=csv"))) > 500


class TestSavedViews:
    def save(self, client: Client, **given: str) -> Any:
        usual = {"list": "transactions", "name": "Declined", "query": "status=DECLINED"}
        return client.post("/views/", {**usual, "next": "/transactions/", **given})

    def test_one_keeps_filters_columns_and_order(self, account: Any, browser: Client) -> None:
        query = "columns=stan&sort=oldest&status=DECLINED"
        answer = self.save(
            browser, query=f"cursor=x&download=csv&{query}", next="/transactions/?a=b"
        )
        assert (answer.status_code, answer["Location"]) == (302, "/transactions/?a=b")
        assert SavedView.objects.get().query == query
        page = browser.get(f"/transactions/?{query}")
        assert f'<a href="/transactions/?{query.replace("&", "&amp;")}" aria-current="page">' in (
            page.content.decode()
        )

    def test_the_same_name_again_replaces_it(self, account: Any, browser: Client) -> None:
        self.save(browser)
        self.save(browser, query="status=APPROVED")
        assert SavedView.objects.get().query == "status=APPROVED"

    def test_a_personal_one_is_ones_own_and_a_shared_one_the_teams(
        self, account: Any, alice: Membership, browser: Client, mallory: Membership
    ) -> None:
        colleague = signed_in(
            add_person(email="b@acme.test", merchant=alice.merchant, role="SUPPORT")
        )
        self.save(browser, name="Mine")
        self.save(browser, name="Ours", shared="on")
        names = [view.name for view in browser.get("/transactions/").context["views"]]
        assert names == ["Mine", "Ours"]
        assert [v.name for v in colleague.get("/transactions/").context["views"]] == ["Ours"]
        assert not signed_in(mallory).get("/transactions/").context["views"]
        assert not browser.get("/terminals/").context["views"]
        mine, ours = SavedView.objects.order_by("name")
        for view in (mine, ours):
            assert colleague.post(f"/views/{view.pk}/remove/").status_code == 404
        assert SavedView.objects.count() == 2
        assert browser.post(f"/views/{mine.pk}/remove/").status_code == 302
        assert list(SavedView.objects.all()) == [ours]

    def test_a_manager_may_remove_what_a_colleague_shares(
        self, account: Any, alice: Membership, browser: Client
    ) -> None:
        colleague = add_person(email="b@acme.test", merchant=alice.merchant, role="SUPPORT")
        self.save(signed_in(colleague), name="Private")
        self.save(signed_in(colleague), name="Theirs", shared="on")
        private, theirs = SavedView.objects.order_by("name")
        assert browser.post(f"/views/{private.pk}/remove/").status_code == 404
        assert browser.post(f"/views/{theirs.pk}/remove/").status_code == 302

    @pytest.mark.parametrize(
        "given",
        [
            {"name": ""}, {"name": "  "}, {"name": "x" * 61}, {"list": "passwords"},
            {"query": "rrn=" + "1" * 2000},
        ],
    )  # fmt: skip
    def test_what_cannot_be_kept_is_refused_in_words(
        self, account: Any, browser: Client, given: Any
    ) -> None:
        self.save(browser, **given)
        assert not SavedView.objects.exists()
        assert "notice bad" in browser.get("/transactions/").content.decode()

    def test_a_hostile_one_is_shown_as_text_and_leads_nowhere_else(
        self, account: Any, browser: Client
    ) -> None:
        self.save(browser, name="<script>alert(1)</script>", query='"><script>=1&status=X"><b')
        text = browser.get("/transactions/").content.decode()
        assert "<script>alert" not in text
        assert 'X"><b' not in text
        away = self.save(browser, next="https://evil.example/")
        assert away["Location"] == "/"

    def test_there_are_only_so_many(self, account: Any, browser: Client) -> None:
        for number in range(31):
            self.save(browser, name=f"View {number}")
        assert SavedView.objects.count() == 30


class TestOneBranch:
    def choose(self, client: Client, branch: Any) -> Any:
        return client.post("/branch/", {"branch": branch, "next": "/transactions/"})

    def test_keeps_lists_and_home_until_another_is_chosen(
        self, account: Any, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        whole = browser.get("/").context["months"]
        branch = account.branches.order_by("pk")[0].branch
        assert self.choose(browser, branch.pk)["Location"] == "/transactions/"
        for url in ("/transactions/", "/terminals/", "/reconciliations/"):
            rows = browser.get(url).context["page"].rows
            assert {row.branch_id for row in rows} == {branch.pk}, url
        holders = {t.terminal_user_id for t in Terminal.objects.filter(branch=branch)}
        people = browser.get("/terminals/people/").context["page"].rows
        assert {row.pk for row in people} == holders - {None}
        kept = browser.get("/").context
        rows = Transaction.objects.filter(branch=branch, kind="PURCHASE", status="APPROVED")
        assert sum(each.minor for each in kept["months"]) == sum(
            row.captured_minor or 0 for row in rows
        )
        assert kept["today"].sales_minor == sum(each.now_minor or 0 for each in kept["hours"])
        self.choose(browser, "")
        assert browser.get("/").context["months"] == whole

    def test_an_address_that_names_a_place_is_answered_for_it(
        self, account: Any, browser: Client
    ) -> None:
        here, there = (each.branch for each in account.branches.order_by("pk")[:2])
        self.choose(browser, here.pk)
        rows = browser.get(f"/transactions/?branch={there.pk}").context["page"].rows
        assert {row.branch_id for row in rows} == {there.pk}
        away = Transaction.objects.filter(branch=there).order_by("pk")[0]
        assert browser.get(f"/transactions/{away.pk}/").status_code == 200

    @pytest.mark.parametrize("asked", ["0", "x", "99999999999999999999", "²"])
    def test_what_is_no_branch_is_none(self, account: Any, browser: Client, asked: str) -> None:
        assert self.choose(browser, asked).status_code == 404

    def test_one_of_another_merchant_or_out_of_reach_cannot_be_chosen(
        self, account: Any, alice: Membership, mallory: Membership
    ) -> None:
        mine, other = (each.branch for each in account.branches.order_by("pk")[:2])
        assert self.choose(signed_in(mallory), mine.pk).status_code == 404
        member = add_person(email="b@acme.test", merchant=alice.merchant, role="SUPPORT")
        Membership.objects.filter(pk=member.pk).update(every_branch=False)
        member.branches.set([mine])
        client = signed_in(member)
        assert self.choose(client, other.pk).status_code == 404
        assert self.choose(client, mine.pk).status_code == 302
        # Taken away meanwhile: nothing of it is seen any more.
        member.branches.set([other])
        rows = client.get("/transactions/").context["page"].rows
        assert {row.branch_id for row in rows} == {other.pk}

    def test_the_api_knows_nothing_of_it(
        self, account: Any, browser: Client, alice: Membership, token: Any
    ) -> None:
        self.choose(browser, account.branches.order_by("pk")[0].branch_id)
        found = Client(headers=token(alice)).get("/api/v1/transactions/?page_size=500").json()
        assert len({each["branch"]["id"] for each in found["results"]}) > 1


def test_a_form_whose_fields_are_left_empty_filters_by_the_others(
    account: Any, browser: Client
) -> None:
    text = browser.get("/transactions/").content.decode()
    form = text[text.index('class="filters"') :]
    names = re.findall(r'name="(\w+)"', form[: form.index("</form>")])
    assert {"status", "kind", "scheme", "day_from", "rrn"} <= set(names)
    query = "&".join(f"{name}={'DECLINED' if name == 'status' else ''}" for name in names)
    answer = browser.get(f"/transactions/?{query}")
    assert "cannot be read" not in answer.content.decode()
    rows = Transaction.objects.filter(status="DECLINED").order_by("-occurred_at", "-pk")[:50]
    assert answer.context["page"].rows == list(rows) != []


class TestChips:
    def test_each_set_filter_is_said_in_words_and_can_be_taken_away(
        self, account: Any, browser: Client
    ) -> None:
        branch = account.branches.order_by("pk")[0].branch
        url = f"/transactions/?status=DECLINED&branch={branch.pk}&day_from=2026-11-01&sort=oldest"
        chips = browser.get(url).context["listing"].chips
        assert {(chip.label, chip.value) for chip in chips} == {
            ("Status", "Declined"), ("Branch", branch.name), ("From day", "2026-11-01"),
        }  # fmt: skip
        without = next(chip.without for chip in chips if chip.label == "Status")
        assert sorted(without.split("&")) == sorted(
            [f"branch={branch.pk}", "day_from=2026-11-01", "sort=oldest"]
        )

    def test_a_form_loses_no_filter_that_it_does_not_show(
        self, account: Any, browser: Client
    ) -> None:
        text = browser.get("/transactions/?terminal=7&currency=SAR&sort=oldest").content.decode()
        form = text[
            text.index('class="filters"') : text.index("</form>", text.index('class="filters"'))
        ]
        for pair in ('name="terminal" value="7"', 'name="currency" value="SAR"', 'name="sort"'):
            assert pair in form


def test_dates_of_a_download_are_those_of_the_branch(account: Any, browser: Client) -> None:
    """A moment just after midnight in Riyadh is of the next day there."""
    found = Transaction.objects.order_by("pk")[0]
    Transaction.objects.filter(pk=found.pk).update(
        occurred_at=datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
    )
    rows = downloaded(browser.get(f"/transactions/?ref={found.ref}&download=csv"))
    assert rows[1][0] == "2026-11-21T00:30:00+03:00"


class TestFoot:
    def test_says_which_rows_of_how_many_it_shows(self, account: Any, browser: Client) -> None:
        every = Transaction.objects.count()
        assert 850 < every < 1000
        listing = browser.get("/transactions/").context["listing"]
        assert listing.range == f"1–50 of {every}"
        second = browser.get(f"/transactions/?cursor={listing.page.next}").context["listing"]
        assert second.range == f"51–100 of {every}"
        back = browser.get(f"/transactions/?cursor={second.page.previous}").context["listing"]
        assert back.range == f"1–50 of {every}"
        few = browser.get("/branches/").context["listing"]
        assert few.range == f"{len(few.page.rows)} rows"

    def test_counts_no_further_than_a_thousand(
        self, account: Any, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("portal.lists.MOST_COUNTED", 100)
        listing = browser.get("/transactions/").context["listing"]
        assert listing.range == "1–50 of more than 100"
        while listing.page.next:
            url = f"/transactions/?cursor={listing.page.next}"
            listing = browser.get(url).context["listing"]
            assert str(listing.page.first - 1 + len(listing.page.rows)) in listing.range

    def test_a_printed_sheet_says_what_it_is(self, account: Any, browser: Client) -> None:
        text = browser.get("/transactions/?status=APPROVED&kind=PURCHASE").content.decode()
        foot = re.findall(r'<tfoot class="on-paper">(.*?)</tfoot>', text, re.S)[0]
        said = re.sub("<[^>]+>", "", foot)
        assert said.startswith("Transactions · Kind: Purchase; Status: Approved · Asia/Riyadh · ")
        assert "NearPay complete to 20" in said


class TestPeek:
    def test_shows_what_the_row_does_not(self, account: Any, browser: Client) -> None:
        found = Transaction.objects.filter(status="APPROVED").order_by("-pk")[0]
        text = browser.get(f"/transactions/{found.pk}/?peek").content.decode()
        assert "<html" not in text
        for shown in (found.approval_code, found.rrn, found.terminal and found.terminal.tid):
            assert str(shown) in text

    def test_is_nobody_elses(self, account: Any, mallory: Membership) -> None:
        found = Transaction.objects.order_by("-pk")[0]
        answer = signed_in(mallory).get(f"/transactions/{found.pk}/?peek")
        assert answer.status_code == 404


class TestAccounts:
    def test_are_narrowed_ordered_and_downloaded_like_any_list(
        self, play: Any, account: ProviderAccount, alice: Membership, browser: Client
    ) -> None:
        other = play().connect(alice.merchant, OTHER_KEY)
        ProviderAccount.objects.filter(pk=other.pk).update(name="Zulu", state="PAUSED")
        page = browser.get("/accounts/?state=PAUSED").context["page"]
        assert [each.name for each in page.rows] == ["Zulu"]
        names = [
            each.name for each in browser.get("/accounts/?sort=name-last").context["page"].rows
        ]
        assert names == ["Zulu", account.name]
        head, row = downloaded(browser.get("/accounts/?state=PAUSED&columns=provider&download=csv"))
        assert head == ["Name", "Provider", "Complete to"]
        assert row == ["Zulu", "NearPay", ""]

    def test_say_how_complete_each_is(self, account: ProviderAccount, browser: Client) -> None:
        account.gaps.create(resource="transactions", since=None, until=NOON)
        (found,) = browser.get("/accounts/").context["page"].rows
        assert found.gaps_found == 1
        assert found.complete_to is not None
