"""What is asked about people who hold terminals, and about handing terminals over."""

import re
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.actions.operations import is_offered
from merchants.models import Branch, Membership, ProviderAccount
from merchants.queries import accounts_of, branches_for
from portal.tables import MOST_BYTES, NotATable, Table, read_table
from portal.templatetags.show import branch_text
from providers.base.provider import CreatesBranches, CreatesTerminals, FollowsTerminals
from terminals.actions import POINTS, Holder, bulk_kinds, move_in_words
from terminals.models import Terminal, TerminalUser
from terminals.numbers import e164
from terminals.queries import terminal_users_for

# A choice of more people than these is made by their number.
MOST_PEOPLE = 500


class ReasonForm(forms.Form):
    """Why somebody is looked at in full."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=5,
        max_length=200,
        help_text=_("Such as the number of a case. It stands in the trail with your name."),
    )


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Somebody who can be handed a terminal."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.shown)


class AssignTerminal(forms.Form):
    """To whom a terminal is handed: somebody known, or somebody new."""

    person = PersonField(
        TerminalUser.objects.none(), label=_("Somebody known"), required=False,
        empty_label=_("Somebody new"),
    )  # fmt: skip
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    mobile = forms.CharField(
        label=_("Mobile"), max_length=40, required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel"}),
        help_text=_("With its country, such as +966 55 123 4567."),
    )  # fmt: skip
    email = forms.EmailField(
        label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"dir": "ltr"})
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    sure = forms.BooleanField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, terminal: Terminal, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terminal = terminal
        own = terminal_users_for(by).filter(account=terminal.account_id, erased_at=None)
        holder = terminal.terminal_user_id
        self.people = own if holder is None else own.exclude(pk=holder)
        person = cast(PersonField, self.fields["person"])
        person.queryset = self.people.order_by("name", "pk")[:MOST_PEOPLE]
        # What is chosen is looked up among all of them.
        person.clean = self._chosen  # type: ignore[method-assign]

    def _chosen(self, value: Any) -> TerminalUser | None:
        if not value:
            return None
        found = self.people.filter(pk=int(value)).first() if str(value).isdecimal() else None
        if found is None:
            raise forms.ValidationError(gettext("Choose one of these people."))
        return found

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        person = given.get("person")
        if person is not None:
            if e164(person.mobile or "") is None:
                self.add_error("person", _("Their number is not known in full: type it below."))
            return given
        if not given.get("name"):
            self.add_error("name", _("Type a name, or choose somebody known."))
        number = e164(given.get("mobile") or "")
        if number is None:
            self.add_error("mobile", _("This is no mobile number. Begin with + and its country."))
        else:
            given["mobile"] = number
            # Whoever has the number is who the provider will take it for.
            given["person"] = self.people.filter(mobile=number).order_by("pk").first()
        return given

    @property
    def to(self) -> Holder:
        """Who it is to be."""
        given, known = self.cleaned_data, self.cleaned_data["person"]
        if known is not None:
            return Holder(known.name, e164(known.mobile or "") or "", known.email or "", known)
        return Holder(given["name"], given["mobile"], given["email"])

    @property
    def typed(self) -> dict[str, str]:
        """What was typed and chosen, as it came."""
        return {name: self.data.get(name, "") for name in ("person", "name", "mobile", "email")}

    @property
    def effect(self) -> str:
        """What the provider will do, in words."""
        words = {
            "who": self.to.name,
            "what": str(self.terminal),
            "holder": self.terminal.terminal_user.shown if self.terminal.terminal_user else "",
        }
        return move_in_words(words, is_new=self.to.known is None)

    @property
    def likeness(self) -> str:
        """Where what was typed is somebody who is known by another name."""
        known = self.to.known
        typed = self.cleaned_data.get("name")
        if known is None or not typed or typed.casefold() == known.name.casefold():
            return ""
        return gettext("This number is known as %(name)s, and stays so.") % {"name": known.name}


class AccountField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """An account whose provider can do what is asked."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.title} · {obj.name}"


class BranchField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A branch that somebody may see."""

    def label_from_instance(self, obj: Any) -> str:
        return branch_text(obj)


class _AskForm(forms.Form):
    """What is asked of an account's provider; a form that is sent twice asks once."""

    capability: type
    account = AccountField(ProviderAccount.objects.none(), label=_("Account"), empty_label=None)
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = accounts_of(by).order_by("name", "pk")
        can = [each.pk for each in own if is_offered(each, self.capability)]
        cast(AccountField, self.fields["account"]).queryset = own.filter(pk__in=can)


class CreateTerminal(_AskForm):
    """A terminal for a branch."""

    capability = CreatesTerminals
    branch = BranchField(Branch.objects.none(), label=_("Branch"), empty_label=None)
    name = forms.CharField(label=_("Name"), max_length=200)
    code = forms.CharField(
        label=_("Terminal code"), max_length=100, widget=forms.TextInput(attrs={"dir": "ltr"}),
        help_text=_("What the acquiring bank gave for it (TRSM code)."),
    )  # fmt: skip
    field_order = ("account", "branch", "name", "code")

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        own = branches_for(by).order_by("name", "pk")
        cast(BranchField, self.fields["branch"]).queryset = own


