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
    NumberFilter,
)
from django_filters.fields import IsoDateTimeField

from portal.filtering import Choices, Identifier
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

    business_day = DateFilter(label=_("Business day"))
    day_from = DateFilter(field_name="business_day", lookup_expr="gte", label=_("From day"))
    day_to = DateFilter(field_name="business_day", lookup_expr="lte", label=_("To day"))
    occurred_from = Moment(field_name="occurred_at", lookup_expr="gte", label=_("From"))
    occurred_to = Moment(field_name="occurred_at", lookup_expr="lt", label=_("Until"))
    kind = Choices(choices=Kind, label=_("Kind"))
    status = Choices(choices=Status, label=_("Status"))
    scheme = Choices(choices=Scheme, label=_("Scheme"))
    branch = NumberFilter(field_name="branch_id", label=_("Branch"))
    terminal = NumberFilter(field_name="terminal_id", label=_("Terminal"))
    terminal_user = NumberFilter(field_name="terminal_user_id", label=_("Held by"))
    tid = Identifier(field_name="terminal__tid", label=_("Terminal id"))
    rrn = Identifier(label=_("RRN"))
    stan = Identifier(label=_("STAN"))
    approval_code = Identifier(label=_("Approval code"))
    pan_last4 = Identifier(label=_("Last four digits"))
    ref = CharFilter(label=_("Reference"))
    reference = CharFilter(label=_("Customer reference"))
    amount_minor = NumberFilter(label=_("Amount in minor units"))
    currency = CharFilter(label=_("Currency"))
    reconciled = BooleanFilter(label=_("Reconciled"))

    class Meta:
        model = Transaction
        fields: ClassVar[list[str]] = []
