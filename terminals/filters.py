"""The filters of terminals, the same on the page and in the API."""

from typing import ClassVar

from django.utils.translation import gettext_lazy as _
from django_filters import BooleanFilter, CharFilter, FilterSet, NumberFilter

from portal.filtering import Identifier
from terminals.models import Terminal, TerminalUser


class TerminalFilter(FilterSet):
    branch = NumberFilter(field_name="branch_id", label=_("Branch"))
    terminal_user = NumberFilter(field_name="terminal_user_id", label=_("Held by"))
    tid = Identifier(label=_("Terminal id"))
    connected = BooleanFilter(field_name="connected", label=_("Connected"))
    assigned = BooleanFilter(
        field_name="terminal_user", lookup_expr="isnull", exclude=True, label=_("Held by somebody")
    )

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
