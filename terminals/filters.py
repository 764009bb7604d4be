"""The filters of terminals, the same on the page and in the API."""

from typing import ClassVar

from django_filters import BooleanFilter, FilterSet, NumberFilter

from portal.identifiers import Identifier
from terminals.models import Terminal


class TerminalFilter(FilterSet):
    branch = NumberFilter(field_name="branch_id")
    terminal_user = NumberFilter(field_name="terminal_user_id")
    tid = Identifier()
    connected = BooleanFilter(field_name="connected")
    assigned = BooleanFilter(field_name="terminal_user", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Terminal
        fields: ClassVar = ["branch", "terminal_user", "tid", "connected"]
