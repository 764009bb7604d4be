"""What is done with terminals and the people who hold them."""

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
    "create_terminal",
    "disconnect_terminal",
    "ensure_devices",
    "ensure_terminal_users",
    "ensure_terminals",
    "erase_person",
    "let_holdings_go",
    "need_reachable",
    "note_devices",
    "note_holdings",
    "note_seen",
    "reveal_person",
    "store_terminal_users",
    "store_terminals",
    "unassign_terminal",
]