class AddTerminals(_AskForm):
    """Terminals that exist, by their numbers."""

    capability = FollowsTerminals
    numbers = forms.CharField(
        label=_("Terminal numbers"), max_length=80_000,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "ltr"}),
        help_text=_("One on each line, as your tills are numbered at the provider."),
    )  # fmt: skip
    field_order = ("account", "numbers")

    @property
    def asked(self) -> dict[str, Any]:
        """What the action is told."""
        numbers = re.split(r"[\s,;]+", self.cleaned_data["numbers"])
        return {"account": self.cleaned_data["account"], "tids": numbers}


class CreateBranch(_AskForm):
    """A branch, with who runs it."""

    capability = CreatesBranches
    name = forms.CharField(label=_("Name"), max_length=200)
    name_ar = forms.CharField(
        label=_("Name in Arabic"), max_length=200,
        widget=forms.TextInput(attrs={"dir": "rtl", "lang": "ar"}),
    )  # fmt: skip
    reference = forms.CharField(
        label=_("Reference"), max_length=200, required=False,
        help_text=_("Your own number for it, if it has one."),
    )  # fmt: skip
    owner_name = forms.CharField(label=_("Who runs it"), max_length=200)
    owner_mobile = forms.CharField(
        label=_("Mobile"), max_length=40,
        help_text=_("With its country, such as +966 55 123 4567."),
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel"}),
    )  # fmt: skip
    owner_email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"dir": "ltr"}))
    field_order = ("account", "name", "name_ar")

    def clean_owner_mobile(self) -> str:
        number = e164(self.cleaned_data["owner_mobile"])
        if number is None:
            raise forms.ValidationError(
                gettext("This is no mobile number. Begin with + and its country.")
            )
        return number

    @property
    def asked(self) -> dict[str, Any]:
        """What the action is told."""
        given = dict(self.cleaned_data)
        own = {name: given.pop(f"owner_{name}") for name in ("name", "mobile", "email")}
        return {**given, "owner": own}


class DescribeTerminal(forms.Form):
    """The merchant's own words about a terminal."""

    label = forms.CharField(
        label=_("Label"), max_length=100, required=False,
        help_text=_("Such as the till's place or the number on its sticker."),
    )  # fmt: skip
    note = forms.CharField(
        label=_("Note"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    spare = forms.BooleanField(label=_("Lies ready to be handed out"), required=False)


class UploadForm(forms.Form):
    """A file of who is to hold what."""

    file = forms.FileField(
        label=_("File"), help_text=_("CSV or XLSX, of up to 2,000 rows."),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )  # fmt: skip
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)

    def clean_file(self) -> Table:
        given = self.cleaned_data["file"]
        if given.size > MOST_BYTES:
            raise forms.ValidationError(gettext("The file is larger than 2 MB."))
        try:
            return read_table(given.name, given.read())
        except NotATable as problem:
            raise forms.ValidationError(str(problem)) from None


class ColumnsForm(forms.Form):
    """Which column of a file is what."""

    def __init__(self, *args: Any, header: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [("", gettext("– none –")), *enumerate(header)]
        labels = {
            "tid": _("Terminal id"), "name": _("Name"), "mobile": _("Mobile"), "email": _("E-mail"),
        }  # fmt: skip
        for field, label in labels.items():
            self.fields[field] = forms.TypedChoiceField(
                label=label, choices=columns, coerce=int, empty_value=None,
                required=field != "email",
            )  # fmt: skip

    @property
    def chosen(self) -> dict[str, int]:
        return {field: at for field, at in self.cleaned_data.items() if at is not None}


class ChooseForm(forms.Form):
    """What is done with chosen terminals."""

    CHOICES: ClassVar = [
        ("UNASSIGN", _("Take back")), ("DISCONNECT", _("Sign out the device")),
        ("ASSIGN", _("Hand to one person")),
        *((kind.value, kind.label) for kind in POINTS),
    ]  # fmt: skip
    kind = forms.ChoiceField(label=_("What to do"), choices=CHOICES)
    person = PersonField(
        TerminalUser.objects.none(), label=_("Person"), required=False, empty_label="–"
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = terminal_users_for(by).filter(erased_at=None).order_by("name", "pk")
        cast(PersonField, self.fields["person"]).queryset = own
        # Only what a provider of the merchant's can do.
        can = set(bulk_kinds(accounts_of(by)))
        kind = cast(forms.ChoiceField, self.fields["kind"])
        kind.choices = [each for each in self.CHOICES if each[0] in can]
        if "ASSIGN" not in can:
            del self.fields["person"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        person = given.get("person")
        if given.get("kind") == "ASSIGN":
            if person is None:
                self.add_error("person", gettext("Choose who is to hold them."))
            elif e164(person.mobile or "") is None:
                self.add_error("person", gettext("Their number is not known in full."))
        return given

    @property
    def to(self) -> Holder | None:
        person = self.cleaned_data.get("person")
        if self.cleaned_data["kind"] != "ASSIGN" or person is None:
            return None
        return Holder(person.name, e164(person.mobile or "") or "", person.email or "", person)


class AtForm(forms.Form):
    """A moment on the terminal's wall clock."""

    at = forms.DateTimeField(
        label=_("At"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_at(self) -> Any:
        """What was typed, which knows of no zone, as the branch's wall clock."""
        at = self.cleaned_data["at"]
        return at.replace(tzinfo=ZoneInfo(self.zone))
