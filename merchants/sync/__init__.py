"""How branches are synced, and how a whole account is: see `run`."""

from collections.abc import Sequence

from merchants import queries
from merchants.actions import branches as branch_actions
from merchants.actions.resource import Resource
from merchants.models import ProviderAccount
from merchants.sync.gaps import asked_gaps, close_gaps
from merchants.sync.hints import read_hints
from merchants.sync.locks import AlreadyRunning, abandoned_runs, due_accounts, lock_key, revive
from merchants.sync.resources import resources
from merchants.sync.run import Ask, NotActive, run_sync
from portal.upsert import hashes
from providers.base.provider import FindsBranches, ListsBranches

__all__ = [
    "RESOURCES", "AlreadyRunning", "Ask", "NotActive", "abandoned_runs", "asked_gaps", "close_gaps",
    "due_accounts", "lock_key", "read_hints", "resources", "revive", "run_sync",
]  # fmt: skip


def _branch_hashes(account: ProviderAccount, refs: Sequence[str]) -> dict[str, bytes]:
    return hashes("merchants_branchidentity", account.pk, refs)


RESOURCES = [
    Resource(
        name="branches",
        position=10,
        capability=ListsBranches,
        list=lambda connector, period, account: connector.list_branches(period),
        read=lambda connector, items, account: connector.read_branches(items),
        known=_branch_hashes,
        store=branch_actions.store_branches,
        windowed=False,
        finds=FindsBranches,
        find=lambda connector, ref: connector.find_branch(ref),
        unlisted=queries.unlisted_branches,
        gone=branch_actions.note_gone_branches,
    )
]
