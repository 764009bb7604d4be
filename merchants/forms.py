"""What people type to connect accounts, and to change a team."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from merchants.actions.accounts import (
    InvalidCredentials,
    check_credentials,
    described,
    secret_fields,
)
from merchants.actions.keeping import MONTHS
from merchants.actions.team import Place
from merchants.models import Branch, BranchIdentity, Membership, ProviderAccount, Right, Role, User
from merchants.queries import branches_for, roles_for
from portal.templatetags.show import branch_text
from providers.base.registry import providers, words

DEMO_PASSWORD = "portal-demo-2026"  # noqa: S105 (published, and refused unless the demo is on)


class ConnectAccount(forms.Form):
    """An account's name and its provider's own credentials, one field each.

    Given an account, secrets may be left empty to keep what is stored.
    """

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("How your team calls it, for example “NearPay, Riyadh”."),
    )

    def __init__(
        self, *args: Any, provider: str, account: ProviderAccount | None = None, **kwargs: Any
    ) -> None:
        self.provider, self.account = provider, account
        super().__init__(*args, **kwargs)
        factory = providers()[provider]
        labels = words(provider, get_language() or "en")["credentials"]
        hidden = secret_fields(provider)
        shown = described(account) if account else {}
        defaults = dict(
            zip(
                factory.credentials.__struct_fields__[::-1],
                factory.credentials.__struct_defaults__[::-1],
                strict=False,
            )
        )
        for key in factory.credentials.__struct_fields__:
            secret = key in hidden
            widget: forms.Widget = forms.TextInput()
            if secret:
                widget = forms.PasswordInput(attrs={"autocomplete": "off"})
            widget.attrs["dir"] = "ltr"
            self.fields[key] = forms.CharField(
                label=labels[key]["label"],
                help_text=labels[key]["help"],
                required=account is None and key not in defaults,
                initial=None if secret else shown.get(key, defaults.get(key)),
                widget=widget,
                max_length=500,
            )

    @property
    def credentials(self) -> dict[str, str]:
        """What was typed, without the name."""
        return {key: value for key, value in self.cleaned_data.items() if key != "name" and value}

    @property
    def changes_credentials(self) -> bool:
        """Whether any secret, or another address, was typed."""
        if self.account is None:
            return True
        shown = described(self.account)
        return any(shown.get(key) != value for key, value in self.credentials.items())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and self.changes_credentials:
            missing = [key for key in secret_fields(self.provider) if not cleaned.get(key)]
            if missing:
                raise forms.ValidationError({missing[0]: _("Type the key again to change this.")})
            try:
                check_credentials(self.provider, self.credentials)
            except InvalidCredentials as problem:
                self.add_error(problem.field or None, str(problem))
        return cleaned


class BranchesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Some branches, named in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        return branch_text(obj)


class PlaceForm(forms.Form):
    """What somebody is to be. Given a member, it is about them; else about whom to invite."""

    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"dir": "ltr"}))
    # The one that may least, so that nobody becomes an owner because a field was passed by.
    role = forms.ChoiceField(label=_("Role"), initial=Role.SUPPORT)
    every_branch = forms.BooleanField(label=_("All branches"), required=False, initial=True)
    branches = BranchesField(
        Branch.objects.none(), label=_("Only these branches"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    until = forms.DateField(
        label=_("Ends by itself after"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("For an external bookkeeper, for example. Empty: it does not end."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, by: Membership, of: Membership | None = None, **kwargs: Any
    ) -> None:
        if of is not None:
            kwargs["initial"] = {
                "role": f"own:{of.custom_role_id}" if of.custom_role_id else of.role,
                "every_branch": of.every_branch,
                "branches": of.branches.all(),
                "until": of.expires_at and (of.expires_at - timedelta(seconds=1)).date(),
            }
        super().__init__(*args, **kwargs)
        self.own = {f"own:{role.pk}": role for role in roles_for(by)}
        usual = [(str(role.value), role.label) for role in Role if role != Role.CUSTOM]
        choices = [*usual, *((key, role.name) for key, role in self.own.items())]
        cast(forms.ChoiceField, self.fields["role"]).choices = choices
        branches = cast(BranchesField, self.fields["branches"])
        branches.queryset = branches_for(by).order_by("name", "pk")
        if of is not None:
            del self.fields["email"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("every_branch") and not cleaned.get("branches"):
            self.add_error("branches", _("Choose at least one branch, or all of them."))
        if cleaned.get("role") == Role.OWNER and not cleaned.get("every_branch"):
            self.add_error("every_branch", _("An owner has all branches."))
        until = cleaned.get("until")
        if until is not None and until < timezone.now().date():
            self.add_error("until", _("This day is over."))
        elif until is not None and until > timezone.now().date() + timedelta(days=3660):
            self.add_error("until", _("This day is too far away; leave it empty instead."))
        return cleaned

    @property
    def place(self) -> Place:
        """What was chosen. A day counts to its end."""
        chosen = self.cleaned_data
        role = self.own.get(chosen["role"])
        until = chosen["until"]
        return Place(
            role=Role.CUSTOM if role else chosen["role"],
            custom_role=role,
            branches=None if chosen["every_branch"] else list(chosen["branches"]),
            expires_at=until and datetime.combine(until + timedelta(days=1), time(), UTC),
        )


def _kept_for() -> list[tuple[str, str]]:
    named = [
        (str(each), ngettext("%(months)d month", "%(months)d months", each) % {"months": each})
        for each in MONTHS
    ]
    return [("", str(_("For as long as the sale itself"))), *named]


class KeepingForm(forms.Form):
    """How long it is kept in whose hands a sale was."""

    months = forms.TypedChoiceField(
        label=_("A sale tells in whose hands it was"), choices=_kept_for, coerce=int,
        empty_value=None, required=False,
    )  # fmt: skip
    answers_checks = forms.BooleanField(
        label=_("Anybody may check whether a receipt is genuine"), required=False,
        help_text=_("Only by the code on it, or by its RRN, exact amount and date together."),
    )  # fmt: skip


class RoleForm(forms.Form):
    """A role's name and its rights."""

    name = forms.CharField(label=_("Name"), max_length=60)
    rights = forms.MultipleChoiceField(
        label=_("What it may do"), choices=Right, widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip


class JoinForm(forms.Form):
    """What somebody new says of themselves."""

    name = forms.CharField(label=_("Your name"), max_length=200)
    password = forms.CharField(
        label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "dir": "ltr"}),
        help_text=_("At least 12 signs, and none that others use too."),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email))
        return password

    @property
    def answers(self) -> dict[str, str]:
        """What the action takes."""
        return {key: self.cleaned_data[key] for key in ("name", "password")}


