"""What of reconciliations and closes a person may see."""

from settlements.queries.closing import (
    BranchMonth,
    Cell,
    Complete,
    calendar,
    days_of,
    documents_for,
    gaps_of,
    missing_of,
    standing_documents,
    standing_sql,
)
from settlements.queries.reconciling import (
    close_after,
    reconciliations_for,
    reconciliations_with_schemes,
    schemes_of,
    stored_hashes,
)

__all__ = [
    "BranchMonth",
    "Cell",
    "Complete",
    "calendar",
    "close_after",
    "days_of",
    "documents_for",
    "gaps_of",
    "missing_of",
    "reconciliations_for",
    "reconciliations_with_schemes",
    "schemes_of",
    "standing_documents",
    "standing_sql",
    "stored_hashes",
]
