"""The filters of branches and of accounts."""

from typing import ClassVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, FilterSet

from merchants.models import Branch, ProviderAccount
from portal.filtering import Choices
from providers.base.registry import providers


class BranchFilter(FilterSet):
    name = CharFilter(method="by_name", label=_("Name"))

    class Meta:
        model = Branch
        fields: ClassVar = ["name"]

    def by_name(self, rows: QuerySet[Branch], _name: str, value: str) -> QuerySet[Branch]:
        """In either language."""
        return rows.filter(Q(name__icontains=value) | Q(name_ar__icontains=value))


class AccountFilter(FilterSet):
    name = CharFilter(lookup_expr="icontains", label=_("Name"))
    provider = Choices(
        choices=lambda: [(name, each.title) for name, each in providers().items()],
        label=_("Provider"),
    )
    state = Choices(choices=ProviderAccount.State, label=_("State"))

    class Meta:
        model = ProviderAccount
        fields: ClassVar = ["name"]
