"""The filters of branches, of accounts and of the trail."""

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, DateFilter, FilterSet, NumberFilter

from merchants.models import ACTIONS, AuditEntry, Branch, Door, ProviderAccount
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


class TrailFilter(FilterSet):
    """Days are those of the reader's main clock, which the queryset's owner gives."""

    day_from = DateFilter(method="from_day", label=_("From day"))
    day_to = DateFilter(method="to_day", label=_("To day"))
    actor = NumberFilter(field_name="actor_id", label=_("Who"))
    action = Choices(choices=lambda: ACTIONS.items(), label=_("What"))
    door = Choices(choices=Door, label=_("By way of"))
    subject_kind = CharFilter(label=_("Kind of subject"))
    subject_id = NumberFilter(label=_("Subject"))

    class Meta:
        model = AuditEntry
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        self.zone = ZoneInfo(zone)
        super().__init__(*args, **kwargs)

    def from_day(self, rows: QuerySet[AuditEntry], _name: str, day: date) -> QuerySet[AuditEntry]:
        return rows.filter(at__gte=datetime.combine(day, time(), self.zone))

    def to_day(self, rows: QuerySet[AuditEntry], _name: str, day: date) -> QuerySet[AuditEntry]:
        if day == date.max:
            return rows
        after = datetime.combine(day + timedelta(days=1), time(), self.zone)
        return rows.filter(at__lt=after)
