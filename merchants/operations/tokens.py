"""How an account's token is made and replaced at a provider that gives it out by a call.

What the call answers is a secret: it goes from there into the account's sealed credentials, and
nowhere else.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from merchants.actions.accounts import works_with_token
from merchants.actions.operations import Found, How
from merchants.actions.tokens import keep_token
from merchants.models import Operation
from providers.base.errors import NotAuthorised, ProviderFailure, Refused
from providers.base.provider import ManagesTokens


class _Token:
    """A token on its way: it shows itself to nobody."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "a token"


def _make(connector: Any, operation: Operation) -> _Token:
    return _tried(operation, connector.create_token())


def _replace(connector: Any, operation: Operation) -> _Token:
    return _tried(operation, connector.reset_token())


def _tried(operation: Operation, text: str) -> _Token:
    """The new token, where it is taken; where it is not, the one before stays as it was.

    Raises Refused.
    """
    try:
        works_with_token(operation.account, text)
    except NotAuthorised:
        said = gettext_noop("The provider does not take the token that it gave; the old one stays.")
        raise Refused(said, words={"en": said}) from None
    except ProviderFailure:
        # Whether it works shows with the next reading; the one before is gone in any case.
        return _Token(text)
    return _Token(text)


def _still_the_same(connector: Any, _operation: Operation) -> Found:
    """Where the present one is still taken, it was not replaced. Raises NotAuthorised if not."""
    connector.try_connection()
    return Found(False, gettext_noop("The token before is still taken there."))


def _cannot_be_told(_connector: Any, _operation: Operation) -> Found:
    return Found(None, gettext_noop("Whether a token was made cannot be told without having it."))


def _now_kept(operation: Operation, made: _Token, at: datetime) -> None:
    keep_token(account=operation.account, token=made.text, at=at)
    operation.asked = {}


OPERATIONS = [
    How("CREATE_TOKEN", ManagesTokens, _make, _cannot_be_told, _now_kept, again=False),
    How("RESET_TOKEN", ManagesTokens, _replace, _still_the_same, _now_kept),
]
