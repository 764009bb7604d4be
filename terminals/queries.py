"""What of terminals a person may see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from merchants.models import Branch, Drift, Membership, Operation, ProviderAccount
from merchants.queries import branch_limit, drifts_for, known_gone, member_of
from portal.upsert import hashes
from providers.base.provider import FollowsTerminals
from providers.base.registry import providers_that
from terminals.models import Alias, BulkChange, BulkRow, Holding, Terminal, TerminalUser


def terminals_for(member: Membership) -> QuerySet[Terminal]:
    """The terminals that a person may see."""
    own = Terminal.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal_user", "account")


def own_terminal(request: HttpRequest, pk: int) -> Terminal:
    """The terminal of an address, 404 for whoever may not see it."""
    return get_object_or_404(terminals_for(member_of(request)), pk=pk)


def terminal_users_for(member: Membership) -> QuerySet[TerminalUser]:
    """The people who hold terminals; for a branch-limited person, those of their branches."""
    own = TerminalUser.objects.filter(merchant=member.merchant_id)
    if member.sees_every_branch:
        return own
    return own.filter(pk__in=terminals_for(member).values("terminal_user_id"))


def terminal_users_with_terminals(member: Membership) -> QuerySet[TerminalUser]:
    """The same, with those of the terminals that they hold which the person may see."""
    held = terminals_for(member).order_by("tid", "pk")
    own = terminal_users_for(member).select_related("account")
    return own.prefetch_related(Prefetch("terminals", held))


def holders_in(member: Membership, branch: Branch) -> QuerySet[Any, Any]:
    """The pks of those who hold a terminal in one branch."""
    return terminals_for(member).filter(branch=branch).values("terminal_user_id")


def person_by_mobile(
    member: Membership, account: ProviderAccount, mobile: str
) -> TerminalUser | None:
    """Who of the account's people has a number: whom the provider will take it for."""
    own = terminal_users_for(member).filter(account=account, erased_at=None)
    return own.filter(mobile=mobile).order_by("pk").first()


def attach_subjects(rows: Sequence[Any]) -> None:
    """Give operations or differences the `subject` that they are about: three queries for all."""
    kinds: dict[str, Any] = {
        "terminal": Terminal.objects.select_related("terminal_user", "branch", "account"),
        "terminaluser": TerminalUser.objects.select_related("account"),
        "branch": Branch.objects.all(),
    }
    # What an app above this one owns, known by its name alone.
    kinds |= {
        str(model._meta.model_name): model._default_manager.all()
        for model in apps.get_models()
        if model._meta.model_name not in kinds
    }
    found = {
        kind: kinds[kind].in_bulk(
            {row.subject_id for row in rows if row.subject_kind == kind} - {None}
        )
        for kind in {row.subject_kind for row in rows} & set(kinds)
    }
    for row in rows:
        row.subject = found.get(row.subject_kind, {}).get(row.subject_id)


def attach_values(rows: Sequence[Any]) -> None:
    """Give differences what each side says, as people read it: `ours` and `theirs_said`."""
    pks = {field: set[int]() for field in (Drift.Field.HOLDER, Drift.Field.BRANCH)}
    for row in rows:
        if row.field in pks:
            pks[row.field] |= {each for each in (row.agreed, row.theirs) if each is not None}
    people = TerminalUser.objects.in_bulk(pks[Drift.Field.HOLDER])
    branches = Branch.objects.in_bulk(pks[Drift.Field.BRANCH])
    for row in rows:
        if row.field == Drift.Field.HOLDER:
            own = row.subject.terminal_user if row.subject else None
            row.ours, row.theirs_said = own, people.get(row.theirs)
        elif row.field == Drift.Field.BRANCH:
            own = row.subject.branch if row.subject else None
            row.ours, row.theirs_said = own, branches.get(row.theirs)
        elif row.field == Drift.Field.GONE:
            row.ours, row.theirs_said = True, False
        else:
            ours = getattr(row.subject, row.field.lower(), row.agreed)
            row.ours, row.theirs_said = ours, row.theirs


def drifts_seen_by(member: Membership) -> QuerySet[Drift]:
    """Where providers differ from us: of all for who sees every branch, else of their terminals."""
    if member.sees_every_branch:
        return drifts_for(member)
    own = Drift.objects.filter(merchant=member.merchant_id, ended_at=None, subject_kind="terminal")
    own = own.filter(subject_id__in=terminals_for(member).values("pk"))
    return own.select_related("account", "operation", "decided_by")


def changes_for(member: Membership) -> QuerySet[BulkChange]:
    """Changes of many terminals: one's own, and all of them for who sees every branch."""
    own = BulkChange.objects.filter(merchant=member.merchant_id).select_related("by__user")
    return own if member.sees_every_branch else own.filter(by=member.pk)


def progress_of(change: BulkChange) -> dict[str, int]:
    """How many rows stand where, by state; those whose end a person must say are `STUCK`."""
    found = change.rows.order_by().values("state").annotate(number=Count("pk"))
    numbers = {row["state"]: row["number"] for row in found}
    stuck = change.rows.filter(
        state=BulkRow.State.ASKED, operation__state=Operation.State.UNKNOWN, operation__next_at=None
    )
    return {state: numbers.get(state, 0) for state in BulkRow.State.values} | {
        "STUCK": stuck.count() if numbers.get("ASKED") else 0
    }


def holdings_for(member: Membership) -> QuerySet[Holding]:
    """Who held the terminals that a person may see."""
    own = Holding.objects.filter(terminal__in=terminals_for(member).values("pk"))
    return own.select_related("terminal_user", "operation__requested_by")


