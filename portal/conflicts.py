"""That what was asked for cannot be done as things stand: the pages say it, the API answers 409."""

from typing import Any


class Conflict(Exception):
    """A sentence for people; `operation` is what is in the way, where that is one."""

    status = 409
    operation: Any = None


class KeyUsed(Conflict):
    """An Idempotency-Key came before with something else."""

    status = 422
