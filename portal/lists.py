"""A page of a filtered list, the same way for every list."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django_filters import FilterSet

from portal import keyset
from portal.api import scope

SIZE = 50


def listed(
    request: HttpRequest, chosen: FilterSet, keys: keyset.Keys, size: int = SIZE
) -> keyset.Slice[Any]:
    """The rows that a list's filters and cursor ask for; the filters stand in the address.

    A filter that cannot be read shows no rows: all of them would pass for its answer.
    Raises BadRequest for a cursor of another list.
    """
    rows = chosen.qs if chosen.is_valid() else chosen.qs.none()
    cursor = request.GET.get("cursor")
    try:
        return keyset.cut(rows, keys, size=size, cursor=cursor, scope=scope(request))
    except keyset.InvalidCursor as problem:
        raise BadRequest(str(problem)) from None
