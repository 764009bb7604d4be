"""What a whole list no longer has: asked for one by one, because paging can hide a row."""

import random
from typing import Any

from django.db import transaction
from django.utils import timezone

from merchants.actions.resource import Resource
from merchants.models import ProviderAccount
from providers.base.errors import Refused
from providers.base.reading import found_item

# Asked for in one run; the others wait for the next.
MOST = 20


def look_for_unlisted(
    account: ProviderAccount, connector: Any, resource: Resource, listed: set[str]
) -> None:
    """Ask for what the list did not have: what is there is stored, what is gone is noted.

    Raises what the provider fails with.
    """
    if resource.unlisted is None or resource.gone is None or resource.find is None:
        return
    if resource.finds is None or not isinstance(connector, resource.finds):
        return
    gone = []
    left_out = resource.unlisted(account, listed)
    # Other ones each time: some may stay hidden, and must not keep the rest from being asked for.
    for ref in random.sample(left_out, min(MOST, len(left_out))):
        try:
            record = resource.find(connector, ref)
        except Refused as problem:
            if problem.absent:
                gone.append(ref)
        else:
            resource.store(account, [(found_item(ref, record), record)], timezone.now())
    with transaction.atomic():
        resource.gone(account, gone, listed, timezone.now())
