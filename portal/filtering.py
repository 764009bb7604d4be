"""Identifiers as people type them: in whichever digits their keyboard has."""

from typing import Any

from django.db.models import QuerySet
from django_filters import CharFilter

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def western(text: str) -> str:
    """Arabic-Indic digits as western ones, which is how they are stored."""
    return text.strip().translate(_DIGITS)


class Identifier(CharFilter):
    """An exact identifier, in whichever digits it was typed."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, western(value) if value else value)
        return found
