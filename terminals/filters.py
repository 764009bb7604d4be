"""The filters of terminals, the same on the page and in the API."""

from typing import ClassVar

from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django_filters import BooleanFilter, CharFilter, FilterSet, NumberFilter

from merchants.models import Drift, Operation
from portal.filtering import Choices, Identifier
from terminals.models import Terminal, TerminalUser


class TerminalFilter(FilterSet):
    branch = NumberFilter(field_name="branch_id", label=_("Branch"))
    terminal_user = NumberFilter(field_name="terminal_user_id", label=_("Held by"))
    tid = Identifier(label=_("Terminal id"))
    connected = BooleanFilter(field_name="connected", label=_("Connected"))
    assigned = BooleanFilter(
        field_name="terminal_user", lookup_expr="isnull", exclude=True, label=_("Held by somebody")
    )

    label = CharFilter(lookup_expr="icontains", label=_("Label"))
    spare = BooleanFilter(label=_("Ready to be handed out"))

    class Meta:
        model = Terminal
        fields: ClassVar = ["branch", "terminal_user", "tid", "connected"]


class PersonFilter(FilterSet):
    name = CharFilter(lookup_expr="icontains", label=_("Name"))
    holds = BooleanFilter(
        field_name="terminals", lookup_expr="isnull", exclude=True, distinct=True,
        label=_("Holds a terminal"),
    )  # fmt: skip

    class Meta:
        model = TerminalUser
        fields: ClassVar = ["name"]


class OperationFilter(FilterSet):
    kind = Choices(choices=Operation.Kind, label=_("What"))
    state = Choices(choices=Operation.State, label=_("State"))

    class Meta:
        model = Operation
        fields: ClassVar[list[str]] = []


class DriftFilter(FilterSet):
    """Without `left`, what is left alone for now is not shown."""

    field = Choices(choices=Drift.Field, label=_("What differs"))
    left = BooleanFilter(method="left_alone", label=_("Left alone for now"))

    class Meta:
        model = Drift
        fields: ClassVar[list[str]] = []

    def left_alone(self, rows: QuerySet[Drift], _name: str, value: bool) -> QuerySet[Drift]:
        return rows.filter(ignored_until__gt=now()) if value else rows

    def filter_queryset(self, queryset: QuerySet[Drift]) -> QuerySet[Drift]:
        found: QuerySet[Drift] = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("left"):
            return found
        return found.exclude(ignored_until__gt=now())
