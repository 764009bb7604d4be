"""Transactions with their receipts, payment sessions, and what people add to them."""

from transactions.models.changes import Change
from transactions.models.following import Following
from transactions.models.limits import RefundLimit
from transactions.models.rows import (
    DayTotal,
    DeclineTotal,
    HourTotal,
    Kind,
    Receipt,
    ReceiptDictionary,
    Refunded,
    Scheme,
    Session,
    SessionStatus,
    Status,
    Total,
    Transaction,
)
from transactions.models.work import IssuedReceipt, Note, SharedReceipt

__all__ = [
    "Change", "DayTotal", "DeclineTotal", "Following", "HourTotal", "IssuedReceipt", "Kind", "Note",
    "Receipt", "ReceiptDictionary", "RefundLimit", "Refunded", "Scheme", "Session", "SessionStatus",
    "SharedReceipt", "Status", "Total", "Transaction",
]  # fmt: skip
