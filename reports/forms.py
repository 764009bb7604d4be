"""How somebody wants to hear of what waits, and what a report is to be of."""

from datetime import date
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from merchants.models import Alert, AlertChoice, Branch
from portal.templatetags.show import branch_text
from reports.catalogue import Report
from reports.catalogue.columns import Column
from reports.models import Layout, ReportRun, Schedule
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
    layout: Any = forms.ModelChoiceField(
        Layout.objects.none(), label=_("Layout"), required=False, empty_label=_("None"),
        help_text=_("Its columns, in its order and under its headings."),
    )  # fmt: skip
    columns = forms.MultipleChoiceField(
        label=_("Columns"), required=False,
        help_text=_("Where no layout is chosen. None chosen is all of them."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, report: Report, today: date, branches: QuerySet[Branch],
        layouts: QuerySet[Layout], **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.today = today
        own: dict[str, Any] = self.fields
        for name in ("branches", "columns"):
            own[name].widget.attrs["size"] = 7
        own["branches"].queryset = branches.order_by("name", "pk")
        own["branches"].label_from_instance = branch_text
        own["columns"].choices = [(each.name, each.title) for each in report.columns]
        own["layout"].queryset = layouts
        if not layouts:
            del own["layout"]
        if "period" not in own:
            return
        own["period"].initial = "last-month"
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
        layout = given.get("layout")
        return {
            "since": self.chosen.since.isoformat(), "until": self.chosen.until.isoformat(),
            **self.how(language), **(layout.wish if layout else {"columns": given["columns"]}),
        }  # fmt: skip

    def how(self, language: str) -> dict[str, Any]:
        """Of which branches, and how it is written."""
        given = self.cleaned_data
        return {
            "branches": [each.pk for each in given["branches"]],
            "comma": given["marks"] == "comma", "semicolon": bool(given["marks"]),
            "language": language,
        }  # fmt: skip


class LayoutForm(forms.Form):
    """Which columns there are, in which order, under which headings: three fields for each."""

    name = forms.CharField(label=_("Name"), max_length=60)

    def __init__(
        self, *args: Any, columns: tuple[Column, ...], kept: list[dict[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.columns = columns
        places = {each["name"]: place for place, each in enumerate(kept, 1)}
        heads = {each["name"]: each["heading"] for each in kept}
        for number, each in enumerate(columns, 1):
            self.fields[f"on-{each.name}"] = forms.BooleanField(
                required=False, initial=each.name in places if kept else True
            )
            self.fields[f"place-{each.name}"] = forms.IntegerField(
                required=False, min_value=1, max_value=999,
                initial=places.get(each.name, len(places) + number),
            )  # fmt: skip
            self.fields[f"head-{each.name}"] = forms.CharField(
                required=False, max_length=60, initial=heads.get(each.name, "")
            )
            title = str(each.title)
            for part, label in (
                ("on", title), ("place", _("Place")), ("head", _("Heading")),
            ):  # fmt: skip
                said = title if part == "on" else f"{label}: {title}"
                self.fields[f"{part}-{each.name}"].widget.attrs["aria-label"] = said
            self.fields[f"head-{each.name}"].widget.attrs["placeholder"] = title

    @property
    def rows(self) -> list[tuple[Column, Any, Any, Any]]:
        """Each column with its three fields, those that are on first and in their order."""
        found = [
            (each, self[f"on-{each.name}"], self[f"place-{each.name}"], self[f"head-{each.name}"])
            for each in self.columns
        ]
        return sorted(found, key=lambda row: (not row[1].value(), _number(row[2].value())))

    @property
    def chosen(self) -> list[dict[str, str]]:
        """What was chosen, in its order; of two at one place in the order of the report."""
        given = self.cleaned_data
        own = [each.name for each in self.columns if given[f"on-{each.name}"]]
        own.sort(key=lambda name: given[f"place-{name}"] or 1000)
        return [{"name": name, "heading": given[f"head-{name}"]} for name in own]


def _number(text: Any) -> int:
    try:
        return int(text)
    except (TypeError, ValueError):
        return 1000


class ScheduleForm(ReportForm):
    """When a report comes by itself, and to where; what it is of as for one that is asked for."""

    name = forms.CharField(label=_("Name"), max_length=80)
    rhythm = forms.ChoiceField(label=_("How often"), choices=Schedule.Rhythm.choices)
    weekday = forms.TypedChoiceField(
        label=_("Weekday"), required=False, coerce=int, empty_value=None,
        choices=[
            (0, _("Monday")), (1, _("Tuesday")), (2, _("Wednesday")), (3, _("Thursday")),
            (4, _("Friday")), (5, _("Saturday")), (6, _("Sunday")),
        ],
        help_text=_("Of a weekly one, which has the week before, from Monday."),
    )  # fmt: skip
    day = forms.TypedChoiceField(
        label=_("Day of the month"), required=False, coerce=int, empty_value=None,
        choices=[(number, number) for number in range(1, 29)],
        help_text=_("Of a monthly one, which has the month before."),
    )  # fmt: skip
    hour = forms.TypedChoiceField(
        label=_("At"), coerce=int, initial=8,
        choices=[(hour, f"{hour:02d}:00") for hour in range(24)],
        widget=forms.Select(attrs={"dir": "ltr"}),
    )  # fmt: skip
    zone = forms.ChoiceField(label=_("Zone"), widget=forms.Select(attrs={"dir": "ltr"}))
    patience = forms.TypedChoiceField(
        label=_("Waits for complete rows"), coerce=int, initial=6,
        choices=[
            (0, _("Not at all")), (2, _("2 hours")), (6, _("6 hours")), (24, _("a day")),
            (72, _("three days")),
        ],
        help_text=_("After that it is made with what is there, and says what is missing."),
    )  # fmt: skip
    way = forms.ChoiceField(label=_("Goes"), choices=Schedule.Way.choices)
    recipients: Any = forms.ModelMultipleChoiceField(
        None, label=_("Also to"), required=False,
        help_text=_("By mail. Only to those who may see all that is in it."),
    )  # fmt: skip
    destination: Any = forms.ModelChoiceField(
        None, label=_("Server"), required=False, empty_label=_("None")
    )
    field_order = (
        "name", "rhythm", "weekday", "day", "hour", "zone", "patience", "form", "marks",
        "layout", "columns", "branches", "way", "recipients", "destination",
    )  # fmt: skip

    def __init__(
        self, *args: Any, zones: list[str], team: Any, destinations: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        own: dict[str, Any] = self.fields
        for name in ("period", "since", "last"):
            own.pop(name, None)
        own["zone"].choices = [(each, each.replace("_", " ")) for each in zones]
        own["recipients"].queryset = team
        own["recipients"].label_from_instance = lambda each: str(each.user)
        own["recipients"].widget.attrs["size"] = 5
        own["destination"].queryset = destinations
        if not destinations:
            del own["destination"]
            kept = [each for each in Schedule.Way.choices if each[0] != Schedule.Way.SFTP]
            own["way"].choices = kept

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if found.get("way") == Schedule.Way.SFTP and not found.get("destination"):
            self.add_error("destination", _("Choose the server that it goes to."))
        return found

    @property
    def plan(self) -> dict[str, Any]:
        """What the action takes besides the wish."""
        names = ("name", "rhythm", "weekday", "day", "hour", "zone", "patience", "way", "form")
        given = self.cleaned_data
        return {
            **{name: given[name] for name in names}, "recipients": given["recipients"],
            "destination": given.get("destination"),
            "weekday": given["weekday"] or 0, "day": given["day"] or 1,
        }  # fmt: skip

    def wish(self, language: str) -> dict[str, Any]:
        """What each of them is of, without its days."""
        given = self.cleaned_data
        layout = given.get("layout")
        chosen = layout.wish if layout else {"columns": given["columns"]}
        return {**self.how(language), **chosen}


class JournalForm(forms.Form):
    """The accounts of a merchant's books; an empty field is the usual one."""

    def __init__(self, *args: Any, schemes: list[tuple[str, Any]], kept: dict[str, str],
                 usual: dict[str, str], **kwargs: Any) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        code = RegexValidator(r"^[A-Za-z0-9 ._:/&-]+$", _("Letters, digits, spaces and . - / &."))
        number = RegexValidator(r"^[0-9]{1,7}$", _("A number of at most seven digits."))
        words = {
            "sales": _("Sales"), "refunds": _("Refunds"), "clearing": _("Card clearing"),
            "datev:consultant": _("DATEV: number of the bookkeeper"),
            "datev:client": _("DATEV: number of the client"),
        }  # fmt: skip
        for key, label in words.items():
            self.fields[key] = forms.CharField(
                label=label, required=False, max_length=30, initial=kept.get(key, ""),
                validators=[number if key.startswith("datev") else code],
                widget=forms.TextInput(attrs={"dir": "ltr", "placeholder": usual[key]}),
            )  # fmt: skip
        for scheme, title in schemes:
            key = f"clearing:{scheme}"
            self.fields[key] = forms.CharField(
                label=f"{words['clearing']}: {title}", required=False, max_length=30,
                initial=kept.get(key, ""), validators=[code],
                widget=forms.TextInput(attrs={"dir": "ltr"}),
            )  # fmt: skip


class DestinationForm(forms.Form):
    """An SFTP server that files go to. What opens it is told once, and never shown again."""

    name = forms.CharField(label=_("Name"), max_length=60)
    host = forms.CharField(
        label=_("Host"), max_length=253, validators=[RegexValidator(r"^[A-Za-z0-9.:-]+$")],
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )  # fmt: skip
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=22)
    username = forms.CharField(
        label=_("User"), max_length=100,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )  # fmt: skip
    host_key = forms.CharField(
        label=_("Key of the server"), max_length=2000,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        help_text=_("As “ssh-keyscan” shows it, from the type on: ssh-ed25519 AAAA…"),
    )  # fmt: skip
    folder = forms.CharField(
        label=_("Folder"), max_length=200, required=False,
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )  # fmt: skip
    password = forms.CharField(
        label=_("Password"), required=False, max_length=500, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    key = forms.FileField(
        label=_("Or a private key"), required=False,
        help_text=_("A file in OpenSSH or PEM form, without a password of its own."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if bool(found.get("password")) == bool(found.get("key")):
            self.add_error("password", _("Give a password or a private key, one of the two."))
        elif found.get("key") and found["key"].size > 20_000:
            self.add_error("key", _("This is no private key, or it is protected by a password."))
        return found

    @property
    def secret(self) -> dict[str, str]:
        given = self.cleaned_data
        if given["key"]:
            return {"key": given["key"].read().decode("ascii", "replace")}
        return {"password": given["password"]}
