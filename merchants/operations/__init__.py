"""Sending what people have asked of providers, in the order in which they asked."""

from merchants.operations.branches import OPERATIONS
from merchants.operations.send import accounts_with_work, send_operations

__all__ = ["OPERATIONS", "accounts_with_work", "send_operations"]
