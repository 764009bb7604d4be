"""Forms about one transaction."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.filtering import western
from providers.base.money import Money, NotMoney
from terminals.models import Terminal
from transactions.actions import LASTS


class ShareReceipt(forms.Form):
    """For how long a link is good, and whom it goes to by mail."""

    days = forms.TypedChoiceField(label=_("Good for"), coerce=int)
    email = forms.EmailField(
        label=_("Customer’s e-mail"), required=False,
        help_text=_("Leave it empty to show the link and its code here."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = [(n, ngettext("%(n)d day", "%(n)d days", n) % {"n": n}) for n in LASTS]
        field: Any = self.fields["days"]
        field.choices, field.initial = chosen, LASTS[1]


class WithdrawReceipt(forms.Form):
    """Why papers are worth nothing any more."""

    reason = forms.CharField(label=_("Reason"), max_length=300)


class NoteForm(forms.Form):
    """Words, the number of a case, a tag; at least one of them."""

    note = forms.CharField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    case = forms.CharField(label=_("Case"), max_length=100, required=False)
    tag = forms.CharField(label=_("Tag"), max_length=40, required=False)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if not any(found.get(name) for name in ("note", "case", "tag")):
            raise forms.ValidationError(_("A note says something."))
        return found


class CheckReceipt(forms.Form):
    """What stands on a receipt that somebody was shown."""

    rrn = forms.CharField(label=_("RRN"), max_length=40)
    amount = forms.CharField(label=_("Amount"), max_length=20)
    day = forms.DateField(
        label=_("Date"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean_rrn(self) -> str:
        return western(self.cleaned_data["rrn"])

    def clean_amount(self) -> str:
        return western(self.cleaned_data["amount"].replace("٫", "."))


class AskPayment(forms.Form):
    """How much a terminal is asked to take or to give back."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    amount = forms.CharField(label=_("Amount"), max_length=20)
    reference = forms.CharField(
        label=_("Customer reference"), max_length=200, required=False,
        help_text=_("Such as an order’s number; the transaction is found by it later."),
    )  # fmt: skip

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].help_text = currency
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "dir": "ltr"}

    def clean_amount(self) -> Money:
        typed = western(self.cleaned_data["amount"]).replace("٫", ".").replace(",", ".")
        try:
            found = Money.from_major_text(typed, self.currency)
        except NotMoney:
            raise forms.ValidationError(
                _("This is no amount in %(currency)s, such as 14.55."),
                params={"currency": self.currency},
            ) from None
        if found.minor <= 0:
            raise forms.ValidationError(_("An amount is more than nothing."))
        return found


class AskRefund(AskPayment):
    """How much of a sale is given back, and on which terminal the card is held out."""

    terminal = forms.ModelChoiceField(Terminal.objects.none(), label=_("Terminal"))

    def __init__(self, *args: Any, terminals: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["terminal"]
        field.queryset = terminals
