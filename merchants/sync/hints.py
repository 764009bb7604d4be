"""Following what a webhook has named."""

from typing import Any

import xxhash
from django.utils import timezone

from merchants.models import Hint, ProviderAccount
from merchants.sync.resources import resources
from providers.base.errors import NotAuthorised, ProviderFailure, Refused, Throttled, Unreachable
from providers.base.reading import Item

# A flood of hints is followed in parts.
MOST_HINTS = 500


def follow_hint(account: ProviderAccount, connector: Any, hint: Hint) -> None:
    """Ask the provider what it knows under an id, whatever kind of thing it is, and store that."""
    for resource in sorted(resources(), key=lambda each: not each.windowed):
        if resource.finds is None or resource.find is None:
            continue
        if not isinstance(connector, resource.finds):
            continue
        try:
            record = resource.find(connector, hint.ref)
        except Refused as problem:
            if problem.absent:
                continue
            break
        except ProviderFailure as failure:
            if isinstance(failure, (NotAuthorised, Throttled, Unreachable)):
                return
            break
        # A found item is shaped otherwise than a listed one, so the next list rewrites it.
        item = Item(hint.ref, None, xxhash.xxh3_128_digest(f"found:{hint.ref}".encode()), b"")
        resource.store(account, [(item, record)], timezone.now())
        break
    hint.delete()
