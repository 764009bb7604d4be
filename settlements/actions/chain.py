"""Following a branch's chain of documents, each made anew."""

import hashlib
from typing import Any

from merchants.models import AuditEntry, Branch
from portal.proofs import digest_of, is_ours
from settlements.actions.closing import ACTIONS
from settlements.actions.papers import file_of
from settlements.models import Document


class BrokenChain(Exception):
    """In words, where a branch's documents are not as they were made."""


def check_chain(branch: Branch) -> int:
    """Make every document of a branch anew and follow its chain; how many there are.

    Raises BrokenChain.
    """
    previous, number = "", 0
    for document in Document.objects.filter(branch=branch).order_by("number").iterator():
        number += 1
        manifest = document.manifest
        if document.number != number:
            raise BrokenChain(f"Document {number} of branch {branch.pk} is missing.")
        if not is_ours(manifest) or document.digest != digest_of(manifest):
            raise BrokenChain(f"Document {document} was changed: its manifest is not as made.")
        if manifest["previous"] != previous:
            raise BrokenChain(f"Document {document} does not follow the one before it.")
        if any(manifest[name] != value for name, value in _own(document).items()):
            raise BrokenChain(f"Document {document} is not what its manifest says of it.")
        sha = hashlib.sha256()
        for piece in file_of(document):
            sha.update(piece)
        if sha.hexdigest() != manifest["sha256"]:
            raise BrokenChain(f"The rows of document {document} are not as they were frozen.")
        previous = document.digest
    told = AuditEntry.objects.filter(
        action__in=ACTIONS.values(), subject_kind="branch", subject_id=branch.pk
    ).order_by("-pk")
    last = told.values_list("facts", flat=True).first()
    if last is not None and last["document"] > number:
        raise BrokenChain(f"Document {last['document']} of branch {branch.pk} is missing.")
    return number


def _own(document: Document) -> dict[str, Any]:
    """What a document's row says as its manifest does."""
    return {
        "document": document.number, "kind": document.kind, "span": document.span,
        "branch": document.branch_id, "reason": document.reason, "rows": document.rows,
        "days": [document.since.isoformat(), document.until.isoformat()],
        "made_at": document.made_at.isoformat(), "made_by": document.made_by_id,
        "standing": document.standing,
    }  # fmt: skip
