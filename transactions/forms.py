"""Forms about one transaction."""

import re
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from portal.filtering import western
from providers.base.money import Money, exponent, major_text
from providers.base.personal import without_cpr
from providers.base.reading import without_cards
from terminals.models import Terminal
from transactions.actions import LASTS, LONGEST_ORDER, Limit


class CardlessField(forms.CharField):
    """A text in which whole card numbers are masked before anything keeps it."""

    def clean(self, value: Any) -> Any:
        return without_cards(super().clean(value))


class WordsField(CardlessField):
    """What somebody says of a transaction: CPR numbers are masked in it too."""

    def clean(self, value: Any) -> Any:
        return without_cpr(super().clean(value))


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

    reason = WordsField(label=_("Reason"), max_length=300)


class NoteForm(forms.Form):
    """Words, the number of a case, a tag; at least one of them."""

    note = WordsField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    case = CardlessField(label=_("Case"), max_length=100, required=False)
    tag = CardlessField(label=_("Tag"), max_length=40, required=False)

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
        typed = western(self.cleaned_data["amount"]).replace("٫", ".")
        # What is no amount is answered like one that is wrong.
        return typed if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", typed) else "-1"


def money_of(text: str, currency: str) -> Money:
    """The amount that somebody typed. Raises ValidationError where it is none, or nothing."""
    typed = western(text).replace("٫", ".")
    shape = re.fullmatch(r"([0-9]{1,12})(?:([.,])([0-9]+))?", typed)
    fraction = (shape[3] or "") if shape else ""
    # “1,000” is a thousand to one and one to another: it is asked for again.
    unclear = "," in typed and len(fraction) == 3
    if shape is None or unclear or len(fraction) > exponent(currency):
        raise forms.ValidationError(
            _("This is no amount in %(currency)s, such as 14.55."), params={"currency": currency}
        )
    found = Money.from_major_text(typed.replace(",", "."), currency)
    if found.minor <= 0:
        raise forms.ValidationError(_("An amount is more than nothing."))
    return found


class RefundLimits(forms.Form):
    """The limits of each role, two fields for each: the most, and the most alone."""

    def __init__(self, *args: Any, limits: list[Limit], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        for number, each in enumerate(limits):
            for name, minor, label in (
                ("most", each.most, _("At most")),
                ("alone", each.alone, _("A second person above")),
            ):
                own = forms.CharField(label=label, max_length=20, required=False)
                own.initial = "" if minor is None else major_text(minor, each.currency)
                said = f"{each.title}, {each.currency}: {label}"
                own.widget.attrs |= {"inputmode": "decimal", "dir": "ltr", "aria-label": said}
                self.fields[f"{name}_{number}"] = own

    def rows(self) -> list[tuple[Limit, forms.BoundField, forms.BoundField]]:
        """Each limit with its two fields."""
        return [
            (each, self[f"most_{number}"], self[f"alone_{number}"])
            for number, each in enumerate(self.limits)
        ]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        chosen = []
        for number, each in enumerate(self.limits):
            most, alone = (
                self._minor(f"{name}_{number}", each.currency) for name in ("most", "alone")
            )
            if most is not None and alone is not None and alone > most:
                self.add_error(
                    f"alone_{number}", _("This is more than the role may give back at all.")
                )
            chosen.append(replace(each, most=most, alone=alone))
        found["limits"] = chosen
        return found

    def _minor(self, name: str, currency: str) -> int | None:
        text = self.cleaned_data.get(name) or ""
        try:
            return money_of(text, currency).minor if text else None
        except forms.ValidationError as problem:
            self.add_error(name, problem)
            return None


class DeclineForm(forms.Form):
    """Why somebody does not agree."""

    reason = WordsField(label=_("Reason"), max_length=300, required=False)


class AskPayment(forms.Form):
    """How much a terminal is asked to take or to give back."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    amount = forms.CharField(label=_("Amount"), max_length=20)
    reference = CardlessField(
        label=_("Customer reference"), max_length=200, required=False,
        help_text=_("Such as an order’s number; the transaction is found by it later."),
    )  # fmt: skip

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].help_text = currency
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "dir": "ltr"}

    def clean_amount(self) -> Money:
        return money_of(self.cleaned_data["amount"], self.currency)


class StartPayment(AskPayment):
    """How much a customer is asked for; nothing where that is said later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].required = False
        said = _("%(currency)s. Leave it empty to wait for the customer first.")
        self.fields["amount"].help_text = said % {"currency": self.currency}
        self.fields["reference"].label = _("Order number")
        self.fields["reference"].widget.attrs["maxlength"] = LONGEST_ORDER

    def clean_amount(self) -> Money | None:  # type: ignore[override]
        text = self.cleaned_data["amount"]
        return money_of(text, self.currency) if text else None

    def clean_reference(self) -> str:
        order: str = self.cleaned_data["reference"]
        if len(order) > LONGEST_ORDER or not order.isascii() or not order.isprintable():
            raise forms.ValidationError(
                _("An order number has at most %(most)d plain signs."),
                params={"most": LONGEST_ORDER},
            )
        return order


class EndPayment(forms.Form):
    """What is done with a payment that is not over; how much, where that is asked."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=100)
    amount = forms.CharField(label=_("Amount"), max_length=20, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].help_text = currency
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "dir": "ltr"}

    def clean_amount(self) -> Money | None:
        text = self.cleaned_data["amount"]
        return money_of(text, self.currency) if text else None


# Accounts that are asked for one terminal's number.
MOST_OF_ONE_NUMBER = 3


class LostPayment(forms.Form):
    """Where a payment was begun, and under which number of the till's."""

    tid = forms.CharField(
        label=_("Terminal id"), max_length=36, widget=forms.TextInput(attrs={"dir": "ltr"})
    )
    order = forms.CharField(
        label=_("Order number"), max_length=LONGEST_ORDER, required=False,
        widget=forms.TextInput(attrs={"dir": "ltr"}),
        help_text=_("Leave it empty to ask for the last ones that ended there."),
    )  # fmt: skip

    def __init__(self, *args: Any, terminals: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terminals = terminals

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "tid" in given:
            # Two accounts may each have one of that number.
            own = self.terminals.filter(tid=given["tid"].strip())
            given["terminals"] = list(own[:MOST_OF_ONE_NUMBER])
            if not given["terminals"]:
                words = gettext("There is no terminal of this id, or it is not yours.")
                self.add_error("tid", words)
        return given


class AskRefund(AskPayment):
    """How much of a sale is given back, and on which terminal the card is held out."""

    terminal = forms.ModelChoiceField(Terminal.objects.none(), label=_("Terminal"))

    def __init__(self, *args: Any, terminals: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["terminal"]
        field.queryset = terminals
