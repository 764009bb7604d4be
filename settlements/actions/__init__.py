"""What is done with reconciliations, and the closes of business days and months."""

from settlements.actions.chain import BrokenChain, check_chain
from settlements.actions.closing import Made, NotClosable, close_days, close_month, reopen
from settlements.actions.papers import file_of
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
