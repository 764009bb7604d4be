"""Every address of the resolver, classed: no one sees or changes what is not theirs.

A new address without a class fails here.
"""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from merchants.actions.accounts import webhook_secret
from merchants.actions.drift import Said, note_drift
from merchants.actions.people import add_person, make_token
from merchants.actions.team import Place, invite
from merchants.models import (
    ApiToken,
    CustomRole,
    Drift,
    Gap,
    Invitation,
    Membership,
    Operation,
    ProviderAccount,
    Right,
    SavedView,
    SyncRun,
    User,
)
from merchants.sync import run_sync
from providers.nearpay.sandbox import DEMO_KEY, OTHER_KEY
from reports.models import Destination, JournalAccount, Layout, Looked, ReportRun, Schedule
from settlements.models import Document, Reconciliation
from terminals.actions import draft_upload, unassign_terminal
from terminals.models import BulkChange, Device, Terminal, TerminalUser
from tests.conftest import NOON, QUICK, Stage, confirm
from tests.plans import arrange
from tests.refunds import refund_for_two
from transactions.actions import share_receipt
from transactions.models import Note, RefundLimit, Session, SharedReceipt, Transaction

pytestmark = pytest.mark.django_db
VERBS = ("get", "post", "put", "patch", "delete", "head", "options")

# Open to everybody, and why.
PUBLIC = {
    "account_login": "whoever signs in is not signed in yet",
    "mfa_authenticate": "likewise: the second step, after a password",
    "mfa_login_webauthn": "likewise, by a passkey",
    "account_logout": "ends a session; without one there is nothing to end",
    "account_signup": "says that one joins by invitation",
    "account_inactive": "says that a sign-in is closed",
    "account_reset_password": "asks for a link by mail; says the same to everybody",
    "account_reset_password_done": "likewise",
    "account_reset_password_from_key": "reached by a one-time link, whose token is the right to it",
    "account_reset_password_from_key_done": "says that a password is set",
    "set-password": "reached by a one-time link, whose token is the right to it",
    "language": "sets a cookie of one's own",
    "theme": "likewise",
    "alive": "says that the process answers, and nothing of anybody's rows",
    "merchants:join": "an invitation's link, whose secret is the right to it, tried with the team",
    "shared": "a receipt's link, whose secret is the right to it, tried with the sharing",
    "shared-pdf": "likewise",
    "genuine": "says what a code on paper is worth, and of a code that we did not sign nothing",
    "check-receipt": "confirms what is known already, alike for all that is not so",
    "report-link": "a file's link, whose secret is the right to it, tried with the plans",
    "merchants:hook": "a provider calls it; the address is the secret, tried below",
    "api-schema": "describes the API, holds no rows",
    "api-docs": "likewise",
}
# One merchant's own object: an outsider gets 404 on every verb.
OBJECTS = {
    "merchants:branch", "merchants:account", "merchants:progress", "merchants:edit-account",
    "merchants:sync-now", "merchants:pause", "merchants:resume", "merchants:remove-account",
    "merchants:remove-view", "merchants:close-gap", "merchants:change-member",
    "merchants:end-member", "merchants:withdraw-invitation", "merchants:change-role",
    "merchants:revoke-token", "terminals:detail", "terminals:person",
    "terminals:reveal", "terminals:erase", "person-data",
    "terminals:assign", "terminals:unassign", "terminals:disconnect", "terminals:operations",
    "terminals:withdraw", "terminals:decide", "terminals:holders", "terminals:operation",
    "terminals:difference", "terminals:take", "terminals:push", "terminals:leave-alone",
    "terminals:change", "terminals:columns", "terminals:start", "terminals:stop",
    "terminals:again", "terminals:failed", "terminals:off-board", "timeline",
    "terminals:describe", "terminals:sheet", "settlements:reconcile",
    "api-terminals-holders", "api-terminals-assign", "api-terminals-unassign",
    "api-terminals-disconnect", "api-transactions-capture", "api-transactions-cancel",
    "transactions:detail", "transactions:slip", "transactions:pdf", "transactions:share",
    "transactions:withdraw", "transactions:note", "transactions:revoke-share",
    "transactions:session", "transactions:ask", "transactions:refund", "transactions:payment",
    "transactions:till",
    "merchants:token",
    "terminals:point", "settlements:detail",
    "report", "cancel-report", "again-report", "report-file",
    "layout", "remove-layout", "schedule", "pause-schedule", "resume-schedule", "newer-layout",
    "remove-schedule", "remove-destination",
    "settlements:month", "settlements:close", "settlements:open-again", "settlements:document",
    "api-reports-detail", "api-reports-file", "api-reports-proof",
    "transactions:second", "transactions:at-provider", "merchants:branch-day",
    "merchants:branch-join",
    "api-operations-detail",
    "api-accounts-detail", "api-sync-runs-detail", "api-branches-detail", "api-terminals-detail",
    "api-terminal-users-detail", "api-transactions-detail", "api-transactions-receipt",
    "api-sessions-detail", "api-reconciliations-detail",
}  # fmt: skip
MOVES = {
    "terminals:assign", "terminals:unassign", "terminals:disconnect", "terminals:operations",
    "terminals:withdraw", "terminals:decide",
}  # fmt: skip
CHANGES = {
    "terminals:change", "terminals:columns", "terminals:start", "terminals:stop",
    "terminals:again", "terminals:failed",
}  # fmt: skip
DIFFERENCES = {
    "terminals:difference", "terminals:take", "terminals:push", "terminals:leave-alone",
}  # fmt: skip
API_MOVES = {"api-terminals-assign", "api-terminals-unassign", "api-terminals-disconnect"}
API_STEPS = {"api-transactions-capture", "api-transactions-cancel"}
# These change something of one's own, and are no page.
FORMS = {
    "merchants:choose-member", "merchants:choose-branch", "merchants:save-view", "merchants:leave",
    "search-fetch", "changes-seen", "settlements:close-all",
}  # fmt: skip
# Everybody's, narrowed to what is theirs.
COLLECTIONS = {
    "home", "search", "search-fetch", "api-search", "notices", "alert-choices",
    "reports", "new-report", "new-layout", "new-schedule", "destinations", "journal", "changes",
    "changes-seen", "settlements:closing", "settlements:close-all", "api-reports-list",
    "merchants:choose-branch", "merchants:save-view",
    "terminals:people", "terminals:new", "terminals:add", "terminals:new-branch",
    "terminals:all-operations",
    "terminals:differences", "terminals:many", "terminals:template", "terminals:choose",
    "terminals:report",
    "merchants:branches", "merchants:accounts", "merchants:choose-member",
    "merchants:connect", "terminals:list", "transactions:list", "settlements:list",
    "transactions:sessions", "transactions:desk", "transactions:lost",
    "merchants:trail", "merchants:tokens", "merchants:team", "merchants:invite",
    "merchants:new-role", "merchants:leave", "merchants:keeping", "transactions:limits",
    "api-operations-list",
    "api-accounts-list", "api-sync-runs-list", "api-branches-list", "api-terminals-list",
    "api-terminal-users-list", "api-transactions-list", "api-sessions-list",
    "api-reconciliations-list",
}  # fmt: skip