def holder_at(
    terminal: Terminal, at: datetime, *, known_at: datetime | None = None
) -> Holding | None:
    """Who held a terminal at a time, as far as we know, or knew at `known_at`; None: not known."""
    own = Holding.objects.filter(terminal=terminal, since_at__lte=at)
    if known_at is not None:
        own = own.filter(learned_at__lte=known_at)
    return own.select_related("terminal_user").order_by("-since_at", "-pk").first()


def held_since(terminals: Sequence[Terminal]) -> dict[int, datetime]:
    """Since when each terminal is held by whoever holds it, as far as the ledger knows."""
    own = Holding.objects.filter(terminal__in=terminals).order_by("terminal", "-since_at", "-pk")
    rows = own.distinct("terminal").values_list("terminal", "terminal_user", "since_at")
    holders = {each.pk: each.terminal_user_id for each in terminals}
    return {pk: since for pk, holder, since in rows if holders[pk] == holder}


def holding_then(at: str) -> Subquery:
    """Who held a row's terminal at the row's own time, in the row's own query: see `held_then`."""
    own = Holding.objects.filter(terminal=OuterRef("terminal"), since_at__lte=OuterRef(at))
    told = {"pk": "terminal_user", "since": "since_at"}
    person = {name: f"terminal_user__{name}" for name in ("name", "ref", "erased_at")}
    row = own.order_by("-since_at", "-pk").values(json=JSONObject(**told, **person))
    return Subquery(row[:1])


def held_then(found: dict[str, Any] | None) -> tuple[TerminalUser, datetime] | None:
    """The person and since when, of what `holding_then` found; None where nobody did."""
    if found is None or found["pk"] is None:
        return None
    erased_at = found["erased_at"] and datetime.fromisoformat(found["erased_at"])
    person = TerminalUser(pk=found["pk"], name=found["name"], ref=found["ref"], erased_at=erased_at)
    return person, datetime.fromisoformat(found["since"])


def with_ends(holdings: QuerySet[Holding]) -> QuerySet[Any]:
    """The same with `until_at`, when the next one began; None: it lasts."""
    later = Holding.objects.filter(
        Q(since_at__gt=OuterRef("since_at"))
        | Q(since_at=OuterRef("since_at"), pk__gt=OuterRef("pk")),
        terminal=OuterRef("terminal"),
    )
    following = later.order_by("since_at", "pk").values("since_at")[:1]
    return holdings.annotate(until_at=Subquery(following))


def terminal_refs(account: ProviderAccount) -> list[str]:
    """The provider's references of an account's terminals."""
    own = Terminal.objects.filter(account=account, ref__isnull=False).order_by("pk")
    return [ref for ref in own.values_list("ref", flat=True) if ref]


def unlisted_terminals(account: ProviderAccount, listed: set[str]) -> list[str]:
    """The refs of those of an account's terminals that a whole list left out, and had before."""
    own = Terminal.objects.filter(account=account, ref__isnull=False, content_hash__isnull=False)
    own = own.exclude(pk__in=known_gone(account, "terminal"))
    return sorted({ref for ref in own.values_list("ref", flat=True) if ref} - listed)


def terminal_of(operation: Operation) -> Terminal:
    """The terminal that an operation is about."""
    return Terminal.objects.select_related("branch").get(pk=operation.subject_id or 0)


def terminals_by_ref(account: ProviderAccount, refs: Sequence[str]) -> dict[str, Terminal]:
    """An account's terminals by the provider's references, present and former ones."""
    if not refs:
        return {}
    former = Alias.objects.filter(account=account, ref__in=refs).select_related("terminal__branch")
    found = Terminal.objects.filter(account=account, ref__in=refs).select_related("branch")
    by_ref = {alias.ref: alias.terminal for alias in former}
    return by_ref | {terminal.ref: terminal for terminal in found if terminal.ref}


def refs_of(terminal: Terminal) -> set[str]:
    """What the provider calls a terminal, and has called it."""
    former = terminal.aliases.values_list("ref", flat=True)
    return {*former, *([terminal.ref] if terminal.ref else [])}


def terminals_by_tid(account: ProviderAccount, tids: Sequence[str]) -> dict[str, Terminal]:
    """An account's terminals by their ids, with their branches."""
    found = Terminal.objects.filter(account=account, tid__in=tids).select_related("branch")
    return {terminal.tid: terminal for terminal in found}


def has_numbered(member: Membership) -> bool:
    """Whether a person's merchant has an account whose terminals are known by number only."""
    own = ProviderAccount.objects.filter(
        merchant=member.merchant_id, provider__in=providers_that(FollowsTerminals)
    )
    return own.exclude(state=ProviderAccount.State.REMOVED).exists()


def tids_of(account: ProviderAccount) -> list[str]:
    """The numbers of an account's terminals."""
    own = Terminal.objects.filter(account=account).order_by("pk")
    return list(own.values_list("tid", flat=True))


def hashes_by_tid(account: ProviderAccount, tids: Sequence[str]) -> dict[str, bytes]:
    """The same as `stored_hashes`, by the terminals' numbers."""
    own = Terminal.objects.filter(account=account, tid__in=tids)
    found = own.values_list("tid", "content_hash")
    return {tid: bytes(digest) for tid, digest in found if digest is not None}


def stored_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of some terminals that are stored."""
    return hashes("terminals_terminal", account.pk, refs)
