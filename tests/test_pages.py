"""The pages: few queries, flat in rows, in both languages, and usable without JavaScript."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override

from merchants.actions.drift import Said, note_drift
from merchants.forms import DEMO_PASSWORD
from merchants.models import Drift, Membership, Operation, ProviderAccount, SyncRun
from merchants.sync import run_sync
from portal.templatetags.show import money
from reports.models import Layout, ReportRun, Schedule
from settlements.models import Document, Reconciliation
from terminals.actions import draft_upload, unassign_terminal
from terminals.models import BulkChange, Terminal, TerminalUser
from tests.conftest import NOON, QUICK, Played, Stage, confirm
from tests.plans import arrange
from tests.refunds import refund_for_two
from transactions.actions import issue_receipt, share_receipt
from transactions.genuine import code_of
from transactions.models import Session, Transaction

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture(scope="module")
def nearpay(stage: Stage) -> Played:
    return stage.play(transactions=1500, terminals=14)


@pytest.fixture(scope="module")
def synced(stage: Stage, nearpay: Played) -> int:
    """The key of an account that was read."""
    made = nearpay.connect(stage.alice.merchant)
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
def browser(alice: Any) -> Client:
    client = Client()
    client.force_login(alice.user)
    return confirm(client, alice.user)


def furnish(account: ProviderAccount) -> None:
    """A difference, something asked, and a change of many, where there are none yet."""
    if BulkChange.objects.filter(merchant=account.merchant).exists():
        return
    by = account.merchant.memberships.order_by("pk")[0]
    own = Terminal.objects.filter(account=account).exclude(ref=None)
    terminal = own.exclude(terminal_user=None).order_by("pk")[0]
    said = Said("terminal", terminal.pk, "HOLDER", terminal.terminal_user_id, None)
    note_drift(account, [said], NOON)
    unassign_terminal(terminal=terminal, by=by, key="asked", at=NOON)
    rows = [[terminal.tid, "Huda", "+966551112233"], ["1", "Huda", "+966551112233"]]
    header = ["tid", "name", "mobile"]
    sold = Transaction.objects.filter(account=account).order_by("pk")[0]
    share_receipt(found=sold, by=by, days=7, at=NOON)
    draft_upload(title="people.csv", header=header, rows=rows, by=by, key="f", at=NOON)
    # A provider's strange words may leave no sale to give back.
    Transaction.objects.filter(pk=sold.pk).update(
        kind="PURCHASE", status="APPROVED", refunded="NONE", refunded_minor=0,
        amount_minor=5000, captured_minor=5000,
    )  # fmt: skip
    refund_for_two(by=by, at=NOON)
    arrange(by=by, at=NOON)
    ReportRun.objects.create(
        merchant=account.merchant, member=by, report="daily-sales", form="csv", state="DONE",
        wish={"since": "2026-11-01", "until": "2026-12-01"}, asked_at=NOON, finished_at=NOON,
        rows=2, file="none/daily-sales.csv", digest="ab" * 32, size=100,
        manifest={
            "made_by": "Alice", "clocks": [{"zone": "Asia/Riyadh", "day_begins": "04:00"}],
            "providers": [{"account": "Till", "complete_to": None, "gaps": []}],
            "totals": [{"currency": "SAR", "rows": 2, "sales_count": 3, "sales_minor": 1455}],
        },
    )  # fmt: skip


def urls(account: ProviderAccount) -> dict[str, str]:
    """The address of every page, by a name for it."""
    furnish(account)
    bulk = BulkChange.objects.filter(merchant=account.merchant).order_by("pk")[0]

    def first(model: Any) -> int:
        return int(model.objects.filter(account=account).order_by("-pk")[0].pk)

    sold = Transaction.objects.filter(account=account).order_by("pk")[0]
    issued = issue_receipt(found=sold, at=NOON)
    assert issued is not None
    return {
        "home": "/",
        "branches": "/branches/",
        "branch": f"/branches/{account.branches.order_by('pk')[0].branch_id}/",
        "branch day": f"/branches/{account.branches.order_by('pk')[0].branch_id}/day/",
        "terminals": "/terminals/",
        "terminal": f"/terminals/{first(Terminal)}/",
        "holders": f"/terminals/{first(Terminal)}/holders/",
        "operations": "/terminals/operations/",
        "operation": f"/terminals/operations/{first(Operation)}/",
        "differences": "/terminals/differences/",
        "difference": f"/terminals/differences/{first(Drift)}/",
        "timeline": f"/terminals/{first(Terminal)}/timeline/",
        "alert choices": "/notices/choices/",
        "words": f"/terminals/{first(Terminal)}/words/",
        "many": "/terminals/many/",
        "choose": "/terminals/many/choose/",
        "bulk change": f"/terminals/many/{bulk.pk}/",
        "new terminal": "/terminals/new/",
        "new branch": "/terminals/new-branch/",
        "add terminals": "/terminals/add/",
        "join": f"/branches/{account.branches.order_by('pk')[0].branch_id}/join/",
        "payments desk": "/transactions/desk/",
        "payment": f"/transactions/{sold.pk}/payment/",
        "till": f"/transactions/desk/{first(Terminal)}/",
        "lost payment": "/transactions/desk/lost/",
        "people": "/terminals/people/",
        "person": f"/terminals/people/{first(TerminalUser)}/",
        "notices": "/notices/",
        "transactions": "/transactions/",
        "slip": f"/transactions/{first(Transaction)}/slip/",
        "transaction": f"/transactions/{first(Transaction)}/",
        "sessions": "/transactions/sessions/",
        "session": f"/transactions/sessions/{first(Session)}/",
        "ask": f"/transactions/sessions/of/{first(Terminal)}/",
        "refund": f"/transactions/{first(Transaction)}/refund/",
        "elsewhere": f"/transactions/{first(Transaction)}/at-provider/",
        "reports": "/reports/",
        "new layout": "/reports/layouts/of/transactions/",
        "layout": f"/reports/layouts/{Layout.objects.order_by('pk')[0].pk}/",
        "new schedule": "/reports/schedules/of/transactions/",
        "schedule": f"/reports/schedules/{Schedule.objects.order_by('pk')[0].pk}/",
        "servers": "/reports/servers/",
        "journal": "/reports/journal/",
        "changes": "/reports/changes/",
        "closing": "/reconciliations/closing/?month=2026-11",
        "month": f"/reconciliations/closing/{Document.objects.order_by('pk')[0].branch_id}/"
        "?month=2026-11",
        "new report": "/reports/new/transactions/",
        "report": f"/reports/{ReportRun.objects.order_by('pk')[0].pk}/",
        "limits": "/transactions/refunds/limits/",
        "second": f"/transactions/refunds/{Operation.objects.get(needs_second=True).pk}/",
        "share": f"/transactions/{Transaction.objects.order_by('pk')[0].pk}/share/",
        "withdraw": f"/transactions/{first(Transaction)}/withdraw/",
        "notes": f"/transactions/{first(Transaction)}/note/",
        "genuine": f"/genuine/{code_of(issued)}/",
        "check": f"/genuine/of/{account.merchant.slug}/",
        "reconciliations": "/reconciliations/",
        "reconciliation": f"/reconciliations/{first(Reconciliation)}/",
        "accounts": "/accounts/",
        "account": f"/accounts/{account.pk}/",
        "progress": f"/accounts/{account.pk}/progress/",
        "connect": "/accounts/connect/nearpay/",
        "edit": f"/accounts/{account.pk}/edit/",
        "remove": f"/accounts/{account.pk}/remove/",
        "erase": f"/terminals/people/{first(TerminalUser)}/erase/",
        "assign": f"/terminals/{first(Terminal)}/assign/",
        "keeping": "/team/personal-data/",
        "team": "/team/",
        "invite": "/team/invite/",
        "member": f"/team/{account.merchant.memberships.order_by('pk')[0].pk}/",
        "role": "/team/roles/new/",
        "trail": "/trail/",
        "keys": "/keys/",
        "own": "/second-factor/",
        "app": "/second-factor/totp/activate/",
        "passkey": "/second-factor/webauthn/add/",
        "password": "/password/",
    }


class TestQueries:
    def test_every_page_asks_at_most_twelve_and_no_more_with_more_rows(
        self,
        nearpay: Played,
        account: ProviderAccount,
        browser: Client,
        django_assert_max_num_queries: Any,
    ) -> None:
        few: dict[str, int] = {}
        Transaction.objects.filter(
            pk__in=list(Transaction.objects.order_by("pk").values_list("pk", flat=True)[60:])
        ).delete()
        # That a session is used is written now and then, whatever the page.
        browser.get("/")
        for name, url in urls(account).items():
            with django_assert_max_num_queries(MOST_QUERIES, info=name) as asked:
                assert browser.get(url).status_code == 200
            few[name] = len(asked.captured_queries)
        run_sync(account.pk, limits=QUICK)
        ProviderAccount.objects.update(next_deep_at=SyncRun.objects.order_by("pk")[0].started_at)
        run_sync(account.pk, limits=QUICK)
        assert Transaction.objects.count() > 1000
        for name, url in urls(account).items():
            with django_assert_max_num_queries(MOST_QUERIES, info=name) as asked:
                browser.get(url)
            assert len(asked.captured_queries) <= few[name], name


class TestLanguages:
    @pytest.mark.parametrize(
        ("language", "direction"), [("en", "ltr"), ("ar", "rtl"), ("da", "ltr")]
    )
    def test_every_page_is_wholly_in_one(
        self, account: ProviderAccount, browser: Client, language: str, direction: str
    ) -> None:
        browser.cookies["language"] = language
        for name, url in urls(account).items():
            text = browser.get(url).content.decode()
            assert f'<html lang="{language}" dir="{direction}">' in text or name == "progress", name
            if language == "ar":
                assert "المو" in text or "الت" in text, name
            if language == "da" and "<nav" in text:
                assert "Forside" in text, name

    def test_amounts_are_written_as_each_reads_them(self) -> None:
        told = {"en": "1,234<i>.50</i>", "ar": "1,234<i>.50</i>", "da": "1.234<i>,50</i>"}
        for language, digits in told.items():
            with override(language):
                assert digits in money(123450, "DKK")
        with override("da"):
            assert money(123450, "DKK").endswith('<span class="unit">kr.</span>')

    def test_a_choice_is_remembered_and_leads_back(self, browser: Client) -> None:
        answer = browser.post("/language/", {"language": "ar", "next": "/terminals/?branch=1"})
        assert answer["Location"] == "/terminals/?branch=1"
        assert browser.cookies["language"].value == "ar"
        away = browser.post("/language/", {"language": "en", "next": "https://evil.example/"})
        assert away["Location"] == "/"

    def test_amounts_and_identifiers_are_isolated(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        browser.cookies["language"] = "ar"
        text = browser.get("/transactions/").content.decode()
        assert re.search(
            r'<bdi dir="ltr" class="money">[\d,]+<i>\.\d\d</i></bdi> <span class="unit">ر\.س<',
            text,
        )


class TestThemes:
    def test_a_choice_is_remembered_and_goes_round(self, db: None) -> None:
        client = Client()
        assert "data-theme" not in client.get("/sign-in/").content.decode()
        for theme in ("light", "dark", "auto", "light"):
            page = client.get("/sign-in/")
            assert page.context["theme"]["next"] == theme
            answer = client.post("/theme/", {"theme": theme, "next": "/sign-in/"})
            assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
        assert 'data-theme="light"' in client.get("/sign-in/").content.decode()

    def test_what_is_no_theme_changes_nothing_and_leads_nowhere_else(self, db: None) -> None:
        answer = Client().post("/theme/", {"theme": "neon", "next": "https://evil.example/"})
        assert answer["Location"] == "/"
        assert not answer.cookies


class TestTransactions:
    def test_are_paged_by_key_and_the_address_keeps_the_filter(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        first = browser.get("/transactions/?status=APPROVED")
        rows = first.context["page"].rows
        assert len(rows) == 50
        assert {row.status for row in rows} == {"APPROVED"}
        link = re.search(r'href="(\?[^"]*cursor=[^"]*)"', first.content.decode())
        assert link is not None
        assert "status=APPROVED" in link[1]
        second = browser.get("/transactions/" + link[1].replace("&amp;", "&"))
        assert not {row.pk for row in rows} & {row.pk for row in second.context["page"].rows}

    def test_a_forged_cursor_is_refused_in_words(self, browser: Client, account: Any) -> None:
        assert browser.get("/transactions/?cursor=forged").status_code == 400

    def test_freshness_is_said_on_one_clock_everywhere(
        self, account: ProviderAccount, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        local = "12:00"
        for url in ("/", "/transactions/"):
            text = browser.get(url).content.decode()
            fresh = text[text.index('class="fresh"') :][:600]
            assert f">{local}</bdi>" in fresh, url

    def test_htmx_gets_the_fragment(self, account: ProviderAccount, browser: Client) -> None:
        answer = browser.get("/transactions/", headers={"HX-Request": "true"})
        assert "<html" not in answer.content.decode()
        assert 'id="rows"' in answer.content.decode()
        assert "HX-Request" in answer["Vary"]

    def test_a_declined_one_says_why_and_what_to_do(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        found = Transaction.objects.filter(status="DECLINED", action_code="116").order_by("pk")[0]
        text = browser.get(f"/transactions/{found.pk}/").content.decode()
        assert "Not enough money" in text
        assert "Ask for another card or a smaller amount." in text
        browser.cookies["language"] = "ar"
        assert "الرصيد غير كافٍ" in browser.get(f"/transactions/{found.pk}/").content.decode()

    def test_no_page_is_kept_by_a_cache(self, account: ProviderAccount, browser: Client) -> None:
        for url in urls(account).values():
            assert "no-store" in browser.get(url)["Cache-Control"]

    def test_every_page_has_a_strict_policy_and_no_inline_code(
        self, account: Any, browser: Client
    ) -> None:
        for url in urls(account).values():
            answer = browser.get(url)
            assert "unsafe" not in answer["Content-Security-Policy"]
            assert " style=" not in answer.content.decode()
            # Data for a chart is no code, and is run by nothing.
            runs = r"\son\w+=|<script(?![^>]*(?:src=|type=\"application/json\"))"
            assert not re.search(runs, answer.content.decode())

    @pytest.mark.parametrize(
        "hostile",
        [
            "<script>alert(1)</script>",
            "'\"><img src=x onerror=alert(1)>",
            "{{ 7*7 }}",
            "\u202egnp.exe",
        ],
    )
    def test_a_hostile_name_is_shown_as_text(
        self, account: ProviderAccount, browser: Client, hostile: str
    ) -> None:
        Terminal.objects.update(name=hostile)
        account.branches.all()[0].branch.__class__.objects.update(name=hostile, name_ar=hostile)
        for url in urls(account).values():
            text = browser.get(url).content.decode()
            assert "<script>alert" not in text
            assert "<img src=x" not in text


def figures(html: str) -> list[tuple[str, bool, int]]:
    """Every link from the home page to transactions: its address, and the figure it stands for.

    An amount is in minor units; what is not an amount is a number of rows.
    """
    link = re.compile(r'<a[^>]*href="(/transactions/\?[^"]*)"[^>]*>(.*?)</a>', re.S)
    found = []
    for block in re.findall(r"<tr>.*?</tr>|<a href.*?</a>", html, re.S):
        numbers = re.findall(r'<td class="num">(.*?)</td>', block, re.S)
        kpi = re.findall(r'<span class="kpi">(.*?)</span>\s*<span class="sub">', block, re.S)
        for url, inside in link.findall(block):
            own = [each for each in numbers if url in each] or kpi or numbers or [inside]
            shown = re.sub("<[^>]+>", "", own[0])
            if "%" not in shown:
                digits = re.sub(r"\D", "", shown)
                found.append((url.replace("&amp;", "&"), 'class="money"' in own[0], int(digits)))
    return found


class TestHome:
    def test_every_part_adds_up_to_the_same_figure(
        self, account: ProviderAccount, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        shown = browser.get("/").context
        sales = shown["today"].sales_minor
        assert sales > 0
        assert sum(each.now_minor or 0 for each in shown["hours"]) == sales
        assert sum(share.totals.sales_minor for share, *_ in shown["schemes"]) == sales
        assert sum(share.totals.sales_minor for share, *_ in shown["by_branch"]) == sales
        assert sum(share.totals.sales_minor for share, _ in shown["providers"]) == sales
        assert shown["days"][-1].minor == sales
        assert sum(each.declined for each, _ in shown["declines"]) == shown["today"].declined

    def test_last_week_is_counted_up_to_the_same_time(
        self, account: ProviderAccount, browser: Client, monkeypatch: Any
    ) -> None:
        moment = NOON.replace(minute=25)
        monkeypatch.setattr("reports.views.now", lambda: moment)
        shown = browser.get("/").context
        rows = Transaction.objects.filter(
            kind="PURCHASE", status="APPROVED", business_day=shown["before_day"],
            occurred_at__lte=moment - timedelta(days=7),
        )  # fmt: skip
        assert rows.exists()
        assert shown["before"].sales == rows.count()
        assert shown["before"].sales_minor == sum(row.captured_minor or 0 for row in rows)

    def test_a_branch_is_all_that_its_member_sees_added_up(
        self, account: ProviderAccount, alice: Any, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        whole = browser.get("/").context["months"]
        branch = account.branches.order_by("pk")[0].branch
        alice.every_branch = False
        alice.save()
        alice.branches.set([branch])
        own = browser.get("/").context
        rows = Transaction.objects.filter(branch=branch, kind="PURCHASE", status="APPROVED")
        kept = sum(row.captured_minor or 0 for row in rows)
        assert sum(each.minor for each in own["months"]) == kept
        assert 0 < kept < sum(each.minor for each in whole)
        assert {share.key for share, *_ in own["by_branch"]} <= {branch.pk}

    def test_a_terminal_that_is_silent_or_held_by_nobody_is_named(
        self, account: ProviderAccount, browser: Client, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        Terminal.objects.update(connected=True, last_seen_at=NOON)
        quiet, free, *_ = Terminal.objects.exclude(terminal_user=None).order_by("pk")
        Terminal.objects.filter(pk=quiet.pk).update(last_seen_at=NOON - timedelta(hours=30))
        Terminal.objects.filter(pk=free.pk).update(terminal_user=None)
        shown = {each["icon"]: each for each in browser.get("/").context["attention"]}
        assert [each.pk for each in shown["clock"]["terminals"]] == [quiet.pk]
        assert free.pk in [each.pk for each in shown["person"]["terminals"]]
        assert "plug" not in shown


class TestSigningIn:
    def test_with_email_and_password(self, alice: Any) -> None:
        alice.user.set_password("a long enough one 7")
        alice.user.save()
        client = Client()
        assert client.get("/").status_code == 302
        answer = client.post(
            "/sign-in/", {"login": "ALICE@acme.test", "password": "a long enough one 7"}
        )
        assert answer["Location"] == "/"
        assert client.get("/").status_code == 200

    def test_an_unknown_person_and_a_wrong_password_read_alike(self, alice: Any) -> None:
        texts = []
        for email in ("alice@acme.test", "nobody@acme.test"):
            answer = Client().post("/sign-in/", {"login": email, "password": "wrong"})
            texts.append(re.sub(r'value="[^"]*"', "", answer.content.decode()))
        assert texts[0] == texts[1]

    def test_the_published_password_opens_nothing_outside_the_demo(
        self, alice: Any, settings: Any
    ) -> None:
        alice.user.set_password(DEMO_PASSWORD)
        alice.user.save()
        form = {"login": "alice@acme.test", "password": DEMO_PASSWORD}
        assert Client().post("/sign-in/", form).status_code == 200
        settings.DEMO = True
        assert Client().post("/sign-in/", form).status_code == 302

    def test_a_person_without_a_merchant_is_told_so(self, db: None) -> None:
        from merchants.models import User

        client = Client()
        client.force_login(User.objects.create_user("lonely@acme.test"))
        for url in ("/", "/transactions/", "/terminals/", "/branches/", "/accounts/"):
            assert client.get(url).status_code == 403