# One's own sign-in: of whoever is signed in, and of nobody else.
OWN_SIGN_IN = {
    "account_reauthenticate", "account_change_password", "account_set_password",
    "sign-out-everywhere", "mfa_index", "merchants:own-data",
    "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_download_recovery_codes", "mfa_list_webauthn",
    "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_remove_webauthn", "mfa_edit_webauthn",
}  # fmt: skip


def addresses() -> dict[str, str]:
    """Every named address of the resolver, with its route."""

    def walk(patterns: Any, prefix: str, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for each in patterns:
            route = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                space = (each.namespace,) if each.namespace else ()
                yield from walk(each.url_patterns, route, names + space)
            elif isinstance(each, URLPattern):
                assert each.name, f"{route} has no name"
                yield ":".join((*names, each.name)), route

    return dict(walk(get_resolver().url_patterns, "", ()))


def test_every_address_is_classed() -> None:
    classed = set(PUBLIC) | OBJECTS | COLLECTIONS | OWN_SIGN_IN
    assert set(addresses()) == classed
    assert len(PUBLIC) + len(OBJECTS) + len(COLLECTIONS) + len(OWN_SIGN_IN) == len(classed)
    assert all(PUBLIC.values())


@pytest.fixture(scope="module")
def two(stage: Stage) -> tuple[int, int]:
    """The keys of two merchants' accounts, with rows of every kind."""
    alice, mallory = stage.alice, stage.mallory
    nearpay = stage.play(transactions=1500, terminals=24)
    own = nearpay.connect(alice.merchant, DEMO_KEY)
    other = nearpay.connect(mallory.merchant, OTHER_KEY)
    for account in (own, other):
        assert run_sync(account.pk, limits=QUICK).state == "DONE"
        account.gaps.create(resource="transactions", since=NOON - timedelta(days=3), until=NOON)
    SavedView.objects.create(
        merchant=alice.merchant, author=alice.user, list="transactions", name="Mine"
    )
    CustomRole.objects.create(merchant=alice.merchant, name="Till", rights=["LOOK_UP"])
    make_token(member=alice, at=timezone.now(), name="Nightly")
    place = Place("SUPPORT")
    invite(by=alice, email="new@acme.test", place=place, at=timezone.now())
    add_person(email="carol@acme.test", merchant=alice.merchant, role="SUPPORT")
    last = Terminal.objects.filter(account=own).exclude(ref=None).order_by("-pk")[0]
    unassign_terminal(terminal=last, by=alice, key="asked", at=timezone.now())
    for account in (own, other):
        first = Terminal.objects.filter(account=account).exclude(ref=None).order_by("pk")[0]
        said = Said("terminal", first.pk, "HOLDER", first.terminal_user_id, None)
        note_drift(account, [said], timezone.now())
    for member in (alice, mallory):
        sale = Transaction.objects.filter(merchant=member.merchant).order_by("pk")[0]
        share_receipt(found=sale, by=member, days=7, at=timezone.now())
        draft_upload(
            title="people.csv", header=["tid", "name"], rows=[["1", "Huda"]], by=member, key="f",
            at=timezone.now(),
        )  # fmt: skip
        refund_for_two(by=member, at=timezone.now())
        arrange(by=member, at=NOON)
        ReportRun.objects.create(
            merchant=member.merchant, member=member, report="fleet", form="csv", state="DONE",
            wish={"since": "2026-11-01", "until": "2026-12-01"}, asked_at=NOON, finished_at=NOON,
            rows=0, file="none/fleet.csv",
        )  # fmt: skip
    return own.pk, other.pk


@pytest.fixture
def alice(stage: Stage, db: None) -> Membership:
    return stage.alice


@pytest.fixture
def mallory(stage: Stage, db: None) -> Membership:
    return stage.mallory


@pytest.fixture
def worlds(
    two: tuple[int, int], alice: Membership, mallory: Membership, settings: Any, tmp_path: Path
) -> dict[str, Any]:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "fleet.csv").write_text("Terminal\n")
    settings.STORAGES = settings.STORAGES | {
        "reports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    own, other = (ProviderAccount.objects.select_related("merchant").get(pk=pk) for pk in two)
    return {"own": own, "other": other, "alice": alice, "mallory": mallory}


def own_url(name: str, account: ProviderAccount) -> str:
    """An address of one of the account's merchant's rows."""
    model = {
        "branch": None, "branches": None, "terminals": Terminal, "terminal-users": TerminalUser,
        "transactions": Transaction, "settlements": Reconciliation,
        "reconciliations": Reconciliation, "sessions": Session, "sync-runs": SyncRun,
        "operations": Operation,
    }  # fmt: skip
    if "account" in name or name in (
        "merchants:progress",
        "merchants:sync-now",
        "merchants:pause",
        "merchants:resume",
        "merchants:token",
    ):
        pk = account.pk
    elif name == "merchants:remove-view":
        pk = account.merchant.saved_views.order_by("pk")[0].pk
    elif name in ("merchants:change-member", "merchants:end-member"):
        pk = account.merchant.memberships.order_by("-pk")[0].pk
    elif name == "merchants:withdraw-invitation":
        pk = account.merchant.invitations.order_by("pk")[0].pk
    elif name == "merchants:revoke-token":
        pk = ApiToken.objects.filter(membership__merchant=account.merchant).order_by("pk")[0].pk
    elif name == "merchants:change-role":
        pk = account.merchant.custom_roles.order_by("pk")[0].pk
    elif name == "merchants:close-gap":
        pk = account.gaps.order_by("pk")[0].pk
    elif name == "transactions:session":
        pk = Session.objects.filter(account=account).order_by("pk")[0].pk
    elif name == "transactions:revoke-share":
        pk = SharedReceipt.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name in CHANGES:
        pk = BulkChange.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name in DIFFERENCES:
        pk = Drift.objects.filter(account=account).order_by("pk")[0].pk
    elif name in ("layout", "remove-layout"):
        pk = Layout.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name == "remove-schedule":
        pk = Schedule.objects.filter(merchant=account.merchant).order_by("-pk")[0].pk
    elif "schedule" in name or name == "newer-layout":
        pk = Schedule.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name == "remove-destination":
        pk = Destination.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name == "settlements:document":
        pk = Document.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name in ("settlements:month", "settlements:close", "settlements:open-again"):
        pk = account.branches.order_by("pk")[0].branch_id
    elif name in ("report", "cancel-report", "again-report") or name.startswith("api-reports"):
        pk = ReportRun.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
    elif name == "report-file":
        # What proves it needs no file.
        pk = ReportRun.objects.filter(merchant=account.merchant).order_by("pk")[0].pk
        return reverse(name, args=[pk]) + "?proof"
    elif name == "transactions:second":
        pk = Operation.objects.get(account=account, needs_second=True).pk
    elif name == "terminals:operation":
        pk = Operation.objects.filter(account=account).order_by("pk")[0].pk
    elif name in (
        "terminals:person",
        "terminals:reveal",
        "terminals:erase",
        "person-data",
        "terminals:off-board",
        "terminals:sheet",
    ):
        pk = TerminalUser.objects.filter(account=account).order_by("pk")[0].pk
    elif (
        name in MOVES
        or name in API_MOVES
        or name
        in (
            "timeline",
            "terminals:describe",
            "settlements:reconcile",
            "transactions:ask",
            "transactions:till",
            "terminals:point",
        )
    ):
        own = Terminal.objects.filter(account=account).exclude(ref=None)
        pk = own.order_by("pk")[0].pk
    elif "branch" in name:
        pk = account.branches.order_by("pk")[0].branch_id
    else:
        key = next(key for key in sorted(model, key=len, reverse=True) if key in name)
        pk = model[key].objects.filter(account=account).order_by("pk")[0].pk  # type: ignore[union-attr]
    return reverse(name, args=[pk])


def state() -> dict[str, Any]:
    """Everything that a request could have changed."""
    return {
        "accounts": list(
            ProviderAccount.objects.order_by("pk").values_list(
                "pk", "name", "state", "credentials", "next_sync_at", "retry_at"
            )
        ),
        "transactions": Transaction.objects.count(),
        "runs": SyncRun.objects.count(),
        "views": SavedView.objects.count(),
        "gaps": list(Gap.objects.order_by("pk").values_list("pk", "asked_at")),
        "members": list(Membership.objects.order_by("pk").values_list("pk", "role", "ended_at")),
        "invitations": Invitation.objects.count(),
        "bulk": list(BulkChange.objects.order_by("pk").values_list("state", "columns")),
        "drift": list(Drift.objects.order_by("pk").values_list("ended_at", "ignored_until")),
        "operations": list(Operation.objects.order_by("pk").values_list("pk", "state")),
        "people": list(TerminalUser.objects.order_by("pk").values_list("name", "erased_at")),
        "shares": list(SharedReceipt.objects.order_by("pk").values_list("revoked_at", "opened")),
        "notes": Note.objects.count(),
        "layouts": list(Layout.objects.order_by("pk").values_list("pk", "version")),
        "schedules": list(Schedule.objects.order_by("pk").values_list("pk", "paused_at")),
        "servers": Destination.objects.count(),
        "closes": Document.objects.count(),
        "looks": Looked.objects.count(),
        "books": JournalAccount.objects.count(),
        "reports": list(ReportRun.objects.order_by("pk").values_list("pk", "state")),
        "limits": list(RefundLimit.objects.order_by("pk").values_list("most_minor", "alone_minor")),
        "agreed": Operation.objects.exclude(agreed_by=None).count(),
        "tokens": ApiToken.objects.filter(name="Nightly").count(),
        "roles": list(CustomRole.objects.order_by("pk").values_list("name", "rights")),
    }


class Caller:
    """A person who calls by browser or by token."""

    def __init__(self, member: Membership | None, token: Any) -> None:
        self.pages = Client()
        self.api = Client()
        if member is not None:
            self.pages.force_login(member.user)
            confirm(self.pages, member.user)
            self.api = Client(headers=token(member))

    def __call__(self, name: str, verb: str, url: str) -> Any:
        if not name.startswith("api-"):
            return getattr(self.pages, verb)(url)
        body = {} if verb == "get" else {"data": "{}", "content_type": "application/json"}
        return getattr(self.api, verb)(url, **({} if verb == "head" else body))


class TestOutsider:
    def test_gets_404_for_every_object_on_every_verb_and_changes_nothing(
        self, worlds: Any, token: Any
    ) -> None:
        mallory = Caller(worlds["mallory"], token)
        before = state()
        for name in sorted(OBJECTS):
            url = own_url(name, worlds["own"])
            for verb in VERBS:
                found = mallory(name, verb, url).status_code
                assert found == 404, (name, verb, found)
        assert state() == before

    def test_owners_reach_the_same_addresses(self, worlds: Any, token: Any) -> None:
        """The control: it is not the address that is missing."""
        alice = Caller(worlds["alice"], token)
        # 400 and 409: what was sent is looked at, or what is asked already is in the way.
        reached = (200, 202, 204, 302, 400, 409, 422)
        for name in sorted(OBJECTS):
            verb = "post" if _only_post(name) else "get"
            assert alice(name, verb, own_url(name, worlds["own"])).status_code in reached, name

    def test_sees_nothing_of_the_other_merchant_in_any_collection(
        self, worlds: Any, token: Any
    ) -> None:
        Membership.objects.filter(pk=worlds["mallory"].pk).update(role="OWNER")
        worlds["mallory"].refresh_from_db()
        mallory = Caller(worlds["mallory"], token)
        own = worlds["own"]
        secrets = {
            *Transaction.objects.filter(account=own).values_list("ref", flat=True),
            *Transaction.objects.filter(account=own).values_list("rrn", flat=True),
            *Terminal.objects.filter(account=own).values_list("tid", flat=True),
            *TerminalUser.objects.filter(account=own).values_list("mobile", flat=True),
            own.merchant.name,
        }
        ids = {
            f'href="/transactions/{pk}/"'
            for pk in Transaction.objects.filter(account=own).values_list("pk", flat=True)
        }
        for name in sorted(COLLECTIONS - FORMS):
            answer = mallory(name, "get", self._url(name))
            assert answer.status_code == 200, name
            text = answer.content.decode()
            assert not [each for each in secrets | ids if each and each in text], name

    @staticmethod
    def _url(name: str) -> str:
        if name in ("merchants:connect", "new-report", "new-layout", "new-schedule"):
            return reverse(name, args=["nearpay" if name == "merchants:connect" else "fleet"])
        return reverse(name) + ("?page_size=500" if name.startswith("api-") else "")

    def test_counts_and_totals_are_their_own(
        self, worlds: Any, token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        mallory = Caller(worlds["mallory"], token)
        found = mallory(
            "api-transactions-list", "get", "/api/v1/transactions/?page_size=500"
        ).json()
        assert len(found["results"]) == Transaction.objects.filter(account=worlds["other"]).count()
        shown = mallory.pages.get("/").context
        own = Transaction.objects.filter(
            account=worlds["other"], kind="PURCHASE", status="APPROVED"
        )
        for month in shown["months"]:
            days = own.filter(
                business_day__year=month.day.year, business_day__month=month.day.month
            )
            assert month.minor == (days.aggregate(sold=Sum("captured_minor"))["sold"] or 0)
        assert sum(month.minor for month in shown["months"]) > 0

    def test_a_filter_does_not_tell_what_exists(self, worlds: Any, token: Any) -> None:
        mallory = Caller(worlds["mallory"], token)
        branch = worlds["own"].branches.order_by("pk")[0].branch_id
        there = mallory.api.get(f"/api/v1/transactions/?branch={branch}")
        nowhere = mallory.api.get("/api/v1/transactions/?branch=987654321")
        assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json())

    def test_cannot_choose_a_membership_of_another(self, worlds: Any, token: Any) -> None:
        mallory = Caller(worlds["mallory"], token)
        answer = mallory.pages.post("/merchant/", {"membership": worlds["alice"].pk})
        assert answer.status_code == 404
        assert mallory.pages.get("/").context["member"] == worlds["mallory"]

    def test_a_webhook_needs_the_secret_of_its_own_account(self, worlds: Any) -> None:
        own, other = worlds["own"], worlds["other"]
        body = {"id": "0502b3f0-d00d-49c5-8feb-73a986687521"}

        def hook(pk: int, secret: str) -> Any:
            url = f"/hooks/{pk}/{secret}/"
            return Client().post(url, body, content_type="application/json")

        assert hook(own.pk, webhook_secret(other)).status_code == 404
        assert hook(own.pk, "x").status_code == 404
        assert hook(999_999, webhook_secret(own)).status_code == 404
        assert not own.hints.exists()
        assert hook(own.pk, webhook_secret(own)).status_code == 204
        assert own.hints.get().ref == body["id"]


def _only_post(name: str) -> bool:
    return name in (
        "settlements:reconcile", "terminals:off-board", *API_MOVES, *API_STEPS, "cancel-report",
        "again-report", "remove-layout", "pause-schedule", "resume-schedule", "newer-layout",
        "remove-schedule", "remove-destination", "changes-seen", "settlements:close",
        "settlements:open-again", "settlements:close-all",
        *(DIFFERENCES - {"terminals:difference"}),
        *(CHANGES - {"terminals:change", "terminals:failed"}),
        "merchants:sync-now", "merchants:pause", "merchants:resume", "merchants:remove-view",
        "search-fetch", "transactions:revoke-share",
        "merchants:close-gap", "merchants:end-member", "merchants:withdraw-invitation",
        "merchants:leave", "merchants:revoke-token", "terminals:reveal",
        "terminals:unassign", "terminals:disconnect", "terminals:withdraw", "terminals:decide",
        "terminals:point", "merchants:token",
    )  # fmt: skip


class TestAnonymous:
    def test_is_sent_to_sign_in_or_gets_401(self, worlds: Any, token: Any) -> None:
        anonymous = Caller(None, token)
        before = state()
        for name in sorted(OBJECTS | COLLECTIONS):
            url = own_url(name, worlds["own"]) if name in OBJECTS else TestOutsider._url(name)
            for verb in VERBS:
                answer = anonymous(name, verb, url)
                if name.startswith("api-"):
                    assert answer.status_code == 401, (name, verb)
                    assert answer["Content-Type"] == "application/problem+json"
                else:
                    assert answer.status_code == 302, (name, verb)
                    assert answer["Location"].startswith("/sign-in/?next=")
        assert state() == before


# What each address asks of those who belong there; the others are one's own things.
RIGHTS = {
    **dict.fromkeys(
        (
            "transactions:list", "transactions:detail", "transactions:slip", "transactions:pdf",
            "transactions:share", "transactions:note", "transactions:revoke-share",
            "transactions:sessions", "transactions:session",
            "terminals:list",
            "terminals:detail", "terminals:people", "terminals:person", "merchants:branches",
            "merchants:branch", "search", "search-fetch", "api-search",
            "api-branches-list", "api-branches-detail",
            "api-terminals-list", "api-terminals-detail", "api-terminal-users-list",
            "api-terminal-users-detail", "api-transactions-list", "api-transactions-detail",
            "api-transactions-receipt", "api-sessions-list", "api-sessions-detail",
            "api-operations-list", "api-operations-detail", "terminals:holders",
            "api-terminals-holders", "terminals:operation", "terminals:all-operations",
            "terminals:difference", "terminals:differences", "timeline", "alert-choices",
        ),
        Right.LOOK_UP,
    ),
    **dict.fromkeys(
        (
            "settlements:list", "settlements:detail", "api-reconciliations-list",
            "api-reconciliations-detail",
        ),
        Right.FIGURES,
    ),
    **dict.fromkeys(
        (
            "merchants:accounts", "merchants:connect", "merchants:account", "merchants:progress",
            "merchants:edit-account", "merchants:sync-now", "merchants:pause",
            "merchants:resume", "merchants:remove-account", "merchants:close-gap",
            "api-accounts-list", "api-accounts-detail", "api-sync-runs-list",
            "api-sync-runs-detail",
        ),
        Right.ACCOUNTS,
    ),
    **dict.fromkeys(
        (
            "merchants:team", "merchants:invite", "merchants:new-role", "merchants:change-member",
            "merchants:end-member", "merchants:withdraw-invitation", "merchants:change-role",
            "merchants:keeping", "transactions:limits",
        ),
        Right.TEAM,
    ),
    "terminals:reveal": Right.REVEAL,
    "terminals:erase": Right.FLEET,
    **dict.fromkeys(sorted(MOVES - {"terminals:operations"}), Right.FLEET),
    **dict.fromkeys(
        sorted(API_MOVES | DIFFERENCES - {"terminals:difference"}), Right.FLEET
    ),
    **dict.fromkeys(sorted(API_STEPS), Right.PAYMENTS),
    **dict.fromkeys(sorted(CHANGES), Right.FLEET),
    "terminals:off-board": Right.FLEET,
    "terminals:describe": Right.FLEET,
    "terminals:sheet": Right.FLEET,
    **dict.fromkeys(
        (
            "settlements:closing", "settlements:month", "changes", "changes-seen",
        ),
        Right.FIGURES,
    ),
    **dict.fromkeys(
        ("settlements:close", "settlements:close-all"), Right.CLOSE
    ),
    "settlements:open-again": Right.REOPEN,
    **dict.fromkeys(
        (
            "new-layout", "new-schedule", "journal", "layout", "remove-layout",
            "settlements:document",
        ),
        Right.EXPORT,
    ),
    "destinations": Right.ACCOUNTS,
    "remove-destination": Right.ACCOUNTS,
    "api-reports-list": Right.EXPORT,
    "settlements:reconcile": Right.FLEET,
    "merchants:branch-day": Right.FLEET,
    "transactions:withdraw": Right.PAYMENTS,
    "transactions:ask": Right.PAYMENTS,
    "transactions:refund": Right.PAYMENTS,
    "transactions:payment": Right.PAYMENTS,
    "merchants:token": Right.ACCOUNTS,
    "merchants:branch-join": Right.FLEET,
    "transactions:desk": Right.LOOK_UP,
    "transactions:till": Right.PAYMENTS,
    "transactions:lost": Right.PAYMENTS,
    "terminals:point": Right.FLEET,
    "transactions:second": Right.PAYMENTS,
    "transactions:at-provider": Right.CARDS,
    "terminals:report": Right.EXPORT,
    "reports": Right.EXPORT,
    "new-report": Right.EXPORT,
    "terminals:many": Right.FLEET,
    "terminals:template": Right.FLEET,
    "terminals:choose": Right.FLEET,
    "terminals:new": Right.FLEET,
    "terminals:add": Right.FLEET,
    "terminals:new-branch": Right.FLEET,
    "terminals:operations": Right.LOOK_UP,
    "person-data": Right.PERSONAL,
    "merchants:trail": Right.TRAIL,
    "merchants:tokens": Right.TOKENS,
    "merchants:revoke-token": Right.TOKENS,
}  # fmt: skip
# Everybody's own: what they show is narrowed to what the person may see.
OWN = {
    "home", "notices", "merchants:choose-member",
    *(FORMS - {"search-fetch", "changes-seen", "settlements:close-all"}),
    "merchants:remove-view",
    # A report is its person's alone; what they may have is asked when it is made, and tried there.
    "report", "cancel-report", "again-report", "report-file", "schedule", "pause-schedule",
    "resume-schedule", "newer-layout", "remove-schedule", "api-reports-detail",
    "api-reports-file", "api-reports-proof",
}  # fmt: skip


def test_every_address_names_its_right() -> None:
    assert set(RIGHTS) | OWN == OBJECTS | COLLECTIONS
    assert not set(RIGHTS) & OWN


def person_with(worlds: Any, role: str, rights: list[str] | None = None) -> Membership:
    """A member of the first merchant in a role, or with a role of their own."""
    merchant = worlds["own"].merchant
    if rights is None:
        return add_person(email="b@acme.test", merchant=merchant, role=role)
    own = CustomRole.objects.create(merchant=merchant, name="Own", rights=rights)
    user = User.objects.create_user("b@acme.test")
    return Membership.objects.create(user=user, merchant=merchant, role="CUSTOM", custom_role=own)


class TestOwnSignIn:
    def test_is_nobodys_without_a_session(self, db: None) -> None:
        for name in sorted(OWN_SIGN_IN):
            url = reverse(
                name, args=[1] if name.endswith(("remove_webauthn", "edit_webauthn")) else []
            )
            for verb in VERBS:
                answer = getattr(Client(), verb)(url)
                assert answer.status_code == 302, (name, verb)
                assert answer["Location"].startswith("/sign-in/"), (name, verb)

    @pytest.mark.parametrize("name", ["mfa_remove_webauthn", "mfa_edit_webauthn"])
    def test_a_passkey_is_its_owners(
        self, alice: Membership, mallory: Membership, token: Any, name: str
    ) -> None:
        own = Authenticator.objects.create(
            user=alice.user, type="webauthn", data={"name": "Phone", "credential": {}}
        )
        url = reverse(name, args=[own.pk])
        for verb in VERBS:
            caller = Caller(mallory, token).pages
            there = getattr(caller, verb)(url)
            nowhere = getattr(caller, verb)(reverse(name, args=[own.pk + 1]))
            assert there.status_code == nowhere.status_code, verb
            assert there.status_code in (404, 405) or verb == "options"
        own.refresh_from_db()
        assert own.data["name"] == "Phone"


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "rights"),
        [
            ("ADMIN", None), ("ACCOUNTANT", None), ("SUPPORT", None), ("CUSTOM", []),
            *(
                pytest.param(*each, marks=pytest.mark.prove)
                for each in (
                    ("OWNER", None), ("CUSTOM", ["LOOK_UP"]), ("CUSTOM", ["FIGURES"]),
                    ("CUSTOM", ["ACCOUNTS"]),
                )
            ),
        ],
    )  # fmt: skip
    def test_reach_what_their_rights_name_and_nothing_else(
        self, worlds: Any, token: Any, role: str, rights: list[str] | None
    ) -> None:
        member = person_with(worlds, role, rights)
        caller = Caller(member, token)
        before = state()
        for name, right in RIGHTS.items():
            url = own_url(name, worlds["own"]) if name in OBJECTS else TestOutsider._url(name)
            for verb in VERBS:
                if member.may(right):
                    if verb in ("get", "head") and not _only_post(name):
                        assert caller(name, verb, url).status_code == 200, (name, verb)
                    continue
                answer = caller(name, verb, url)
                # A verb that the address does not have is refused as such, whoever asks.
                assert answer.status_code in (403, 404, 405), (name, verb, answer.status_code)
                if (
                    answer.status_code == 403
                    and verb == "get"
                    and name not in API_MOVES | API_STEPS
                ):
                    assert str(right.label) in str(answer.content.decode()), name
                assert verb not in ("get", "head") or answer.status_code != 405 or _only_post(name)
        if not member.may(Right.ACCOUNTS):
            assert state() == before
        links = caller.pages.get("/").content.decode()
        for url, right in (
            ("/transactions/", Right.LOOK_UP), ("/terminals/", Right.LOOK_UP),
            ("/reconciliations/", Right.FIGURES), ("/accounts/", Right.ACCOUNTS),
        ):  # fmt: skip
            assert (f'class="entry" href="{url}"' in links) is member.may(right), url

    def test_a_download_needs_its_own_right(self, worlds: Any, token: Any) -> None:
        caller = Caller(person_with(worlds, "SUPPORT"), token)
        page = caller.pages.get("/transactions/")
        assert page.status_code == 200
        assert "download=csv" not in page.content.decode()
        refused = caller.pages.get("/transactions/?download=csv")
        assert refused.status_code == 403
        assert "Download rows and reports" in refused.content.decode()

    def test_no_figure_is_shown_without_the_right_to_figures(
        self, worlds: Any, token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reports.views.now", lambda: NOON)
        shown = Caller(person_with(worlds, "SUPPORT"), token).pages.get("/")
        assert "today" not in shown.context
        assert 'class="money"' not in shown.content.decode()

    @pytest.mark.parametrize("field", ["ended_at", "expires_at"])
    def test_a_membership_that_is_over_opens_nothing_at_once(
        self, worlds: Any, token: Any, field: str
    ) -> None:
        member = person_with(worlds, "ADMIN")
        caller = Caller(member, token)
        assert caller.pages.get("/transactions/").status_code == 200
        assert caller.api.get("/api/v1/transactions/").status_code == 200
        moment = timezone.now() - timedelta(seconds=1)
        Membership.objects.filter(pk=member.pk).update(**{field: moment})
        assert caller.pages.get("/transactions/").status_code == 403
        assert caller.api.get("/api/v1/transactions/").status_code == 401

    def test_support_sees_people_masked(self, worlds: Any, token: Any) -> None:
        member = add_person(email="b@acme.test", merchant=worlds["own"].merchant, role="SUPPORT")
        shown = (
            Caller(member, token).api.get("/api/v1/terminal-users/?page_size=500").json()["results"]
        )
        real = {person.pk: person for person in TerminalUser.objects.filter(account=worlds["own"])}
        assert shown
        for each in shown:
            assert each["mobile"] != real[each["id"]].mobile
            assert (real[each["id"]].mobile or "")[5:-2] not in (each["mobile"] or "")
        unmasked = (
            Caller(worlds["alice"], token).api.get("/api/v1/terminal-users/").json()["results"]
        )
        assert unmasked[0]["mobile"] == real[unmasked[0]["id"]].mobile

    @pytest.mark.parametrize("role", ["SUPPORT", "ACCOUNTANT"])
    def test_names_mobiles_and_emails_are_masked_in_every_output(
        self, worlds: Any, token: Any, role: str
    ) -> None:
        own = worlds["own"]
        TerminalUser.objects.filter(account=own).update(email="reem.q@shop.test")
        people = list(TerminalUser.objects.filter(account=own))
        hidden = {text for each in people for text in (each.name, each.mobile, each.email) if text}
        assert len(hidden) > 10
        held = Terminal.objects.filter(account=own).exclude(terminal_user=None).order_by("pk")[0]
        sold = Transaction.objects.filter(account=own).exclude(terminal_user=None).order_by("pk")[0]
        urls = [
            "/", "/notices/", "/terminals/", f"/terminals/{held.pk}/", "/terminals/people/",
            f"/terminals/people/{held.terminal_user_id}/", "/transactions/",
            f"/transactions/{sold.pk}/", f"/transactions/{sold.pk}/?peek",
            f"/transactions/{sold.pk}/slip/", f"/search/?q={held.tid}",
            f"/transactions/?terminal_user={held.terminal_user_id}",
        ]  # fmt: skip
        files = [
            f"{url}?columns=holder&columns=terminals&download=csv"
            for url in ("/transactions/", "/terminals/", "/terminals/people/")
        ]
        api = [
            "/api/v1/terminals/?page_size=500", "/api/v1/terminal-users/?page_size=500",
            "/api/v1/transactions/?page_size=500", f"/api/v1/transactions/{sold.pk}/receipt/",
        ]  # fmt: skip

        def seen(member: Membership, urls: list[str]) -> dict[str, set[str]]:
            caller = Caller(member, token)
            found = {}
            for url in urls:
                answer: Any = (caller.api if url in api else caller.pages).get(url, follow=True)
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                text = body.decode()
                found[url] = {each for each in hidden if each in text}
            return found

        member = person_with(worlds, role)
        asked = urls + api + (files if role == "ACCOUNTANT" else [])
        assert {url: leaked for url, leaked in seen(member, asked).items() if leaked} == {}
        # The control: an owner sees them at the same addresses.
        full = seen(worlds["alice"], [*files, *api[:3], "/terminals/people/"])
        assert all(full.values()), full
        probe = Caller(member, token).pages.get(f"/terminals/people/?name={people[0].name[:3]}")
        assert len(probe.context["page"].rows) == len(people)

    def test_a_cursor_cannot_be_read(self, worlds: Any, token: Any) -> None:
        caller = Caller(person_with(worlds, "SUPPORT"), token)
        page = caller.pages.get("/terminals/people/?few=1").context["page"]
        assert page.next
        raw = urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4))
        assert page.rows[-1].name.encode() not in raw

    @pytest.mark.parametrize(
        ("role", "whole"), [("OWNER", True), ("ACCOUNTANT", False), ("SUPPORT", False)]
    )
    def test_the_first_digits_of_a_card_need_their_right(
        self, worlds: Any, token: Any, role: str, whole: bool
    ) -> None:
        sold = Transaction.objects.filter(account=worlds["own"], status="APPROVED").order_by("pk")[
            0
        ]
        caller = Caller(person_with(worlds, role), token)
        (shown, *_rest) = caller.api.get(f"/api/v1/transactions/{sold.pk}/receipt/").json()
        pan = shown["fields"]["pan"]
        assert pan.endswith(sold.pan_last4 or "?")
        assert pan[:4].isdigit() is whole
        for url in (f"/transactions/{sold.pk}/", f"/transactions/{sold.pk}/slip/"):
            assert pan in caller.pages.get(url).content.decode()

    def test_one_branch_is_one_branch_everywhere(self, worlds: Any, token: Any) -> None:
        from merchants.queries import branches_for

        account = worlds["own"]
        member = add_person(email="b@acme.test", merchant=account.merchant, role="SUPPORT")
        Membership.objects.filter(pk=member.pk).update(every_branch=False)
        member.refresh_from_db()
        caller = Caller(member, token)
        assert caller.api.get("/api/v1/transactions/").json()["results"] == []
        mine, foreign = (each.branch for each in account.branches.order_by("pk")[:2])
        member.branches.add(mine)
        assert list(branches_for(member)) == [mine]
        for name in ("transactions", "terminals", "sessions"):
            found = caller.api.get(f"/api/v1/{name}/?page_size=500").json()["results"]
            assert found, name
            assert {each["branch"]["id"] for each in found} == {mine.pk}, name
        hidden = Transaction.objects.filter(branch=foreign).order_by("pk")[0]
        assert caller.pages.get(f"/transactions/{hidden.pk}/").status_code == 404
        assert foreign.name not in caller.pages.get("/transactions/").content.decode()


def test_the_database_holds_a_row_to_the_merchant_of_its_account(worlds: Any) -> None:
    """Whatever code does: rows are told apart by merchant, and read by account."""
    mine = worlds["alice"].merchant
    models: list[Any] = [Terminal, TerminalUser, Device, Transaction, Session, Reconciliation]
    for model in models:
        row = model.objects.filter(account__merchant=mine)[:1]
        assert row
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.filter(pk=row[0].pk).update(merchant=worlds["mallory"].merchant)


def test_the_database_holds_what_a_transaction_refers_to_to_its_merchant(worlds: Any) -> None:
    mine = Transaction.objects.filter(account=worlds["own"])
    theirs = Transaction.objects.filter(account=worlds["other"]).exclude(device=None)[0]
    for name in ("branch", "terminal", "terminal_user", "device"):
        other = getattr(theirs, f"{name}_id")
        for wrong in (other, 10**15):
            with pytest.raises(IntegrityError, match="another merchant"), transaction.atomic():
                mine.filter(pk=mine[0].pk).update(**{f"{name}_id": wrong})
        parent = type(getattr(theirs, name)).objects.filter(pk=other)
        with pytest.raises(IntegrityError), transaction.atomic():
            parent._raw_delete(using="default")
