"""What of merchants a person may see, and how fresh it is."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from merchants.models import (
    ApiToken,
    AuditEntry,
    Bookmark,
    Branch,
    BranchIdentity,
    CustomRole,
    DayChange,
    Drift,
    Gap,
    Invitation,
    Membership,
    Merchant,
    Operation,
    ProviderAccount,
    Right,
    SavedView,
    SetAside,
    SyncRun,
    SyncStep,
    User,
)
from portal import isolation
from portal.templatetags.show import branch_text
from providers.base.registry import providers

MAIN = "transactions"
# A choice of more branches than these is made by searching.
MOST_BRANCHES = 500
# The session's key for the membership that a person has chosen.
CHOSEN = "membership"
# Likewise for the branch to which lists and figures are kept.
CHOSEN_BRANCH = "branch"


def member_of(request: HttpRequest) -> Membership:
    """The membership as which a request acts; a person without one may see nothing."""
    member: Membership | None = getattr(request, "member", None)
    if member is None:
        raise PermissionDenied(
            _("You are not a member of any merchant. Ask an owner to invite you.")
        )
    return member


def in_force(moment: datetime, path: str = "") -> Q:
    """The condition that a membership has neither been ended nor come to its own end."""
    over = Q(**{f"{path}expires_at__lte": moment})
    return Q(**{f"{path}ended_at": None}) & ~over


def memberships_of(user: User) -> list[Membership]:
    """The merchants for which a person works now."""
    with isolation.of_person(user.pk):
        own = Membership.objects.filter(in_force(timezone.now()), user=user)
        own = own.select_related("merchant", "user", "custom_role")
        return list(own.order_by("merchant__name", "pk"))


@contextmanager
def of_account(account_id: int) -> Iterator[None]:
    """See the rows of an account's merchant. Raises ProviderAccount.DoesNotExist."""
    with isolation.everywhere():
        merchant = ProviderAccount.objects.values_list("merchant_id", flat=True).get(pk=account_id)
    with isolation.of(merchant):
        yield


def member_with(request: HttpRequest, right: Right) -> Membership:
    """The membership as which a request acts, which must have a right."""
    member = member_of(request)
    member.need(right)
    return member


def branch_limit(member: Membership, path: str = "branch") -> Q:
    """The condition that keeps a branch-limited person to their branches."""
    kept = member.kept_to_branches
    limit = Q() if kept is None else Q(**{f"{path}__in": sorted(kept)})
    if member.every_branch:
        return limit
    own = Membership.branches.through.objects.filter(membership=member).values("branch_id")
    return limit & Q(**{f"{path}__in": own})


def branches_for(member: Membership) -> QuerySet[Branch]:
    """The branches that a person may see."""
    own = Branch.objects.filter(merchant=member.merchant_id)
    return own.filter(branch_limit(member, "pk"))


def branches_with_identities(member: Membership) -> QuerySet[Branch]:
    """The same, with what each provider calls them."""
    identities = BranchIdentity.objects.select_related("account").order_by("pk")
    return branches_for(member).prefetch_related(Prefetch("identities", identities))


# An address that names a place of its own is answered for that place.
PLACES = ("branch", "terminal", "terminal_user", "tid")


def in_branch(request: HttpRequest, path: str = "branch") -> Q:
    """The condition that keeps a list to the branch that a person has chosen."""
    here = member_of(request).here
    named = any(request.GET.get(place) for place in PLACES)
    return Q() if here is None or named else Q(**{path: here.pk})


def main_zone(member: Membership) -> str:
    """On whose wall clock something of the whole merchant is said: that of most branches."""
    zones = branches_for(member).order_by().values_list("zone").annotate(found=Count("pk"))
    return str(max(zones, key=lambda each: each[1], default=("UTC", 0))[0])


def merchant_that_answers(slug: str) -> Merchant | None:
    """The merchant of whom anybody may ask whether a receipt is genuine."""
    with isolation.everywhere():
        return Merchant.objects.filter(slug=slug, answers_checks=True).first()


def team_of(member: Membership) -> QuerySet[Membership]:
    """Everybody who works or has worked for a merchant."""
    own = Membership.objects.filter(merchant=member.merchant_id, user__is_service=False)
    return own.select_related("user", "custom_role").order_by("user__name", "pk")


def roles_for(member: Membership) -> QuerySet[CustomRole]:
    """The merchant's own roles."""
    return CustomRole.objects.filter(merchant=member.merchant_id).order_by("name", "pk")


def invitations_for(member: Membership) -> QuerySet[Invitation]:
    """The places that are offered, for who may offer them."""
    own = Invitation.objects.filter(merchant=member.merchant_id)
    found = own.select_related("custom_role", "invited_by").order_by("-created_at", "-pk")
    return found if member.may(Right.TEAM) else found.none()


