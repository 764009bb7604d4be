"""The filters of transactions, the same on the page and in the API."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import (
    Case,
    DateField,
    DateTimeField,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    TimeField,
    Value,
    When,
)
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast, Coalesce
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

from portal.filtering import Choices, Identifier, western
from providers.base.registry import providers
from transactions.models import Kind, Scheme, Session, SessionStatus, Status, Transaction


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


Rows = QuerySet[Transaction]


def zone_of_row() -> Coalesce:
    """On which clock a row's day and hour are counted: its branch's, else its provider's."""
    own = [
        When(account__provider=name, then=Value(each.default_zone))
        for name, each in providers().items()
    ]
    return Coalesce("branch__zone", Case(*own, default=Value("UTC")))


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
    action_code = CharFilter(method="of_code", label=_("Action code"))
    provider = Choices(
        field_name="account__provider",
        choices=lambda: [(name, each.title) for name, each in providers().items()],
        label=_("Provider"),
    )
    branchless = BooleanFilter(
        field_name="branch", lookup_expr="isnull", label=_("Without a branch")
    )
    hour = NumberFilter(
        method="in_hour", label=_("Hour"), min_value=0, max_value=23, decimal_places=0
    )
    present = Moment(method="on_day_of", label=_("Business day at"))

    class Meta:
        model = Transaction
        fields: ClassVar[list[str]] = []

    def of_code(self, rows: Rows, _name: str, value: str) -> Rows:
        """`none` stands for a decline without a code."""
        return (
            rows.filter(Q(action_code=None) | Q(action_code=""))
            if value == "none"
            else (rows.filter(action_code=western(value)))
        )

    def in_hour(self, rows: Rows, _name: str, value: Decimal) -> Rows:
        """The hour of the day on the wall clock of each row's branch, as the roll-ups have it."""
        local = Func(
            zone_of_row(), "occurred_at", function="timezone", output_field=DateTimeField()
        )
        hour = Func(Value("hour"), local, function="date_part", output_field=IntegerField())
        return rows.alias(local_hour=hour).filter(local_hour=int(value))

    def on_day_of(self, rows: Rows, _name: str, value: datetime) -> Rows:
        """The business day that it was at a moment at each row's branch."""
        local = Func(zone_of_row(), Value(value), function="timezone", output_field=DateTimeField())
        cut_off = Coalesce("branch__cut_off", Value(time()), output_field=TimeField())
        day = Cast(CombinedExpression(local, "-", cut_off, DateTimeField()), DateField())
        # The bounds lead to the days in the index; no clock is further than a day away.
        around = (value.date() - timedelta(days=2), value.date() + timedelta(days=1))
        return (
            rows.filter(business_day__range=around).alias(then=day).filter(business_day=F("then"))
        )


class SessionFilter(FilterSet):
    """What narrows a list of payment sessions."""

    status = Choices(choices=SessionStatus, label=_("State"))
    kind = Choices(choices=Kind, label=_("Kind"))
    branch = NumberFilter(field_name="branch_id", label=_("Branch"))
    terminal = NumberFilter(field_name="terminal_id", label=_("Terminal"))
    reference = CharFilter(label=_("Customer reference"))
    ref = CharFilter(label=_("Reference"))

    class Meta:
        model = Session
        fields: ClassVar[list[str]] = []
