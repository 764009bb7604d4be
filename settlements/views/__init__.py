"""Pages of reconciliations, and of the closes of business days and months."""

from settlements.views.closes import close, close_all, closing, file, month, open_again
from settlements.views.reconciling import detail, list_, own_reconciliation, reconcile

__all__ = [
    "close",
    "close_all",
    "closing",
    "detail",
    "file",
    "list_",
    "month",
    "open_again",
    "own_reconciliation",
    "reconcile",
]
