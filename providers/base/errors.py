"""Every way in which a provider can fail, sorted by who must act.

Messages are whole sentences for people. They name fields and codes, never a value, a credential,
a body or a query string.
"""


class ProviderFailure(Exception):
    """What all six share."""

    code = "failed"

    def said(self, _language: str) -> str:
        """What is shown of it to somebody who reads a language."""
        return str(self)


class Unreachable(ProviderFailure):
    """No usable answer came, or the provider's own fault; nothing was changed. Try later.

    `slow` marks a time-out: it has held its thread long enough, so it is not tried again at once.
    `seconds` is the pause that the provider asked for, where it did.
    """

    code = "unreachable"

    def __init__(self, message: str, *, slow: bool = False, seconds: float | None = None) -> None:
        super().__init__(message)
        self.slow = slow
        self.seconds = seconds


class Throttled(ProviderFailure):
    """The provider asks for a pause of `seconds`, or does not say how long (None). Try later."""

    code = "throttled"

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotAuthorised(ProviderFailure):
    """The credentials were refused; a person must mend them."""

    code = "not_authorised"


class Refused(ProviderFailure):
    """The provider understood and said no, in its own words by language where it gave them."""

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        words: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.words = words or {}

    def said(self, language: str) -> str:
        return self.words.get(language) or self.words.get("en") or str(self)

    @property
    def absent(self) -> bool:
        """Whether the provider says that there is no such thing."""
        return self.status in (404, 410)


class Unreadable(ProviderFailure):
    """The answer is not of the documented shape; `path` names the place."""

    code = "unreadable"

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class Unknown(ProviderFailure):
    """A change was sent and no answer came: it is neither done nor not done."""

    code = "unknown"
