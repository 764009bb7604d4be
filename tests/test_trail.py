"""What people do and see leaves a trail: one entry for each change, and who saw what."""

import re
from copy import deepcopy
from datetime import timedelta
from typing import Any

import asyncssh
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants.actions.drift import Said, note_drift
from merchants.actions.people import add_person, make_token, one_time_link
from merchants.actions.team import Place, invite
from merchants.actions.trail import seal_entries, values_of
from merchants.models import (
    Alert,
    ApiToken,
    AuditEntry,
    Branch,
    BranchIdentity,
    CustomRole,
    Drift,
    Membership,
    Operation,
    ProviderAccount,
    User,
)
from merchants.sync import run_sync
from providers.nearpay.sandbox import OTHER_KEY
from reports.actions import ask_report, pause_schedule, plan_report
from reports.models import Destination, Layout, ReportRun
from settlements.models import Document
from terminals.actions import draft_chosen, draft_upload, unassign_terminal
from terminals.models import BulkChange, Terminal, TerminalUser
from tests.conftest import NOON, QUICK, Played, confirm
from tests.plans import arrange
from tests.refunds import refund_for_two
from tests.test_access import addresses
from transactions.actions import issue_receipt, share_receipt
from transactions.models import Transaction

pytestmark = pytest.mark.django_db

# Changing addresses that leave no trail, and why.
WITHOUT = {
    "language": "a cookie of one's own; nothing is stored",
    "theme": "likewise",
    "terminals:columns": "reads one's own draft in another way; nothing is asked of anybody",
    "transactions:lost": "asks a provider first, and writes its entry then, tried with the desk",
    "check-receipt": "answers anybody alike, and stores nothing",
    "report-link": "hands a file to whoever has its link, and says so, tried with the plans",
    "merchants:hook": "a provider's word that something changed; what is read then is a run's",
}
PASSWORD, OTHER_PASSWORD = "a long enough one 7", "another long one 8"
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


@pytest.fixture(autouse=True)
def _servers(settings: Any) -> None:
    settings.DELIVERY_HOSTS = ["sftp.books.test"]


@pytest.fixture
def nearpay(play: Any) -> Played:
    found: Played = play(transactions=600, terminals=8)
    return found


@pytest.fixture
def account(nearpay: Played, alice: Membership) -> ProviderAccount:
    made = nearpay.connect(alice.merchant)
    assert run_sync(made.pk, limits=QUICK).state == "DONE"
    made.gaps.create(resource="transactions", since=NOON - timedelta(days=3), until=NOON)
    made.refresh_from_db()
    return made


@pytest.fixture
def browser(alice: Membership) -> Client:
    alice.user.set_password(PASSWORD)
    alice.user.save()
    client = Client()
    client.force_login(alice.user)
    return confirm(client, alice.user)


