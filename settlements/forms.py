"""What somebody closes, and why it is opened again."""

from datetime import date

from django import forms
from django.utils.translation import gettext_lazy as _

from settlements.models import Document

# Days that the portal keeps, by the year.
FIRST, LAST = 2000, 2099


def month_of(text: str) -> date | None:
    """The first day of what is written as 2026-08; None where it is no month."""
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return found if FIRST <= found.year <= LAST else None


class CloseForm(forms.Form):
    """A day or a month of one branch, and whether it is closed though something may be missing."""

    span = forms.ChoiceField(choices=Document.Span.choices)
    since = forms.DateField()
    anyway = forms.BooleanField(required=False)
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"maxlength": 200}),
    )  # fmt: skip

    def clean_since(self) -> date:
        found: date = self.cleaned_data["since"]
        if not FIRST <= found.year <= LAST:
            raise forms.ValidationError(_("Days are of the years from 2000 to 2099."))
        month = self.cleaned_data.get("span") == Document.Span.MONTH
        return found.replace(day=1) if month else found
