"""Sending what people have asked of providers, in the order in which they asked."""

from merchants.operations.send import accounts_with_work, send_operations

__all__ = ["accounts_with_work", "send_operations"]
