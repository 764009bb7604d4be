"""What people type to connect accounts."""

from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from merchants.actions.accounts import (
    InvalidCredentials,
    check_credentials,
    described,
    secret_fields,
)
from merchants.models import ProviderAccount
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
