"""How payments, refunds and sessions are asked for at a provider."""

from transactions.operations import payments, sessions

OPERATIONS = [*sessions.OPERATIONS, *payments.OPERATIONS]

__all__ = ["OPERATIONS"]