def tokens_for(member: Membership) -> QuerySet[ApiToken]:
    """The keys to the API that a person may see: their own, and for managers the whole team's."""
    own = ApiToken.objects.filter(membership__merchant=member.merchant_id)
    found = own if member.may(Right.TEAM) else own.filter(membership=member)
    found = found.select_related("membership__user").order_by("-created_at", "-pk")
    return found if member.may(Right.TOKENS) else found.none()


def trail_for(member: Membership) -> QuerySet[AuditEntry]:
    """The trail of a merchant, for who may read it."""
    own = AuditEntry.objects.filter(merchant=member.merchant_id).select_related("actor")
    return own if member.may(Right.TRAIL) else own.none()


def accounts_of(member: Membership) -> QuerySet[ProviderAccount]:
    """The accounts that a change can be asked of; who may change terminals need not manage them."""
    own = ProviderAccount.objects.filter(merchant=member.merchant_id)
    return own.exclude(state=ProviderAccount.State.REMOVED)


def day_changes_of(branch: Branch) -> list[DayChange]:
    """How a branch's business day was changed, the latest first, and what that has moved."""
    own = DayChange.objects.filter(branch=branch).select_related("by")
    return list(own.order_by("-pk")[:10])


def at_present_days(branches: Iterable[Branch]) -> None:
    """Read again when the business days of some branches begin.

    Who stores rows has known the branches for as long as a reading takes.
    """
    known = list(branches)
    rules = {
        pk: (zone, cut_off)
        for pk, zone, cut_off in Branch.objects.filter(
            pk__in={each.pk for each in known}
        ).values_list("pk", "zone", "cut_off")
    }
    for each in known:
        each.zone, each.cut_off = rules[each.pk]


def operations_for(member: Membership) -> QuerySet[Operation]:
    """What was asked of providers, for who sees every branch: of what branch each is, a room above
    this one knows."""
    own = Operation.objects.filter(merchant=member.merchant_id)
    own = own.select_related("requested_by", "account")
    return own if member.sees_every_branch else own.none()


def open_operations(kind: str, pks: Collection[int]) -> dict[int, Operation]:
    """Those of some things that are not over, by the thing."""
    own = Operation.objects.filter(
        subject_kind=kind, subject_id__in=pks, state__in=Operation.OPEN, needs_second=False
    ).select_related("requested_by")
    return {each.subject_id: each for each in own if each.subject_id is not None}


def operations_of(subject: models.Model) -> QuerySet[Operation]:
    """What was asked of a provider about one thing, the latest first."""
    own = Operation.objects.filter(
        subject_kind=subject._meta.model_name, subject_id=subject.pk
    ).select_related("requested_by")
    return own.order_by("-pk")


def known_gone(account: ProviderAccount, kind: str) -> QuerySet[Any, Any]:
    """The pks of what is known to be gone at the provider, where nobody has decided yet."""
    own = Drift.objects.filter(account=account, subject_kind=kind, ended_at=None)
    return own.filter(field=Drift.Field.GONE).values("subject_id")


def unlisted_branches(account: ProviderAccount, listed: set[str]) -> list[str]:
    """The refs of those of an account's branches that a whole list left out, and had before."""
    own = BranchIdentity.objects.filter(account=account, content_hash__isnull=False)
    own = own.exclude(branch__in=known_gone(account, "branch"))
    return sorted(set(own.values_list("ref", flat=True)) - listed)


def drifts_for(member: Membership) -> QuerySet[Drift]:
    """Where providers say otherwise than was agreed; for who sees every branch."""
    own = Drift.objects.filter(merchant=member.merchant_id, ended_at=None)
    own = own.select_related("account", "operation", "decided_by")
    return own if member.sees_every_branch else own.none()


def drifts_of(subject: models.Model) -> QuerySet[Drift]:
    """The same of one thing, the latest first."""
    own = Drift.objects.filter(subject_kind=subject._meta.model_name, subject_id=subject.pk)
    return own.select_related("account", "operation", "decided_by").order_by("-pk")


def branch_names(request: HttpRequest) -> dict[str, str]:
    """What the branches that a person may choose from are called, by pk as an address has it."""
    return {str(each.pk): branch_text(each) for each in request.branches}  # type: ignore[attr-defined]


def saved_views(member: Membership, list_: str) -> QuerySet[SavedView]:
    """The views of a list that a person has saved, and those that the team shares."""
    own = SavedView.objects.filter(merchant=member.merchant_id, list=list_)
    return own.filter(Q(author=member.user_id) | Q(shared=True)).order_by("name", "pk")


def removable_views(member: Membership) -> QuerySet[SavedView]:
    """The views that a person may take away: their own, and for managers the shared ones."""
    own = SavedView.objects.filter(merchant=member.merchant_id)
    theirs = Q(author=member.user_id)
    return own.filter(theirs | Q(shared=True) if member.may(Right.TEAM) else theirs)


def accounts_for(member: Membership) -> QuerySet[ProviderAccount]:
    """The accounts that a person may manage; none for those who manage nothing."""
    own = ProviderAccount.objects.filter(merchant=member.merchant_id)
    return own if member.may_see_accounts else own.none()


