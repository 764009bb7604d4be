"""What is done with terminals and the people who hold them."""

from terminals.actions.drifting import (
    can_push,
    note_gone_terminals,
    push_ours,
    take_theirs,
)
from terminals.actions.holding import Held, let_holdings_go, note_holdings
from terminals.actions.moving import (
    Holder,
    assign_terminal,
    create_terminal,
    disconnect_terminal,
    need_reachable,
    unassign_terminal,
)
from terminals.actions.people import TooMany, erase_person, reveal_person
from terminals.actions.storing import (
    ensure_devices,
    ensure_terminal_users,
    ensure_terminals,
    note_devices,
    note_seen,
    store_terminal_users,
    store_terminals,
)

__all__ = [
    "Held",
    "Holder",
    "TooMany",
    "assign_terminal",
    "can_push",
    "create_terminal",
    "disconnect_terminal",
    "ensure_devices",
    "ensure_terminal_users",
    "ensure_terminals",
    "erase_person",
    "let_holdings_go",
    "need_reachable",
    "note_devices",
    "note_gone_terminals",
    "note_holdings",
    "note_seen",
    "push_ours",
    "reveal_person",
    "store_terminal_users",
    "store_terminals",
    "take_theirs",
    "unassign_terminal",
]
