"""Filters as people and forms give them: any digits, and empty choices."""

from typing import Any

from django.db.models import QuerySet
from django.forms import MultipleChoiceField
from django_filters import CharFilter, MultipleChoiceFilter

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def western(text: str) -> str:
    """Arabic-Indic digits as western ones, which is how they are stored."""
    return text.strip().translate(_DIGITS)


class Identifier(CharFilter):
    """An exact identifier, in whichever digits it was typed."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, western(value) if value else value)
        return found


class _Choices(MultipleChoiceField):
    """A form sends an empty choice for «any»."""

    def to_python(self, value: Any) -> list[str]:
        return [each for each in super().to_python(value) if each]


class Choices(MultipleChoiceFilter):
    """One or more of some words; each row has one, so none comes twice."""

    field_class = _Choices

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, distinct=False, **kwargs)
