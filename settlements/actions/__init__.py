"""What is done with reconciliations, and the closes of business days and months."""

from settlements.actions.closing import (
    BrokenChain,
    Made,
    NotClosable,
    check_chain,
    close_days,
    close_month,
    file_of,
    reopen,
)
from settlements.actions.reconciling import (
    SIDES,
    TOTALS,
    reconcile_terminal,
    store_reconciliations,
)

__all__ = [
    "SIDES",
    "TOTALS",
    "BrokenChain",
    "Made",
    "NotClosable",
    "check_chain",
    "close_days",
    "close_month",
    "file_of",
    "reconcile_terminal",
    "reopen",
    "store_reconciliations",
]
