"""What of terminals a person may see."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet

from merchants.models import Branch, Membership, ProviderAccount
from merchants.queries import branch_limit
from portal.upsert import hashes
from terminals.models import Terminal, TerminalUser


def terminals_for(member: Membership) -> QuerySet[Terminal]:
    """The terminals that a person may see."""
    own = Terminal.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "terminal_user", "account")


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


def terminal_refs(account: ProviderAccount) -> list[str]:
    """The provider's references of an account's terminals."""
    own = Terminal.objects.filter(account=account, ref__isnull=False).order_by("pk")
    return [ref for ref in own.values_list("ref", flat=True) if ref]


def terminals_by_ref(account: ProviderAccount, refs: Sequence[str]) -> dict[str, Terminal]:
    """An account's terminals by the provider's references."""
    found = Terminal.objects.filter(account=account, ref__in=refs).select_related("branch")
    return {terminal.ref: terminal for terminal in found if terminal.ref}


def terminals_by_tid(account: ProviderAccount, tids: Sequence[str]) -> dict[str, Terminal]:
    """An account's terminals by their ids, with their branches."""
    found = Terminal.objects.filter(account=account, tid__in=tids).select_related("branch")
    return {terminal.tid: terminal for terminal in found}


def stored_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    """The content hashes of those of some terminals that are stored."""
    return hashes("terminals_terminal", account.pk, refs)