def changes(
    account: ProviderAccount, alice: Membership, nearpay: Played
) -> dict[str, tuple[str, dict[str, Any], str]]:
    """For each changing address: its path, a form that changes something, and what is recorded."""
    own = [account.pk]
    branch = account.branches.order_by("pk")[0].branch_id
    view = alice.merchant.saved_views.create(author=alice.user, list="people", name="Old")
    uid, token = one_time_link(alice.user)
    make_token(member=alice, at=timezone.now())
    place = Place("SUPPORT")
    offered, secret = invite(by=alice, email="dan@acme.test", place=place, at=timezone.now())
    carol = add_person(email="carol@acme.test", merchant=alice.merchant, role="SUPPORT")
    add_person(email="olga@acme.test", merchant=alice.merchant, role="OWNER")
    role = CustomRole.objects.create(merchant=alice.merchant, name="Old", rights=["LOOK_UP"])
    base = nearpay.server.url("nearpay")
    danish = nearpay.connect_mobilepay(alice.merchant)
    # Not read, so that a wish to fetch what is missing does not mean it too.
    ProviderAccount.objects.filter(pk=danish.pk).update(state="REFUSED")
    person = TerminalUser.objects.order_by("pk")[0]
    fleet = list(Terminal.objects.exclude(ref=None).order_by("pk")[:3])
    free = [fleet[0].pk]
    waiting, stuck = (
        unassign_terminal(terminal=each, by=alice, key=f"old-{each.pk}", at=NOON)
        for each in fleet[1:]
    )
    Operation.objects.filter(pk=stuck.pk).update(state="UNKNOWN", sent_at=NOON, next_at=None)
    sale = Transaction.objects.filter(account=account).order_by("pk")[0]
    own_name = Branch.objects.create(merchant=alice.merchant, name="North")
    north = BranchIdentity.objects.create(
        branch=own_name, account=danish, ref="store-1", name="North"
    )
    carrying = Terminal.objects.get(account=danish, tid="DK-101")
    Terminal.objects.filter(pk=carrying.pk).update(ref="pos-1")
    reserved = Transaction.objects.get(pk=sale.pk)
    reserved.pk, reserved.account, reserved.terminal = None, danish, carrying
    reserved.kind, reserved.status, reserved.currency = "PURCHASE", "AUTHORISED", "DKK"
    reserved.authorised_minor = 5000
    reserved.save(force_insert=True)
    given_back = Transaction.objects.filter(
        account=account, kind="PURCHASE", status="APPROVED", refunded="NONE"
    ).order_by("pk")[0]
    spare = Terminal.objects.exclude(ref=None).order_by("pk")[4]
    sold, (shared, _secret) = (
        sale.pk,
        share_receipt(found=sale, by=alice, days=7, at=timezone.now()),
    )
    issue_receipt(found=sale, at=timezone.now())
    two = refund_for_two(by=alice, at=timezone.now())
    filed = ReportRun.objects.create(
        merchant=alice.merchant, member=alice, report="fleet", form="csv", asked_at=NOON,
        wish={"since": "2026-11-01", "until": "2026-12-01"},
    )  # fmt: skip
    planned = arrange(by=alice, at=NOON)
    slept = plan_report(
        by=alice, report="fleet", form="csv", wish=planned.wish, name="Asleep", rhythm="DAILY",
        hour=8, zone="Asia/Riyadh", way="KEPT", at=NOON,
    )  # fmt: skip
    pause_schedule(schedule=slept, by=alice, at=NOON)
    layout, closed = Layout.objects.get().pk, Document.objects.get()
    held = fleet[0].terminal_user_id
    assert held is not None
    # One that is a mobile number, as not every made-up one is.
    TerminalUser.objects.filter(pk=held).update(mobile="+966551112233")
    note_drift(account, [Said("terminal", fleet[0].pk, "HOLDER", held, None)], NOON)
    differing = [Drift.objects.get().pk]
    drafts = [
        draft_chosen(
            kind="DISCONNECT", terminals=fleet[:1], title="x", by=alice, key=f"d{each}", at=NOON
        )
        for each in range(3)
    ]
    BulkChange.objects.filter(pk=drafts[2].pk).update(state="STOPPED")
    BulkChange.objects.filter(pk=drafts[1].pk).update(state="RUNNING")
    return {
        "account_login": (
            reverse("account_login"),
            {"login": alice.user.email, "password": PASSWORD},
            "person.signed_in",
        ),
        "account_logout": (reverse("account_logout"), {}, "person.signed_out"),
        "sign-out-everywhere": (
            reverse("sign-out-everywhere"), {}, "person.signed_out_everywhere",
        ),
        "account_reauthenticate": (
            reverse("account_reauthenticate"), {"password": PASSWORD}, "person.confirmed",
        ),
        "account_change_password": (
            reverse("account_change_password"),
            {"oldpassword": PASSWORD, "password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD},
            "person.set_password",
        ),
        "account_reset_password": (
            reverse("account_reset_password"),
            {"email": alice.user.email},
            "person.asked_for_link",
        ),
        "set-password": (
            reverse("set-password", args=[uid, token]),
            {"new_password1": "another long one 8", "new_password2": "another long one 8"},
            "person.set_password",
        ),
        "merchants:choose-member": (
            reverse("merchants:choose-member"), {"membership": alice.pk}, "person.switched",
        ),
        "merchants:choose-branch": (
            reverse("merchants:choose-branch"), {"branch": branch}, "person.looked_at_branch",
        ),
        "merchants:save-view": (
            reverse("merchants:save-view"), {"list": "people", "name": "New"}, "view.saved",
        ),
        "merchants:remove-view": (
            reverse("merchants:remove-view", args=[view.pk]), {}, "view.removed",
        ),
        "merchants:connect": (
            reverse("merchants:connect", args=["nearpay"]),
            {"name": "Second", "api_key": OTHER_KEY, "base_url": base},
            "account.connected",
        ),
        "merchants:edit-account": (
            reverse("merchants:edit-account", args=own),
            {"name": "Renamed", "api_key": OTHER_KEY, "base_url": base},
            "account.changed",
        ),
        "merchants:branch-day": (
            reverse("merchants:branch-day", args=[branch]),
            {"zone": "Asia/Riyadh", "cut_off": "04:00"},
            "branch.day_changed",
        ),
        "new-report": (
            reverse("new-report", args=["fleet"]), {"form": "csv"}, "report.asked",
        ),
        "cancel-report": (
            reverse("cancel-report", args=[filed.pk]), {}, "report.cancelled",
        ),
        "again-report": (reverse("again-report", args=[filed.pk]), {}, "report.asked"),
        "transactions:second": (
            reverse("transactions:second", args=[two.pk]), {"reason": "No"}, "operation.withdrawn",
        ),
        "transactions:limits": (
            reverse("transactions:limits"), {"alone_0": "1.00", "most_1": "10"}, "refunds.limited",
        ),
        "transactions:ask": (
            reverse("transactions:ask", args=free),
            {"key": "pay", "amount": "14.55"}, "operation.requested",
        ),
        "transactions:refund": (
            reverse("transactions:refund", args=[given_back.pk]),
            {"key": "back", "amount": "0.01", "terminal": spare.pk}, "operation.requested",
        ),
        "transactions:payment": (
            reverse("transactions:payment", args=[reserved.pk]),
            {"key": "capture", "do": "capture", "amount": "50"}, "operation.requested",
        ),
        "merchants:token": (
            reverse("merchants:token", args=[danish.pk]), {"key": "tok"}, "operation.requested",
        ),
        "merchants:branch-join": (
            reverse("merchants:branch-join", args=[north.branch_id]),
            {"identity": north.pk, "into": branch}, "branch.joined",
        ),
        "terminals:point": (
            reverse("terminals:point", args=[carrying.pk]),
            {"key": "renew", "kind": "RENEW_POINT"}, "operation.requested",
        ),
        "transactions:share": (
            reverse("transactions:share", args=[sold]), {"days": "7"}, "receipt.shared",
        ),
        "transactions:revoke-share": (
            reverse("transactions:revoke-share", args=[shared.pk]), {}, "receipt.share_revoked",
        ),
        "transactions:note": (
            reverse("transactions:note", args=[sold]), {"note": "Asked"}, "note.added",
        ),
        "transactions:withdraw": (
            reverse("transactions:withdraw", args=[sold]), {"reason": "Wrong"}, "receipt.withdrawn",
        ),
        "search-fetch": (reverse("search-fetch"), {"q": "000000"}, "gap.asked"),
        "merchants:sync-now": (reverse("merchants:sync-now", args=own), {}, "account.sync_asked"),
        "merchants:pause": (reverse("merchants:pause", args=own), {}, "account.paused"),
        "merchants:resume": (reverse("merchants:resume", args=own), {}, "account.resumed"),
        "merchants:remove-account": (
            reverse("merchants:remove-account", args=own), {}, "account.removed",
        ),
        "merchants:invite": (
            reverse("merchants:invite"),
            {"email": "new@acme.test", "role": "SUPPORT", "every_branch": "on"},
            "team.invited",
        ),
        "merchants:withdraw-invitation": (
            reverse("merchants:withdraw-invitation", args=[offered.pk]), {}, "team.withdrawn",
        ),
        "merchants:change-member": (
            reverse("merchants:change-member", args=[carol.pk]),
            {"role": "ACCOUNTANT", "every_branch": "on"},
            "team.changed",
        ),
        "merchants:end-member": (
            reverse("merchants:end-member", args=[carol.pk]), {}, "team.ended",
        ),
        "merchants:tokens": (
            reverse("merchants:tokens"),
            {"name": "Nightly", "rights": ["LOOK_UP"], "days": "30"},
            "token.made",
        ),
        "merchants:revoke-token": (
            reverse("merchants:revoke-token", args=[ApiToken.objects.get().pk]),
            {},
            "token.revoked",
        ),
        "merchants:leave": (reverse("merchants:leave"), {}, "team.left"),
        "merchants:new-role": (
            reverse("merchants:new-role"), {"name": "Till", "rights": ["LOOK_UP"]}, "role.made",
        ),
        "merchants:change-role": (
            reverse("merchants:change-role", args=[role.pk]),
            {"name": "Desk", "rights": ["LOOK_UP", "FIGURES"]},
            "role.changed",
        ),
        "merchants:join": (
            reverse("merchants:join", args=[secret]),
            {"name": "Dan", "password": "yet another one 9"},
            "team.joined",
        ),
        "terminals:reveal": (
            reverse("terminals:reveal", args=[person.pk]), {"reason": "case 4711"},
            "person.revealed",
        ),
        "terminals:assign": (
            reverse("terminals:assign", args=free),
            {
                "name": "Huda", "mobile": "+966551112233", "email": "h@example.com",
                "key": "k1", "sure": "on",
            },
            "operation.requested",
        ),
        "terminals:unassign": (
            reverse("terminals:unassign", args=free), {"key": "k2"}, "operation.requested",
        ),
        "terminals:disconnect": (
            reverse("terminals:disconnect", args=free), {"key": "k3"}, "operation.requested",
        ),
        "terminals:withdraw": (
            reverse("terminals:withdraw", args=[waiting.subject_id]), {}, "operation.withdrawn",
        ),
        "terminals:decide": (
            reverse("terminals:decide", args=[stuck.subject_id]),
            {"reason": "case 4711", "done": "yes"},
            "operation.decided",
        ),
        "terminals:operation": (
            reverse("terminals:operation", args=[waiting.pk]), {}, "operation.withdrawn",
        ),
        "terminals:take": (reverse("terminals:take", args=differing), {}, "drift.taken"),
        "terminals:push": (
            reverse("terminals:push", args=differing), {"key": "k4"}, "operation.requested",
        ),
        "terminals:leave-alone": (
            reverse("terminals:leave-alone", args=differing), {"days": "7"}, "drift.ignored",
        ),
        "terminals:many": (
            reverse("terminals:many"),
            {"file": SimpleUploadedFile("a.csv", b"tid,name\n1,Huda\n"), "key": "k7"},
            "bulk.made",
        ),
        "terminals:choose": (
            reverse("terminals:choose"),
            {"terminal": [str(fleet[0].pk)], "kind": "DISCONNECT", "key": "k8"},
            "bulk.made",
        ),
        "terminals:start": (reverse("terminals:start", args=[drafts[0].pk]), {}, "bulk.started"),
        "terminals:stop": (reverse("terminals:stop", args=[drafts[1].pk]), {}, "bulk.stopped"),
        "terminals:again": (reverse("terminals:again", args=[drafts[2].pk]), {}, "bulk.again"),
        "terminals:off-board": (
            reverse("terminals:off-board", args=[held]), {"key": "k9"}, "person.off_boarded",
        ),
        "terminals:describe": (
            reverse("terminals:describe", args=free),
            {"label": "Till 3", "spare": "on"}, "terminal.described",
        ),
        "settlements:reconcile": (
            reverse("settlements:reconcile", args=free), {"key": "k10"}, "operation.requested",
        ),
        "alert-choices": (
            reverse("alert-choices"), dict.fromkeys(Alert.Rule.values, "MAIL"), "alerts.chosen",
        ),
        "terminals:new": (
            reverse("terminals:new"),
            {"account": account.pk, "branch": branch, "name": "Till", "code": "9", "key": "k5"},
            "operation.requested",
        ),
        "terminals:add": (
            reverse("terminals:add"),
            {"account": danish.pk, "numbers": "DK-801\nDK-802", "key": "k7"}, "terminals.added",
        ),
        "terminals:new-branch": (
            reverse("terminals:new-branch"),
            {
                "account": account.pk, "name": "Airport", "name_ar": "المطار", "key": "k6",
                "owner_name": "Sami", "owner_mobile": "+966552223344",
                "owner_email": "s@example.com",
            },
            "operation.requested",
        ),
        "terminals:erase": (reverse("terminals:erase", args=[person.pk]), {}, "person.erased"),
        "merchants:keeping": (
            reverse("merchants:keeping"), {"months": "24"}, "merchant.keeping_changed",
        ),
        "new-layout": (
            reverse("new-layout", args=["fleet"]),
            {"name": "New", "on-terminal": "on", "place-terminal": "1"}, "layout.made",
        ),
        "layout": (
            reverse("layout", args=[layout]), {"on-branch": "on", "place-branch": "1"},
            "layout.changed",
        ),
        "remove-layout": (reverse("remove-layout", args=[layout]), {}, "layout.removed"),
        "new-schedule": (
            reverse("new-schedule", args=["fleet"]),
            {
                "name": "Weekly", "rhythm": "WEEKLY", "weekday": "0", "day": "1", "hour": "7",
                "zone": "Asia/Riyadh", "patience": "6", "way": "KEPT", "form": "csv", "marks": "",
            },
            "schedule.made",
        ),
        "pause-schedule": (
            reverse("pause-schedule", args=[planned.pk]), {}, "schedule.paused",
        ),
        "resume-schedule": (
            reverse("resume-schedule", args=[slept.pk]), {}, "schedule.resumed",
        ),
        "newer-layout": (
            reverse("newer-layout", args=[planned.pk]), {}, "schedule.took_layout",
        ),
        "remove-schedule": (
            reverse("remove-schedule", args=[planned.pk]), {}, "schedule.removed",
        ),
        "destinations": (
            reverse("destinations"),
            {
                "name": "New", "host": "sftp.books.test", "port": "22", "username": "b",
                "host_key": HOST_KEY, "password": "a secret of the books",
            },
            "destination.added",
        ),
        "remove-destination": (
            reverse("remove-destination", args=[Destination.objects.get().pk]), {},
            "destination.removed",
        ),
        "journal": (reverse("journal"), {"sales": "8400"}, "journal.mapped"),
        "changes-seen": (
            reverse("changes-seen"), {"until": NOON.isoformat()}, "changes.looked_at",
        ),
        "settlements:close": (
            reverse("settlements:close", args=[closed.branch_id]),
            {
                "span": "DAY", "since": (closed.since - timedelta(days=1)).isoformat(),
                "anyway": "on", "reason": "Tried",
            },
            "day.closed",
        ),
        "settlements:open-again": (
            reverse("settlements:open-again", args=[closed.branch_id]),
            {"span": "DAY", "since": closed.since.isoformat(), "reason": "Tried"}, "day.reopened",
        ),
        "settlements:close-all": (
            reverse("settlements:close-all"), {"month": "2026-10"}, "day.close_asked",
        ),
        "merchants:close-gap": (
            reverse("merchants:close-gap", args=[account.gaps.get().pk]), {}, "gap.asked",
        ),
    }  # fmt: skip


def changing() -> set[str]:
    """Every address of the resolver that takes a POST, told by asking it."""
    found = set()
    for name, route in addresses().items():
        path = "/" + re.sub(r"<[^>]*>", "1", route).replace("^", "").replace("$", "")
        if name.startswith("api-"):
            continue  # The API's are tried with what they ask for.
        view = re.sub(r"\(\?P.*", "", path)
        answer = Client().options(view)
        allowed = answer.headers.get("Allow", "GET, POST")
        if "POST" in allowed:
            found.add(name)
    return found


class TestChanges:
    def test_each_writes_exactly_one_entry(
        self, account: Any, alice: Membership, nearpay: Played, browser: Client
    ) -> None:
        """Each is tried as if the others had not been."""
        with transaction.atomic():
            names = list(changes(account, alice, nearpay))
            transaction.set_rollback(True)
        for name in names:
            with transaction.atomic():
                client = Client()
                client.cookies = deepcopy(browser.cookies)
                self._writes_one(name, changes(account, alice, nearpay)[name], client, alice)
                transaction.set_rollback(True)

    def _writes_one(self, name: str, change: Any, browser: Client, alice: Membership) -> None:
        path, form, action = change
        if name in ("account_login", "account_reset_password", "set-password", "merchants:join"):
            browser = Client()
        if name == "set-password":
            path = browser.get(path)["Location"]
        if name == "merchants:resume":
            ProviderAccount.objects.update(state="PAUSED")
        before = AuditEntry.objects.count()
        answer = browser.post(path, form, REMOTE_ADDR="192.0.2.9")
        shown = name in ("merchants:tokens", "terminals:reveal")
        assert answer.status_code in ((200,) if shown else (204, 302)), name
        found = AuditEntry.objects.order_by("-pk")[: AuditEntry.objects.count() - before]
        assert [each.action for each in found] == [action], name
        (entry,) = found
        assert entry.merchant_id == alice.merchant_id, name
        if name == "merchants:join":
            assert entry.actor == User.objects.get(email="dan@acme.test")
        elif name != "account_reset_password":  # Nobody is signed in there.
            assert entry.actor_id == alice.user_id, name
        assert (entry.door, entry.address) == ("PAGE", "192.0.2.9"), name

    def test_every_changing_address_of_the_resolver_is_tried(
        self, account: Any, alice: Membership, nearpay: Played
    ) -> None:
        tried = set(changes(account, alice, nearpay))
        assert changing() - READING - READ_FACTORS == tried | set(WITHOUT) | SECOND_FACTORS

    def test_what_changes_nothing_leaves_nothing(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        before = AuditEntry.objects.count()
        for name in ("resume", "edit-account"):
            form = {"name": account.name} if name == "edit-account" else {}
            browser.post(reverse(f"merchants:{name}", args=[account.pk]), form)
        assert AuditEntry.objects.count() == before

    def test_a_change_has_before_and_after_and_never_a_secret(
        self, account: ProviderAccount, browser: Client, nearpay: Played
    ) -> None:
        browser.post(
            reverse("merchants:edit-account", args=[account.pk]),
            {"name": "Renamed", "api_key": OTHER_KEY},
        )
        entry = AuditEntry.objects.get(action="account.changed")
        assert entry.facts["name"] == [account.name, "Renamed"]
        assert entry.facts["credentials"] == "api_key"
        assert OTHER_KEY not in str(entry.facts)

    def test_a_refused_sign_in_is_recorded_and_says_who_where_that_is_known(
        self, alice: Membership
    ) -> None:
        client = Client()
        client.post("/sign-in/", {"login": alice.user.email, "password": "wrong"})
        client.post("/sign-in/", {"login": "nobody@acme.test", "password": "wrong"})
        known, unknown = AuditEntry.objects.filter(action="person.refused").order_by("pk")
        assert (known.subject_id, known.merchant_id) == (alice.user_id, alice.merchant_id)
        assert (unknown.subject_id, unknown.merchant_id) == (None, None)
        assert "nobody" not in str(unknown.facts)


# Tried with real codes and a real passkey in tests/test_signing.py and tests/test_browser.py.
SECOND_FACTORS = {
    "account_reset_password_from_key", "account_set_password", "account_signup",
    "mfa_authenticate", "mfa_reauthenticate",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes",
    "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_remove_webauthn",
    "mfa_edit_webauthn", "mfa_login_webauthn",
}  # fmt: skip
# Addresses whose OPTIONS cannot tell, as they ask who is there first; each is only read.
READING = {
    "home", "search", "notices", "merchants:branches", "merchants:branch", "merchants:accounts",
    "merchants:account", "merchants:progress", "merchants:trail", "merchants:team",
    "terminals:list", "terminals:holders", "person-data", "merchants:own-data",
    "terminals:all-operations", "terminals:differences", "terminals:difference",
    "terminals:template", "terminals:change", "terminals:failed", "timeline",
    "terminals:sheet", "terminals:report",
    "terminals:operations",
    "terminals:detail", "terminals:people", "terminals:person", "transactions:list",
    "transactions:desk", "transactions:till",
    "transactions:detail", "transactions:slip", "transactions:pdf", "transactions:at-provider",
    "settlements:list", "reports", "report", "report-file", "schedule", "changes",
    "settlements:closing", "settlements:month", "settlements:document",
    "transactions:sessions", "transactions:session",
    "settlements:detail",
}  # fmt: skip


READ_FACTORS = {
    "mfa_index", "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_list_webauthn",
}  # fmt: skip


def test_what_is_only_read_takes_no_post(
    account: ProviderAccount, alice: Membership, browser: Client
) -> None:
    from tests.test_access import OBJECTS, own_url

    note_drift(account, [Said("terminal", Terminal.objects.all()[0].pk, "GONE", True, False)], NOON)
    draft_upload(title="x", header=["a"], rows=[["1"]], by=alice, key="f", at=NOON)
    days = {"since": "2026-11-01", "until": "2026-12-01"}
    ask_report(by=alice, report="fleet", form="csv", wish=days, at=NOON)
    arrange(by=alice, at=NOON)
    for name in READING:
        path = own_url(name, account) if name in OBJECTS else reverse(name)
        assert browser.post(path).status_code == 405, name


# What the tests' own setting leaves.
SETTING = ("account.connected", "person.signed_in", "token.made")


class TestViews:
    def actions(self) -> list[str]:
        found = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
        return [each for each in found if each not in SETTING]

    def test_of_receipts_and_unmasked_people_are_recorded(
        self, account: ProviderAccount, browser: Client, alice: Membership, token: Any
    ) -> None:
        row = Transaction.objects.order_by("pk")[0]
        person = TerminalUser.objects.order_by("pk")[0]
        api = Client(headers=token(alice))
        for get, url, action in (
            (browser.get, f"/transactions/{row.pk}/", "receipt.seen"),
            (browser.get, f"/transactions/{row.pk}/slip/", "receipt.seen"),
            (api.get, f"/api/v1/transactions/{row.pk}/receipt/", "receipt.seen"),
            (browser.get, f"/terminals/people/{person.pk}/", "person.seen"),
            (api.get, "/api/v1/terminal-users/", "people.listed"),
            (api.get, f"/api/v1/terminal-users/{person.pk}/", "person.seen"),
            (api.get, "/api/v1/transactions/", "people.listed"),
            (api.get, "/api/v1/terminals/", "people.listed"),
        ):
            before = len(self.actions())
            assert get(url).status_code == 200
            assert self.actions()[before:] == [action], url
        seen = AuditEntry.objects.filter(action="person.seen")
        assert {each.subject_id for each in seen} == {person.pk}
        last = AuditEntry.objects.filter(action="people.listed").order_by("-pk")[0]
        assert (last.door, last.actor_id) == ("API", alice.user_id)

    def test_a_list_that_names_people_leaves_one_entry_and_a_look_in_passing_none(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        row = Transaction.objects.exclude(terminal_user=None).order_by("pk")[0]
        assert row.terminal_user is not None
        peek = browser.get(f"/transactions/{row.pk}/?peek").content.decode()
        assert row.terminal_user.name not in peek
        for url in ("/transactions/?columns=rrn", "/branches/", "/reconciliations/"):
            assert browser.get(url).status_code == 200
        # What a page asks for by itself is the same look.
        assert browser.get("/", headers={"X-Poll": "1"}).status_code == 200
        assert self.actions() == []
        for number, url in enumerate(("/transactions/", "/terminals/people/", "/terminals/"), 1):
            assert browser.get(url).status_code == 200
            assert self.actions() == ["people.listed"] * number
        held = Terminal.objects.exclude(terminal_user=None).order_by("pk")[0]
        browser.get(f"/terminals/{held.pk}/")
        assert self.actions()[-1] == "person.seen"

    def test_who_sees_people_masked_has_seen_nobody_in_full(
        self, account: ProviderAccount, token: Any
    ) -> None:
        member = add_person(email="s@acme.test", merchant=account.merchant, role="SUPPORT")
        person = TerminalUser.objects.order_by("pk")[0]
        client = Client()
        client.force_login(member.user)
        assert client.get(f"/terminals/people/{person.pk}/").status_code == 200
        assert Client(headers=token(member)).get("/api/v1/terminal-users/").status_code == 200
        assert self.actions() == []

    def test_a_search_is_recorded_and_its_text_can_be_erased(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        browser.get("/search/?q=0551234567")
        entry = AuditEntry.objects.get(action="rows.searched")
        assert entry.facts["found"] == 0
        assert "0551234567" not in str(entry.facts)
        assert values_of([entry])[entry.pk]["text"] == "0551234567"

    def test_a_download_is_recorded_with_its_filters(
        self, account: ProviderAccount, browser: Client
    ) -> None:
        browser.get("/transactions/?status=APPROVED&download=csv")
        entry = AuditEntry.objects.get(action="rows.exported")
        assert entry.facts["list"] == "transactions"
        assert values_of([entry])[entry.pk]["query"] == "status=APPROVED"


class TestPage:
    def test_says_who_did_what_to_whom(
        self, account: ProviderAccount, browser: Client, alice: Membership
    ) -> None:
        browser.post(reverse("merchants:pause", args=[account.pk]))
        browser.get("/search/?q=0551234567")
        text = browser.get("/trail/").content.decode()
        for shown in ("Paused an account", "Alice", "127.0.0.1", "text: 0551234567", "found: 0"):
            assert shown in text, shown
        assert f'href="/accounts/{account.pk}/"' in text
        only = browser.get("/trail/?action=account.paused").context["page"].rows
        assert [each.action for each in only] == ["account.paused"]
        assert browser.get("/trail/?day_to=2020-01-01").context["page"].rows == []
        one = browser.get(f"/trail/?subject_kind=provideraccount&subject_id={account.pk}")
        assert {each.action for each in one.context["page"].rows} == {
            "account.connected", "account.paused",
        }  # fmt: skip

    def test_has_nothing_of_another_merchant(
        self, account: ProviderAccount, browser: Client, mallory: Membership
    ) -> None:
        browser.post(reverse("merchants:pause", args=[account.pk]))
        mallory.role = "OWNER"
        mallory.save()
        client = Client()
        client.force_login(mallory.user)
        rows = client.get("/trail/").context["page"].rows
        assert [(each.action, each.actor_id) for each in rows] == [
            ("person.signed_in", mallory.user_id)
        ]

    def test_asks_a_constant_number_of_queries(
        self, account: ProviderAccount, browser: Client, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(60):
            browser.get("/search/?q=0551234567")
        with django_assert_max_num_queries(12):
            assert len(browser.get("/trail/").context["page"].rows) == 50


class TestCommands:
    def test_verify_says_that_it_is_whole_and_fails_where_it_is_not(
        self, account: ProviderAccount, browser: Client, capsys: Any
    ) -> None:
        browser.post(reverse("merchants:pause", args=[account.pk]))
        seal_entries()
        call_command("verify-trail", merchant="acme")
        assert "whole to place 3" in capsys.readouterr().out
        with pytest.raises(CommandError, match="no merchant"):
            call_command("verify-trail", merchant="nobody")

    def test_ageing_keeps_twelve_months(self, db: None) -> None:
        with pytest.raises(CommandError, match="12 months"):
            call_command("age-trail", months=11)


def test_entries_of_the_last_minute_wait_for_their_seal(
    account: ProviderAccount, browser: Client
) -> None:
    from merchants.tasks import seal_trail

    browser.post(reverse("merchants:pause", args=[account.pk]))
    assert seal_trail() == 3
    assert seal_trail() == 0
    assert timezone.now() - AuditEntry.objects.order_by("-pk")[0].at < timedelta(minutes=1)
