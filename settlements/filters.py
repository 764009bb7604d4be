"""The filters of reconciliations, the same on the page and in the API."""

from typing import ClassVar

from django.utils.translation import gettext_lazy as _
from django_filters import BooleanFilter, DateFilter, FilterSet, NumberFilter

from settlements.models import Reconciliation


class ReconciliationFilter(FilterSet):
    branch = NumberFilter(field_name="branch_id", label=_("Branch"))
    terminal = NumberFilter(field_name="terminal_id", label=_("Terminal"))
    day_from = DateFilter(field_name="business_day", lookup_expr="gte", label=_("From day"))
    day_to = DateFilter(field_name="business_day", lookup_expr="lte", label=_("To day"))
    balanced = BooleanFilter(label=_("Balanced"))

    class Meta:
        model = Reconciliation
        fields: ClassVar = ["branch", "terminal", "balanced"]
