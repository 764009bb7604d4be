"""The filters of reconciliations, the same on the page and in the API."""

from typing import ClassVar

from django_filters import BooleanFilter, DateFilter, FilterSet, NumberFilter

from settlements.models import Reconciliation


class ReconciliationFilter(FilterSet):
    branch = NumberFilter(field_name="branch_id")
    terminal = NumberFilter(field_name="terminal_id")
    day_from = DateFilter(field_name="business_day", lookup_expr="gte")
    day_to = DateFilter(field_name="business_day", lookup_expr="lte")
    balanced = BooleanFilter()

    class Meta:
        model = Reconciliation
        fields: ClassVar = ["branch", "terminal", "balanced"]
