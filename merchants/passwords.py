"""Refusing passwords that others use too: breached ones, and what people make of them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn

# Of 4: below it, what is known of breached passwords finds it in less than ten thousand million
# tries, which an attacker who has the hashes makes in days.
LEAST = 3
# What is beyond these signs is not looked at: the search takes longer with each.
LOOKED_AT = 72


class Guessable:
    """Refuses what is found among breached passwords, names and words, or is made of them."""

    def validate(self, password: str, user: Any = None) -> None:
        known = [str(each) for each in (getattr(user, "email", ""), getattr(user, "name", ""))]
        words = [part for each in known for part in each.replace("@", " ").split()]
        if zxcvbn(password[:LOOKED_AT], user_inputs=words)["score"] < LEAST:
            raise ValidationError(
                _("Others use this password or one much like it. Choose some words that do not"
                  " belong together."),
                code="password_too_guessable",
            )  # fmt: skip

    def get_help_text(self) -> str:
        return str(_("Some words that do not belong together are hard to guess."))
