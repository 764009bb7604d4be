"""Reconciliations of terminals, and the closes of business days and months."""

from settlements.models.closing import ClosedRow, Document
from settlements.models.reconciling import SCHEME_LABELS, Reconciliation, SchemeTotal

__all__ = ["SCHEME_LABELS", "ClosedRow", "Document", "Reconciliation", "SchemeTotal"]
