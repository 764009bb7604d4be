"""Deciding what is to be where a provider says otherwise than was agreed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.branches import take_branch_drift
from merchants.actions.drift import close_drift, end_drift, note_gone
from merchants.actions.operations import NotOffered
from merchants.models import BranchIdentity, Drift, Membership, Operation, ProviderAccount
from merchants.queries import known_gone
from portal.conflicts import Conflict
from terminals.actions.holding import Held, note_holdings
from terminals.actions.moving import Holder, assign_terminal, unassign_terminal
from terminals.models import Terminal, TerminalUser
from terminals.numbers import e164

Field = Drift.Field
_SUBJECTS: dict[str, Any] = {
    "terminal": Terminal, "terminaluser": TerminalUser, "branch": BranchIdentity,
}  # fmt: skip


def note_gone_terminals(
    account: ProviderAccount, refs: Sequence[str], listed: set[str], at: datetime
) -> None:
    """Keep that the provider no longer knows some terminals, and that it knows others again."""
    own = Terminal.objects.filter(account=account).order_by("pk")
    back = own.filter(pk__in=known_gone(account, "terminal"), ref__in=listed)
    gone = own.filter(ref__in=refs).values_list("pk", flat=True)
    note_gone(account, "terminal", gone, back.values_list("pk", flat=True), at)


@transaction.atomic
def take_theirs(*, drift: Drift, by: Membership, at: datetime) -> None:
    """Have what the provider says, here too. Raises Conflict where it is over already."""
    # The thing before its difference, which is how a reading takes them too.
    subject = _SUBJECTS[drift.subject_kind]
    where = {"branch": drift.subject_id} if subject is BranchIdentity else {"pk": drift.subject_id}
    list(subject.objects.filter(**where).order_by("pk").select_for_update(no_key=True))
    if not close_drift(drift=drift, by=by, at=at):
        raise Conflict(_("That has been decided already."))
    # As it is now: they may have changed it again since the page was made.
    drift.refresh_from_db()
    if drift.subject_kind == "branch":
        take_branch_drift(drift=drift)
    elif drift.subject_kind == "terminaluser":
        column = drift.field.lower()
        own = TerminalUser.objects.filter(pk=drift.subject_id, erased_at=None)
        own.update(**{column: drift.theirs})
    else:
        _take_terminal(drift, at)


def _take_terminal(drift: Drift, at: datetime) -> None:
    own = Terminal.objects.filter(pk=drift.subject_id)
    if drift.field == Field.HOLDER:
        own.update(terminal_user=drift.theirs, agreed_at=at)
    elif drift.field == Field.BRANCH:
        own.update(branch=drift.theirs)
    else:
        # It keeps its row and its history; should it be listed again, it is agreed on anew.
        own.update(ref=None, content_hash=None, connected=False, terminal_user=None)
        note_holdings(drift.account, [Held(drift.subject_id, None)], at)
        others = (Field.HOLDER, Field.BRANCH)
        end_drift(drift.account, "terminal", drift.subject_id, others, at, Drift.Ending.TAKEN)


def push_ours(*, drift: Drift, by: Membership, key: str, at: datetime) -> Operation:
    """Ask the provider to change back what was changed there. Raises Conflict where it cannot."""
    if drift.ended_at is not None:
        raise Conflict(_("That has been decided already."))
    if not can_push(drift):
        raise NotOffered(
            _("That cannot be changed there from here. Change it at the provider, or take theirs.")
        )
    terminal = Terminal.objects.select_related("account", "terminal_user").get(pk=drift.subject_id)
    person = terminal.terminal_user
    if person is None:
        made = unassign_terminal(terminal=terminal, by=by, key=key, at=at)
    else:
        mobile = e164(person.mobile or "")
        if mobile is None or person.erased_at is not None:
            raise NotOffered(_("Their number is not known in full."))
        to = Holder(person.name, mobile, person.email or "", person)
        made = assign_terminal(terminal=terminal, to=to, by=by, key=key, at=at)
    Drift.objects.filter(pk=drift.pk).update(operation=made, decided_by=by.user)
    return made


def can_push(drift: Drift) -> bool:
    """Whether what is ours can be told to the provider: so far, who holds a terminal."""
    return drift.subject_kind == "terminal" and drift.field == Field.HOLDER
