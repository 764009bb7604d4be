"""What is asked about people who hold terminals."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ReasonForm(forms.Form):
    """Why somebody is looked at in full."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=5,
        max_length=200,
        help_text=_("Such as the number of a case. It stands in the trail with your name."),
    )
