"""Sending what people have asked of providers, in the order in which they asked."""

from merchants.operations import branches, tokens
from merchants.operations.send import accounts_with_work, send_operations

OPERATIONS = [*branches.OPERATIONS, *tokens.OPERATIONS]

__all__ = ["OPERATIONS", "accounts_with_work", "send_operations"]
