"""What a reading's end means for its account: when it is read next, and by whom it is mended."""

import random
from datetime import datetime, timedelta
from typing import Any

from merchants.actions.accounts import BREAKER_OPENS_AT
from merchants.models import ProviderAccount
from providers.base.errors import NotAuthorised, ProviderFailure, Throttled, Unreachable

# Seconds. An account that has failed for long is looked at this often.
LONGEST_RETRY = 120


def note_success(account: ProviderAccount, **later: Any) -> None:
    """The provider answered: the circuit breaker closes."""
    own = ProviderAccount.objects.filter(pk=account.pk)
    own.update(failures=0, retry_at=None, **later)


def note_failure(account: ProviderAccount, failure: ProviderFailure, now: datetime) -> None:
    """Let the account wait, longer after each failure; refused credentials wait for a person."""
    own = ProviderAccount.objects.filter(pk=account.pk)
    if isinstance(failure, NotAuthorised):
        # Only a person can mend credentials; calling on would look like guessing. Not where a
        # person has meanwhile paused the account, or given it other credentials.
        own.filter(
            state=ProviderAccount.State.ACTIVE, credentials_set_at=account.credentials_set_at
        ).update(state=ProviderAccount.State.REFUSED)
        return
    account.refresh_from_db(fields=["failures"])
    later = now + _pause(account, failure)
    own.update(failures=account.failures + 1, retry_at=later, next_sync_at=later)


def _pause(account: ProviderAccount, failure: ProviderFailure) -> timedelta:
    """How long a failing account waits: doubling with jitter, and never less than it was told."""
    ceiling = min(5 * 2 ** min(account.failures, 10), LONGEST_RETRY)
    if account.failures + 1 >= BREAKER_OPENS_AT:
        ceiling = LONGEST_RETRY
    seconds = random.uniform(ceiling / 2, ceiling)  # noqa: S311 (jitter)
    if isinstance(failure, (Throttled, Unreachable)) and failure.seconds is not None:
        seconds = max(seconds, failure.seconds)
    return timedelta(seconds=seconds)
