"""How somebody wants to hear of what waits, and what a report is to be of."""

from datetime import date
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from merchants.models import Alert, AlertChoice, Branch
from portal.templatetags.show import branch_text
from reports.catalogue import Report
from reports.models import ReportRun
from reports.periods import DAY, EARLIEST, LATEST, LONGEST, NAMED, Period, named


class AlertChoices(forms.Form):
    """One choice for each kind of alert."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rule, label in Alert.Rule.choices:
            self.fields[rule] = forms.ChoiceField(label=label, choices=AlertChoice.Way.choices)


class ReportForm(forms.Form):
    """Of which days and branches a report is, in which form, and with which columns."""

    period = forms.ChoiceField(label=_("Days"), choices=lambda: list(NAMED.items()))
    since = forms.DateField(
        label=_("From"), required=False, help_text=_("Only where it is from day to day."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )  # fmt: skip
    last = forms.DateField(
        label=_("Up to and with"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )  # fmt: skip
    branches: Any = forms.ModelMultipleChoiceField(
        Branch.objects.none(), label=_("Branches"), required=False,
        help_text=_("None chosen is all of them."),
    )  # fmt: skip
    form = forms.ChoiceField(label=_("Form"), choices=ReportRun.Form.choices)
    marks = forms.ChoiceField(
        label=_("Marks of CSV"), required=False,
        choices=[
            ("", _("Comma between cells, point in amounts: 1,14.55")),
            ("comma", _("Semicolon between cells, comma in amounts: 1;14,55")),
            ("semicolon", _("Semicolon between cells, point in amounts: 1;14.55")),
        ],
    )  # fmt: skip
    columns = forms.MultipleChoiceField(
        label=_("Columns"), required=False, help_text=_("None chosen is all of them.")
    )

    def __init__(
        self, *args: Any, report: Report, today: date, branches: QuerySet[Branch], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        own: dict[str, Any] = self.fields
        own["branches"].queryset = branches.order_by("name", "pk")
        own["branches"].label_from_instance = branch_text
        own["columns"].choices = [(each.name, each.title) for each in report.columns]
        own["period"].initial = "last-month"
        for name in ("branches", "columns"):
            own[name].widget.attrs["size"] = 7
        if not report.by_day:
            for name in ("period", "since", "last"):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        name = found.get("period")
        if name is None and "period" not in self.fields:
            self.chosen = Period(self.today, self.today + DAY)
        elif name == "days":
            since, last = found.get("since"), found.get("last")
            if since is None or last is None:
                self.add_error("since", _("Say from which day up to which."))
            elif since < EARLIEST or last > LATEST:
                self.add_error("since", _("Days are of the years from 2000 to 2099."))
            elif last < since:
                self.add_error("last", _("This is before the first day."))
            elif last - since > LONGEST:
                self.add_error("last", _("A report is of at most three years."))
            else:
                self.chosen = Period(since, last + DAY)
        elif name:
            self.chosen = named(name, self.today)
        return found

    def wish(self, language: str) -> dict[str, Any]:
        """What is asked for, as a report keeps it."""
        given = self.cleaned_data
        return {
            "since": self.chosen.since.isoformat(), "until": self.chosen.until.isoformat(),
            "branches": [each.pk for each in given["branches"]], "columns": given["columns"],
            "comma": given["marks"] == "comma", "semicolon": bool(given["marks"]),
            "language": language,
        }  # fmt: skip
