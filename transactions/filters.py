"""The filters of transactions, the same on the page and in the API."""

from datetime import UTC
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_filters import (
    BooleanFilter,
    CharFilter,
    DateFilter,
    FilterSet,
    IsoDateTimeFilter,
    MultipleChoiceFilter,
    NumberFilter,
)
from django_filters.fields import IsoDateTimeField

from portal.identifiers import Identifier
from transactions.models import Kind, Scheme, Status, Transaction


class MomentField(IsoDateTimeField):
    """A time as UTC: Python reads offsets, and years, that PostgreSQL does not."""

    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError(_("This time lies outside of the calendar.")) from None


class Moment(IsoDateTimeFilter):
    """A time with its zone."""

    field_class = MomentField


class TransactionFilter(FilterSet):
    """Everything that narrows a list of transactions."""

    business_day = DateFilter()
    day_from = DateFilter(field_name="business_day", lookup_expr="gte")
    day_to = DateFilter(field_name="business_day", lookup_expr="lte")
    occurred_from = Moment(field_name="occurred_at", lookup_expr="gte")
    occurred_to = Moment(field_name="occurred_at", lookup_expr="lt")
    kind = MultipleChoiceFilter(choices=Kind)
    status = MultipleChoiceFilter(choices=Status)
    scheme = MultipleChoiceFilter(choices=Scheme)
    branch = NumberFilter(field_name="branch_id")
    terminal = NumberFilter(field_name="terminal_id")
    terminal_user = NumberFilter(field_name="terminal_user_id")
    tid = Identifier(field_name="terminal__tid")
    rrn = Identifier()
    stan = Identifier()
    approval_code = Identifier()
    pan_last4 = Identifier()
    ref = CharFilter()
    reference = CharFilter()
    amount_minor = NumberFilter()
    currency = CharFilter()
    reconciled = BooleanFilter()

    class Meta:
        model = Transaction
        fields: ClassVar[list[str]] = []
