"""What is done with terminals and the people who hold them."""

from terminals.actions.bulk import (
    again,
    changes_under_way,
    check_rows,
    draft_chosen,
    draft_upload,
    effects_of,
    feed_change,
    forget_files,
    move_in_words,
    start_change,
    stop_change,
)
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
    describe_terminal,
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
    "again",
    "assign_terminal",
    "can_push",
    "changes_under_way",
    "check_rows",
    "create_terminal",
    "describe_terminal",
    "disconnect_terminal",
    "draft_chosen",
    "draft_upload",
    "effects_of",
    "ensure_devices",
    "ensure_terminal_users",
    "ensure_terminals",
    "erase_person",
    "feed_change",
    "forget_files",
    "let_holdings_go",
    "move_in_words",
    "need_reachable",
    "note_devices",
    "note_gone_terminals",
    "note_holdings",
    "note_seen",
    "push_ours",
    "reveal_person",
    "start_change",
    "stop_change",
    "store_terminal_users",
    "store_terminals",
    "take_theirs",
    "unassign_terminal",
]
