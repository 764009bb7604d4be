"""Asking the provider to hand a terminal to somebody, to take it back, or to sign it out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merchants.actions.operations import request_operation
from merchants.actions.trail import Personal
from merchants.models import Membership, Operation, Right
from terminals.models import Terminal, TerminalUser


@dataclass(frozen=True)
class Holder:
    """Who is to hold it: somebody whom the provider knows, or somebody new by name and number."""

    name: str
    mobile: str
    email: str
    known: TerminalUser | None = None


def assign_terminal(
    *, terminal: Terminal, to: Holder, by: Membership, key: str, at: datetime
) -> Operation:
    """Ask the provider to hand the terminal to somebody. Raises OperationPending or KeyUsed."""
    by.need(Right.FLEET)
    asked: dict[str, Any] = {"name": to.name, "mobile": to.mobile, "email": to.email}
    facts: dict[str, Any] = {}
    if to.known is not None:
        asked |= {"terminal_user": to.known.pk, "ref": to.known.ref}
        facts["to"] = Personal(to.name, "terminaluser", to.known.pk)
    return request_operation(
        kind=Operation.Kind.ASSIGN, account=terminal.account, subject=terminal, asked=asked,
        by=by, key=key, at=at, facts=facts,
    )  # fmt: skip


def unassign_terminal(*, terminal: Terminal, by: Membership, key: str, at: datetime) -> Operation:
    """Ask the provider to take the terminal from whoever holds it. Raises as assigning does."""
    by.need(Right.FLEET)
    return request_operation(
        kind=Operation.Kind.UNASSIGN, account=terminal.account, subject=terminal,
        asked={}, by=by, key=key, at=at,
    )  # fmt: skip


def disconnect_terminal(*, terminal: Terminal, by: Membership, key: str, at: datetime) -> Operation:
    """Ask the provider to sign the terminal's device out. Raises as assigning does."""
    by.need(Right.FLEET)
    return request_operation(
        kind=Operation.Kind.DISCONNECT, account=terminal.account, subject=terminal,
        asked={}, by=by, key=key, at=at,
    )  # fmt: skip
