"""How a branch is opened at a provider."""

from datetime import datetime
from typing import Any

from merchants.actions.branches import ensure_branches
from merchants.actions.operations import Found, How, the_one
from merchants.models import BranchIdentity, Operation, ProviderAccount
from providers.base.provider import CreatesBranches, Period
from providers.base.records import BranchRecord, TerminalUserRecord


def _open(connector: Any, operation: Operation) -> BranchRecord:
    asked = operation.asked
    owner = TerminalUserRecord(ref="", **asked["owner"])
    made: BranchRecord = connector.create_branch(
        name=asked["name"], name_ar=asked["name_ar"], reference=asked["reference"], owner=owner
    )
    return made


def _is_there(connector: Any, operation: Operation) -> Found:
    known = set(
        BranchIdentity.objects.filter(
            account=operation.account_id, branch__created_at__lt=operation.requested_at
        ).values_list("ref", flat=True)
    )
    words = {name: operation.asked[name] or None for name in ("name", "name_ar", "reference")}
    return the_one(
        record
        for batch in connector.list_branches(Period())
        for _, record in connector.read_branches(batch.items).records
        if record.ref not in known
        and all(getattr(record, name) in (word, word or "") for name, word in words.items())
    )


def _now_there(operation: Operation, record: BranchRecord, at: datetime) -> None:
    branch = ensure_branches(operation.account, [record])[record.ref]
    operation.asked, operation.subject_id = {}, branch.pk
    operation.outcome = {"kind": "branch", "id": branch.pk}
    ProviderAccount.objects.filter(pk=operation.account_id).update(next_sync_at=at)


OPERATIONS = [How("CREATE_BRANCH", CreatesBranches, _open, _is_there, _now_there, again=False)]
