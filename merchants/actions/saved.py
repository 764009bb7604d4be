"""Keeping a list's filters, columns and sort under a name."""

import re
from urllib.parse import urlencode

from django.db import transaction
from django.http import QueryDict

from merchants.actions.trail import record
from merchants.models import Membership, SavedView
from portal.lists import PASSING

LISTS = ("transactions", "terminals", "people", "branches", "reconciliations", "accounts", "trail")
LONGEST_NAME, LONGEST_QUERY, MOST = 60, 2000, 30
_KEY = re.compile(r"[a-z_0-9]{1,40}")


class NotSaved(Exception):
    """Why a view was not kept: `name`, `list`, `long` or `many`."""


def save_view(*, by: Membership, list_: str, name: str, query: str, shared: bool) -> SavedView:
    """Keep a list's query; one's own view of the same name is replaced. Raises NotSaved."""
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise NotSaved("name")
    if list_ not in LISTS:
        raise NotSaved("list")
    kept = _kept(query)
    with transaction.atomic():
        # Whoever saves twice at once waits here, so that the count is not passed.
        Membership.objects.select_for_update().get(pk=by.pk)
        mine = SavedView.objects.filter(merchant=by.merchant_id, author=by.user_id, list=list_)
        if mine.exclude(name=name).count() >= MOST:
            raise NotSaved("many")
        made, _ = SavedView.objects.update_or_create(
            merchant_id=by.merchant_id,
            author_id=by.user_id,
            list=list_,
            name=name,
            defaults={"query": kept, "shared": shared},
        )
        record("view.saved", subject=made, facts={"list": list_, "name": name, "shared": shared})
    return made


def _kept(query: str) -> str:
    if len(query) > LONGEST_QUERY or "\x00" in query:
        raise NotSaved("long")
    pairs = [
        (key, value)
        for key, values in QueryDict(query).lists()
        for value in values
        if value and "\x00" not in value and _KEY.fullmatch(key) and key not in PASSING
    ]
    kept = urlencode(sorted(pairs))
    if len(kept) > LONGEST_QUERY:
        raise NotSaved("long")
    return kept


def remove_view(*, view: SavedView) -> None:
    """Forget a view; the rows that it showed are not touched."""
    with transaction.atomic():
        record("view.removed", subject=view, facts={"list": view.list, "name": view.name})
        view.delete()
