"""Storing branches, and making those that are seen first somewhere else."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from merchants.actions.drift import Said, note_drift, note_gone
from merchants.actions.operations import need_offered, request_operation
from merchants.actions.resource import Stored
from merchants.models import (
    Branch,
    BranchIdentity,
    Drift,
    Membership,
    Operation,
    ProviderAccount,
    Right,
)
from merchants.queries import known_gone
from portal.upsert import upsert
from providers.base.provider import CreatesBranches
from providers.base.reading import Item
from providers.base.records import BranchRecord
from providers.base.registry import providers

UNNAMED = "Unnamed branch"
# What is agreed on, and how drift calls it.
AGREED = ("name", "name_ar", "reference")
DRIFTS = (Drift.Field.NAME, Drift.Field.NAME_AR, Drift.Field.REFERENCE)
COLUMNS = (
    "account_id", "ref", "branch_id", "name", "name_ar", "reference", "status", "address", "brand",
    "location", "content_hash", "version_at",
)  # fmt: skip


@transaction.atomic(savepoint=False)
def store_branches(
    account: ProviderAccount, records: Sequence[tuple[Item, BranchRecord]], at: datetime
) -> Stored:
    """Store what a provider says of branches. A new one becomes a branch of the merchant.

    Names and references that differ from what was agreed stay as they were, as drift.
    """
    latest = {record.ref: (item, record) for item, record in records}
    before = {
        identity.ref: identity
        # Kept from changing until these are written: somebody may just take what is theirs.
        for identity in BranchIdentity.objects.filter(account=account, ref__in=latest)
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    known = ensure_branches(account, [record for _item, record in latest.values()])
    rows, said = [], []
    for item, record in latest.values():
        own = before.get(record.ref)
        listed = own is not None and own.content_hash is not None
        theirs = (record.name or UNNAMED, record.name_ar, record.reference)
        agreed = (own.name, own.name_ar, own.reference) if own and listed else theirs
        branch = known[record.ref]
        said += [
            Said("branch", branch.pk, field, ours, new)
            for field, ours, new in zip(DRIFTS, agreed, theirs, strict=True)
        ]
        said.append(Said("branch", branch.pk, Drift.Field.GONE, True, True))
        rows.append(
            (
                account.pk, record.ref, branch.pk, *agreed, record.status, record.address,
                record.brand, record.location, item.digest, record.version_at,
            )
        )  # fmt: skip
        if own is not None and not listed:
            _fill(own, record)
    written = upsert(
        "merchants_branchidentity",
        COLUMNS,
        rows,
        key=("account_id", "ref"),
        keep=("branch_id",),
        returning=("ref",),
    )
    note_drift(account, said, at)
    # Making the identity first leaves the upsert to fill it in, so «new» is what was not before.
    new_ones = sum(ref not in before for ref, _new in written)
    return Stored(new_ones, len(written) - new_ones)


def _fill(before: BranchIdentity, record: BranchRecord) -> None:
    """What a branch that was met in a transaction first is called, where nobody has renamed it."""
    own = Branch.objects.filter(pk=before.branch_id)
    own.filter(name=before.name).update(name=record.name or UNNAMED)
    own.filter(name_ar=before.name_ar or "").update(name_ar=record.name_ar or "")


def note_gone_branches(
    account: ProviderAccount, refs: Sequence[str], listed: set[str], at: datetime
) -> None:
    """Keep that the provider no longer knows some branches, and that it knows others again."""
    own = BranchIdentity.objects.filter(account=account).order_by("pk")
    back = own.filter(branch__in=known_gone(account, "branch"), ref__in=listed)
    note_gone(account, "branch", own.filter(ref__in=refs).values_list("branch", flat=True),
              back.values_list("branch", flat=True), at)  # fmt: skip


def take_branch_drift(*, drift: Drift) -> None:
    """Have what the provider says of a branch, here too."""
    identity = BranchIdentity.objects.filter(account=drift.account_id, branch=drift.subject_id)
    if drift.field == Drift.Field.GONE:
        # The branch stays, with what was sold there; the provider's word for it is not read again.
        identity.update(content_hash=None)
        return
    column = AGREED[DRIFTS.index(Drift.Field(drift.field))]
    identity.update(**{column: drift.theirs})
    if column != "reference":
        text = {column: drift.theirs or ""}
        Branch.objects.filter(pk=drift.subject_id).update(**text)


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
    asked = {"name": name, "name_ar": name_ar, "reference": reference, "owner": dict(owner)}
    return request_operation(
        kind=Operation.Kind.CREATE_BRANCH, account=account, subject=None, makes="branch",
        asked=asked, by=by, key=key, at=at, facts={"name": name},
        need=partial(need_offered, account, CreatesBranches),
    )  # fmt: skip


def branches_by_ref(account: ProviderAccount, refs: Iterable[str]) -> dict[str, Branch]:
    """The same where a ref is all that is known."""
    return ensure_branches(account, [BranchRecord(ref=ref, name="") for ref in refs])


def _by_ref(account: ProviderAccount, refs: Iterable[str]) -> dict[str, Branch]:
    branches = Branch.objects.filter(identities__account=account, identities__ref__in=list(refs))
    return {branch.own_ref: branch for branch in branches.annotate(own_ref=F("identities__ref"))}
