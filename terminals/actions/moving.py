"""Asking the provider to hand a terminal to somebody, to take it back, or to sign it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import NotOffered, need_offered, request_operation
from merchants.actions.trail import Personal, record
from merchants.models import Branch, Membership, Operation, ProviderAccount, Right
from providers.base.provider import AssignsTerminals, CreatesTerminals, DisconnectsTerminals
from terminals.models import Terminal, TerminalUser
from terminals.queries import person_by_mobile


@dataclass(frozen=True)
class Holder:
    """Who is to hold it: somebody whom the provider knows, or somebody new by name and number."""

    name: str
    mobile: str
    email: str
    known: TerminalUser | None = None


def holder_of(
    by: Membership, account: ProviderAccount, *, name: str, mobile: str, email: str
) -> Holder:
    """Who is meant by a number: whom the provider has under it, as far as one may see, or new."""
    known = person_by_mobile(by, account, mobile)
    if known is None:
        return Holder(name, mobile, email)
    return Holder(known.name, mobile, known.email or email, known)


def assign_terminal(
    *,
    terminal: Terminal,
    to: Holder,
    by: Membership,
    key: str,
    at: datetime,
    replaces: Operation | None = None,
    typed: Mapping[str, str] | None = None,
) -> Operation:
    """Ask the provider to hand the terminal to somebody.

    Raises OperationPending, KeyUsed or NotOffered. `replaces` is withdrawn, where it still waits.
    `typed` is what the key is bound to: whom it means may be known better by the second time.
    """
    by.need(Right.FLEET)
    asked: dict[str, Any] = {"name": to.name, "mobile": to.mobile, "email": to.email}
    facts: dict[str, Any] = {}
    if to.known is not None:
        asked |= {"terminal_user": to.known.pk, "ref": to.known.ref}
        facts["to"] = Personal(to.name, "terminaluser", to.known.pk)
    return request_operation(
        kind=Operation.Kind.ASSIGN, account=terminal.account, subject=terminal, asked=asked,
        by=by, key=key, at=at, facts=facts, replaces=_of(terminal, replaces), bound_to=typed,
        need=partial(need_reachable, terminal, AssignsTerminals),
    )  # fmt: skip


def unassign_terminal(
    *,
    terminal: Terminal,
    by: Membership,
    key: str,
    at: datetime,
    replaces: Operation | None = None,
) -> Operation:
    """Ask the provider to take the terminal from whoever holds it. Raises as assigning does."""
    by.need(Right.FLEET)
    return request_operation(
        kind=Operation.Kind.UNASSIGN, account=terminal.account, subject=terminal,
        asked={}, by=by, key=key, at=at, replaces=_of(terminal, replaces),
        need=partial(need_reachable, terminal, AssignsTerminals),
    )  # fmt: skip


def disconnect_terminal(
    *,
    terminal: Terminal,
    by: Membership,
    key: str,
    at: datetime,
    replaces: Operation | None = None,
) -> Operation:
    """Ask the provider to sign the terminal's device out. Raises as assigning does."""
    by.need(Right.FLEET)
    return request_operation(
        kind=Operation.Kind.DISCONNECT, account=terminal.account, subject=terminal,
        asked={}, by=by, key=key, at=at, replaces=_of(terminal, replaces),
        need=partial(need_reachable, terminal, DisconnectsTerminals),
    )  # fmt: skip


def create_terminal(
    *,
    account: ProviderAccount,
    branch: Branch,
    name: str,
    code: str,
    by: Membership,
    key: str,
    at: datetime,
) -> Operation:
    """Ask the provider to make a terminal for a branch; `code` is what the acquirer gave for it.

    Raises NotOffered where the provider does not know the branch, or KeyUsed.
    """
    by.need(Right.FLEET)
    known = branch.identities.filter(account=account).order_by("pk").first()
    if known is None:
        raise NotOffered(
            _("%(account)s does not know the branch %(branch)s.")
            % {"account": account.name, "branch": branch.name}
        )
    asked = {"branch_ref": known.ref, "name": name, "code": code}
    return request_operation(
        kind=Operation.Kind.CREATE_TERMINAL, account=account, subject=None, makes="terminal",
        asked=asked, by=by, key=key, at=at, facts={"name": name, "branch": branch.name},
        need=partial(need_offered, account, CreatesTerminals),
    )  # fmt: skip


@transaction.atomic
def describe_terminal(
    *, terminal: Terminal, label: str, note: str, spare: bool, by: Membership
) -> None:
    """Keep the merchant's own words about a terminal, and whether it lies ready."""
    by.need(Right.FLEET)
    new = {"label": label, "note": note, "spare": spare}
    changed = {
        name: [getattr(terminal, name), value]
        for name, value in new.items()
        if getattr(terminal, name) != value
    }
    if changed:
        Terminal.objects.filter(pk=terminal.pk).update(**new)
        record("terminal.described", subject=terminal, facts=changed)


def agree_anew(operation: Operation) -> None:
    """Somebody has said that it was done: the next reading is agreed on, and is no difference."""
    own = Terminal.objects.filter(pk=operation.subject_id or 0)
    if operation.kind in (Operation.Kind.ASSIGN, Operation.Kind.UNASSIGN):
        own.update(content_hash=None)


def need_reachable(terminal: Terminal, capability: type) -> None:
    """Raise NotOffered where the provider cannot do something with the terminal."""
    need_offered(terminal.account, capability)
    if terminal.ref is None:
        raise NotOffered(_("The provider no longer lists this terminal, or has not done so yet."))


def _of(terminal: Terminal, replaces: Operation | None) -> Operation | None:
    """What is to be replaced, if it is of this terminal."""
    own = replaces is not None and replaces.subject_id == terminal.pk
    return replaces if own and replaces and replaces.subject_kind == "terminal" else None


def move_in_words(words: Mapping[str, str], *, is_new: bool) -> str:
    """What handing `what` to `who` does, with its present `holder`, where there is one."""
    if is_new and words["holder"]:
        return (
            _("Makes %(who)s known, takes %(what)s from %(holder)s and gives it to them.") % words
        )
    if is_new:
        return _("Makes %(who)s known and gives them %(what)s.") % words
    if words["holder"]:
        return _("Takes %(what)s from %(holder)s and gives it to %(who)s.") % words
    return _("Gives %(what)s to %(who)s.") % words
