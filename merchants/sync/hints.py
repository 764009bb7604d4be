"""Following what webhooks have named; a hint is never believed, only followed."""

import contextlib
from datetime import datetime
from typing import Any

from django.utils import timezone

from merchants.actions.accounts import opened
from merchants.models import Hint, ProviderAccount
from merchants.queries import of_account
from merchants.sync.health import note_failure
from merchants.sync.locks import lock_key, taken
from merchants.sync.resources import resources
from providers.base.errors import NotAuthorised, ProviderFailure, Refused, Throttled, Unreachable
from providers.base.reading import found_item

# A flood of hints is followed in parts.
MOST_HINTS = 500


def read_hints(account_id: int) -> None:
    """Read what webhooks have named, now; what fails waits for the next sync.

    A provider that asked to be left alone, or failed, is left alone here too.
    """
    with contextlib.suppress(ProviderAccount.DoesNotExist), of_account(account_id):
        _read_hints(account_id, timezone.now())


def _read_hints(account_id: int, now: datetime) -> None:
    account = ProviderAccount.objects.filter(
        pk=account_id, state=ProviderAccount.State.ACTIVE
    ).first()
    if account is None or not Hint.objects.filter(account=account).exists():
        return
    if account.retry_at is not None and account.retry_at > now:
        return
    try:
        with opened(account) as connector:
            follow_hints(account, connector)
    except (NotAuthorised, Throttled, Unreachable) as failure:
        note_failure(account, failure, now)


def follow_hints(account: ProviderAccount, connector: Any) -> None:
    """Follow an account's waiting hints, in one process at a time.

    Raises NotAuthorised, Throttled or Unreachable: the next hint would meet the same.
    """
    with taken([lock_key(account.pk, "hints")]) as mine:
        if not mine:
            return
        for hint in Hint.objects.filter(account=account).order_by("pk")[:MOST_HINTS]:
            _follow(account, connector, hint)


def _follow(account: ProviderAccount, connector: Any, hint: Hint) -> None:
    """Ask the provider what it knows under an id, whatever kind of thing it is, and store that."""
    for resource in sorted(resources(), key=lambda each: not each.windowed):
        if resource.finds is None or resource.find is None:
            continue
        if not isinstance(connector, resource.finds):
            continue
        account.read_since = timezone.now()
        try:
            record = resource.find(connector, hint.ref)
        except Refused as problem:
            if problem.absent:
                continue
            break
        except (NotAuthorised, Throttled, Unreachable):
            raise
        except ProviderFailure:
            break
        resource.store(account, [(found_item(hint.ref, record), record)], timezone.now())
        break
    # One that came again meanwhile has a row of its own time, and is followed again.
    Hint.objects.filter(pk=hint.pk, received_at=hint.received_at).delete()