class TokenForm(forms.Form):
    """What a key to the API is called, and what it is kept to."""

    name = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("What uses it, for example “Nightly export”.")
    )
    service = forms.BooleanField(
        label=_("For a program of the merchant’s"), required=False,
        help_text=_("It goes on when your membership ends."),
    )  # fmt: skip
    rights = forms.MultipleChoiceField(
        label=_("What it may do"), widget=forms.CheckboxSelectMultiple
    )
    branches = BranchesField(
        Branch.objects.none(), label=_("Only these branches"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("Choose none for all that you may see."),
    )  # fmt: skip
    days = forms.TypedChoiceField(
        label=_("Ends after"), coerce=int, initial=90,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("a year"))],
    )  # fmt: skip

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not by.may(Right.TEAM):
            del self.fields["service"]
        # The API only reads so far, so a key has no use for the rights to change things.
        useful = (Right.LOOK_UP, Right.FIGURES, Right.PERSONAL, Right.ACCOUNTS)
        choices = [(str(each.value), each.label) for each in useful if by.may(each)]
        cast(forms.MultipleChoiceField, self.fields["rights"]).choices = choices
        self.fields["rights"].initial = [Right.LOOK_UP]
        branches = cast(BranchesField, self.fields["branches"])
        branches.queryset = branches_for(by).order_by("name", "pk")

    @property
    def chosen(self) -> dict[str, Any]:
        """What the action takes."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "rights": [Right(each) for each in given["rights"]],
            "branches": list(given["branches"]) or None,
            "expires_at": timezone.now() + timedelta(days=given["days"]),
        }


def _zones() -> list[tuple[str, str]]:
    """The zones that are named by a place."""
    places = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/",
              "Pacific/")  # fmt: skip
    named = sorted(each for each in available_timezones() if each.startswith(places))
    return [(each, each.replace("_", " ")) for each in ["UTC", *named]]


class DayForm(forms.Form):
    """When a branch's business day begins: roll-ups are by the hour, so it begins at a full one."""

    zone = forms.ChoiceField(
        label=_("Zone"), choices=_zones, widget=forms.Select(attrs={"dir": "ltr"})
    )
    cut_off = forms.TypedChoiceField(
        label=_("The day begins at"),
        choices=[(f"{hour:02d}:00", f"{hour:02d}:00") for hour in range(24)],
        coerce=time.fromisoformat,
        widget=forms.Select(attrs={"dir": "ltr"}),
        help_text=_("A sale at 02:30 belongs to the day before where the day begins at 04:00."),
    )


class IdentityField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """What an account calls a branch."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.account.title} · {obj.account.name} · {obj.name}"


class IntoField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A branch that another may become."""

    def label_from_instance(self, obj: Any) -> str:
        return branch_text(obj)


class JoinBranch(forms.Form):
    """Of what a provider knows: which branch it is; none is one of its own."""

    identity = IdentityField(
        BranchIdentity.objects.none(), label=_("What the provider calls it"), empty_label=None
    )
    into = IntoField(
        Branch.objects.none(), label=_("Is the branch"), required=False,
        empty_label=_("A branch of its own"),
    )  # fmt: skip

    def __init__(self, *args: Any, branch: Branch, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = branch.identities.select_related("account").order_by("pk")
        cast(IdentityField, self.fields["identity"]).queryset = own
        others = branches_for(by).exclude(pk=branch.pk).order_by("name", "pk")
        cast(IntoField, self.fields["into"]).queryset = others
