"""Storing branches, and making those that are seen first somewhere else."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from merchants.actions.operations import need_offered, request_operation
from merchants.actions.resource import Stored
from merchants.models import (
    Branch,
    BranchIdentity,
    Membership,
    Operation,
    ProviderAccount,
    Right,
)
from portal.upsert import upsert
from providers.base.provider import CreatesBranches
from providers.base.reading import Item
from providers.base.records import BranchRecord
from providers.base.registry import providers

UNNAMED = "Unnamed branch"
COLUMNS = (
    "account_id", "ref", "branch_id", "name", "name_ar", "reference", "status", "content_hash",
    "version_at",
)  # fmt: skip


@transaction.atomic(savepoint=False)
def store_branches(
    account: ProviderAccount, records: Sequence[tuple[Item, BranchRecord]], at: datetime
) -> Stored:
    """Store what a provider says of branches.

    A new one becomes a branch of the merchant. A provider's new name is taken over where the
    branch still had the provider's old one, and not where a person has renamed it here.
    """
    latest = {record.ref: (item, record) for item, record in records}
    before = {
        identity.ref: identity
        for identity in BranchIdentity.objects.filter(account=account, ref__in=latest)
    }
    known = ensure_branches(account, [record for _item, record in latest.values()])
    rows = [
        (
            account.pk, record.ref, known[record.ref].pk, record.name or UNNAMED, record.name_ar,
            record.reference, record.status, item.digest, record.version_at,
        )
        for item, record in latest.values()
    ]  # fmt: skip
    written = upsert(
        "merchants_branchidentity",
        COLUMNS,
        rows,
        key=("account_id", "ref"),
        keep=("branch_id",),
        returning=("ref",),
    )
    for ref, _new in written:
        if ref in before:
            _rename(before[ref], latest[ref][1])
    # Making the identity first leaves the upsert to fill it in, so «new» is what was not before.
    new = sum(ref not in before for ref, _new in written)
    return Stored(new, len(written) - new)


def _rename(before: BranchIdentity, record: BranchRecord) -> None:
    own = Branch.objects.filter(pk=before.branch_id)
    own.filter(name=before.name).update(name=record.name or UNNAMED)
    own.filter(name_ar=before.name_ar or "").update(name_ar=record.name_ar or "")


def ensure_branches(account: ProviderAccount, records: Iterable[BranchRecord]) -> dict[str, Branch]:
    """The branches of some refs; those not known yet are made, and filled in when listed."""
    wanted = {record.ref: record for record in records}
    found: dict[str, Branch] = account.known["branches"]
    missing = sorted(set(wanted) - set(found))
    if missing:
        found.update(_by_ref(account, missing))
        missing = [ref for ref in missing if ref not in found]
    if not missing:
        return found
    zone = providers()[account.provider].default_zone
    with transaction.atomic():
        # Serialises makers of the same branch: of two at once, one makes it and one finds it.
        ProviderAccount.objects.select_for_update().get(pk=account.pk)
        found.update(_by_ref(account, missing))
        missing = [ref for ref in missing if ref not in found]
        made = Branch.objects.bulk_create(
            Branch(
                merchant_id=account.merchant_id,
                name=wanted[ref].name or UNNAMED,
                name_ar=wanted[ref].name_ar or "",
                zone=wanted[ref].zone or zone,
            )
            for ref in missing
        )
        BranchIdentity.objects.bulk_create(
            BranchIdentity(
                branch=branch,
                account=account,
                ref=ref,
                name=branch.name,
                name_ar=wanted[ref].name_ar,
            )
            for ref, branch in zip(missing, made, strict=True)
        )
    found.update(zip(missing, made, strict=True))
    return found


def create_branch(
    *,
    account: ProviderAccount,
    name: str,
    name_ar: str,
    reference: str,
    owner: Mapping[str, str],
    by: Membership,
    key: str,
    at: datetime,
) -> Operation:
    """Ask the provider to open a branch; `owner` has `name`, `mobile`, `email` of who runs it.

    Raises NotOffered or KeyUsed.
    """
    by.need(Right.FLEET)
    if not by.sees_every_branch:
        raise PermissionDenied(_("Whoever is kept to some branches cannot open another."))
    need_offered(account, CreatesBranches)
    asked = {"name": name, "name_ar": name_ar, "reference": reference, "owner": dict(owner)}
    return request_operation(
        kind=Operation.Kind.CREATE_BRANCH, account=account, subject=None, makes="branch",
        asked=asked, by=by, key=key, at=at, facts={"name": name},
    )  # fmt: skip


def branches_by_ref(account: ProviderAccount, refs: Iterable[str]) -> dict[str, Branch]:
    """The same where a ref is all that is known."""
    return ensure_branches(account, [BranchRecord(ref=ref, name="") for ref in refs])


def _by_ref(account: ProviderAccount, refs: Iterable[str]) -> dict[str, Branch]:
    branches = Branch.objects.filter(identities__account=account, identities__ref__in=list(refs))
    return {branch.own_ref: branch for branch in branches.annotate(own_ref=F("identities__ref"))}
