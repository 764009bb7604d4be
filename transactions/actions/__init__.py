"""What is done with transactions: stored, asked for, handed to customers, vouched for, noted."""

from transactions.actions.asking import NotPossible, agree_refund, left_of, open_session
from transactions.actions.following import (
    OPEN,
    begin_following,
    follow,
    note_looks,
    store_followed,
)
from transactions.actions.limits import Limit, OverLimit, limits_of, set_limits
from transactions.actions.paying import (
    LONGEST_ORDER,
    ask_for_payment,
    cancel_payment,
    capture_payment,
    end_refund,
    ready_payment,
    refund_payment,
    start_payment,
)
from transactions.actions.recovering import AT_ONCE, recover_payments
from transactions.actions.sharing import (
    LASTS,
    add_note,
    issue_receipt,
    mail_receipt,
    revoke_share,
    share_receipt,
    shared_by,
    withdraw_receipt,
)
from transactions.actions.storing import (
    Prepared,
    prepare,
    prepare_all,
    store_sessions,
    store_transactions,
)
from transactions.rollups import hold

__all__ = [
    "AT_ONCE",
    "LASTS",
    "LONGEST_ORDER",
    "OPEN",
    "Limit",
    "NotPossible",
    "OverLimit",
    "Prepared",
    "add_note",
    "agree_refund",
    "ask_for_payment",
    "begin_following",
    "cancel_payment",
    "capture_payment",
    "end_refund",
    "follow",
    "hold",
    "issue_receipt",
    "left_of",
    "limits_of",
    "mail_receipt",
    "note_looks",
    "open_session",
    "prepare",
    "prepare_all",
    "ready_payment",
    "recover_payments",
    "refund_payment",
    "revoke_share",
    "set_limits",
    "share_receipt",
    "shared_by",
    "start_payment",
    "store_followed",
    "store_sessions",
    "store_transactions",
    "withdraw_receipt",
]  # fmt: skip
