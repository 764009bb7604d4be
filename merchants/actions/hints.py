"""What a webhook may do: ask for one thing to be read again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from merchants.models import Hint, ProviderAccount
from portal.celery import wake

# A flood of hints is one reason to read everything recent, and no reason to keep them all.
MOST_WAITING = 500


def note_hint(*, account: ProviderAccount, body: Any, at: datetime) -> None:
    """Keep the id that a webhook names, if it names one, and have it read soon.

    Only an id of the provider's form is kept, so nothing else of the body can reach a row.
    """
    if account.state != ProviderAccount.State.ACTIVE:
        return
    ref = _ref(body)
    if ref is not None and Hint.objects.filter(account=account).count() < MOST_WAITING:
        Hint.objects.update_or_create(account=account, ref=ref, defaults={"received_at": at})
    wake("merchants.read_hints", account.pk)


def _ref(body: Any) -> str | None:
    """The id of the object; some senders wrap it as `{event, payload}`."""
    if isinstance(body, dict) and isinstance(body.get("payload"), dict):
        body = body["payload"]
    found = body.get("id") if isinstance(body, dict) else None
    try:
        return str(UUID(found)) if isinstance(found, str) and len(found) == 36 else None
    except ValueError:
        return None