def providers_of(member: Membership) -> list[str]:
    """The providers whose rows a person may see, also of removed accounts."""
    own = ProviderAccount.objects.filter(merchant=member.merchant_id)
    return sorted(set(own.values_list("provider", flat=True)))


def runs_for(member: Membership) -> QuerySet[SyncRun]:
    """The sync runs of the accounts that a person may see."""
    steps = SyncStep.objects.order_by("position", "pk")
    own = SyncRun.objects.filter(account__in=accounts_for(member))
    return own.select_related("account", "requested_by").prefetch_related(Prefetch("steps", steps))


def set_aside_for(member: Membership) -> QuerySet[SetAside]:
    """The items of a person's accounts that could not be read."""
    return SetAside.objects.filter(account__in=accounts_for(member))


@dataclass(frozen=True)
class Freshness:
    """How complete one provider's transactions are."""

    provider: str
    title: str
    # On whose wall clock it is said.
    zone: str
    complete_to: datetime | None
    gaps: int
    state: str
    running: bool
    # The account and the stretch of the latest gap, where there is one.
    gap: Gap | None = None
    accounts: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.complete_to is None:
            said = _("%(title)s is not complete yet") % {"title": self.title}
        else:
            until = f"{self.complete_to.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"
            said = _("%(title)s complete to %(until)s") % {"title": self.title, "until": until}
        gaps = ngettext("%(gaps)d gap", "%(gaps)d gaps", self.gaps) % {"gaps": self.gaps}
        return f"{said}, {gaps}" if self.gaps else said


def freshness_of(member: Membership) -> list[Freshness]:
    """For each provider, up to when its transactions are all here: its least complete account."""
    mark = Bookmark.objects.filter(account=OuterRef("pk"), resource=MAIN).values("complete_to")
    gaps = (
        Gap.objects.filter(account=OuterRef("pk"), resource=MAIN)
        .order_by().values("account").annotate(found=Count("pk")).values("found")
    )  # fmt: skip
    # By the index of what runs, however long the history is.
    running = SyncRun.objects.filter(state=SyncRun.State.RUNNING, account=OuterRef("pk"))
    accounts = list(
        ProviderAccount.objects.filter(merchant=member.merchant_id)
        .exclude(state=ProviderAccount.State.REMOVED)
        .annotate(
            complete_to=Subquery(mark[:1]), gaps_found=Subquery(gaps[:1]), runs_now=Exists(running)
        )
        .order_by("provider", "pk")
    )
    open_gaps = Gap.objects.filter(
        account__in=[each.pk for each in accounts if each.gaps_found], resource=MAIN
    )
    latest = {gap.account_id: gap for gap in open_gaps.order_by("until", "pk")}
    found = []
    for provider, group in groupby(accounts, key=lambda account: account.provider):
        own = list(group)
        marks = [account.complete_to for account in own]
        found.append(
            Freshness(
                provider=provider,
                title=providers()[provider].title,
                zone=providers()[provider].default_zone,
                complete_to=min(marks) if None not in marks else None,
                gaps=sum(account.gaps_found or 0 for account in own),
                state=max(account.state for account in own),
                running=any(account.runs_now for account in own),
                gap=max(
                    (latest[each.pk] for each in own if each.pk in latest),
                    key=lambda gap: gap.until,
                    default=None,
                ),
                accounts=tuple(each.pk for each in own),
            )
        )
    return found


def accounts_with_health(member: Membership) -> QuerySet[ProviderAccount]:
    """A person's accounts with how complete they are, what is set aside and what runs."""
    latest = SyncRun.objects.filter(account=OuterRef("pk")).order_by("-started_at", "-pk")
    mark = Bookmark.objects.filter(account=OuterRef("pk"), resource=MAIN).values("complete_to")
    aside = (
        SetAside.objects.filter(account=OuterRef("pk"))
        .order_by()
        .values("account")
        .annotate(found=Count("pk"))
    )
    # One that nobody can close is said beside the figures, and is no trouble.
    gaps = (
        Gap.objects.filter(account=OuterRef("pk"), resource=MAIN, closable=True)
        .order_by().values("account").annotate(found=Count("pk")).values("found")
    )  # fmt: skip
    return accounts_for(member).annotate(
        complete_to=Subquery(mark[:1]),
        aside=Subquery(aside.values("found")[:1]),
        gaps_found=Subquery(gaps[:1]),
        last_state=Subquery(latest.values("state")[:1]),
        last_at=Subquery(latest.values("started_at")[:1]),
    )


def bookmarks_of(account: ProviderAccount) -> list[Bookmark]:
    """Up to when each resource of an account is complete."""
    return list(Bookmark.objects.filter(account=account).order_by("resource", "pk"))


def gaps_of(account: ProviderAccount) -> list[Gap]:
    """The stretches of an account that no run has covered."""
    return list(Gap.objects.filter(account=account).order_by("until", "pk"))
