"""How somebody wants to hear of what waits."""

from typing import Any

from django import forms

from merchants.models import Alert, AlertChoice


class AlertChoices(forms.Form):
    """One choice for each kind of alert."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rule, label in Alert.Rule.choices:
            self.fields[rule] = forms.ChoiceField(label=label, choices=AlertChoice.Way.choices)
