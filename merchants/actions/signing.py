"""What signing in leaves in the trail, and ending every session of a person."""

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.core.cache import cache
from django.db.models import F
from django.http import HttpRequest

from merchants.actions.trail import record
from merchants.models import User
from merchants.queries import memberships_of

LOCKED_FOR = 30 * 60
# The session's mark that a second factor was added in it.
FACTORED = "factored"


def merchant_of(user: User | None) -> int | None:
    """In whose chain something about a person stands: the first merchant's of theirs."""
    # Of nobody it is asked too, so that it takes as long as of somebody.
    own = memberships_of(user or User(pk=0))
    return own[0].merchant_id if own else None


def note(action: str, user: User, **facts: Any) -> None:
    """Record what a person did to their own sign-in."""
    record(action, subject=user, merchant=merchant_of(user), actor=user, facts=facts)


def _about(email: str) -> tuple[User | None, dict[str, Any]]:
    """Of an e-mail that nobody has, nothing is kept; of another, whose it is."""
    user = User.objects.filter(email=email[:254].strip().lower()).first()
    return user, {} if user else {"known": False}


def refused(email: str) -> None:
    user, facts = _about(email)
    record("person.refused", subject=user, merchant=merchant_of(user), facts=facts)


def asked_for_link(email: str) -> None:
    user, facts = _about(email)
    record("person.asked_for_link", subject=user, merchant=merchant_of(user), facts=facts)


def locked_out(email: str) -> None:
    """Recorded once while it lasts: whoever goes on trying must not fill the trail."""
    user, facts = _about(email)
    if not cache.add(f"locked-out:{user.pk if user else 0}", "1", LOCKED_FOR):
        return
    record("person.locked_out", subject=user, merchant=merchant_of(user), facts=facts)


def sign_out_everywhere(*, user: User) -> None:
    """End every session of a person at once, the present one too."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    note("person.signed_out_everywhere", user)


# What Django and the sign-in library tell.


def on_signed_in(request: HttpRequest, user: User, **_: object) -> None:
    note("person.signed_in", user)


def on_signed_out(request: HttpRequest, user: User | None, **_: object) -> None:
    if user is not None:
        note("person.signed_out", user)


def on_refused(credentials: dict[str, Any], **_: object) -> None:
    refused(str(credentials.get("email", "")))


def on_password(request: HttpRequest, user: User, **_: object) -> None:
    note("person.set_password", user)


def on_factor_added(request: HttpRequest, user: User, authenticator: Any, **_: object) -> None:
    """Sessions that were begun without it end; this one has just shown it."""
    if authenticator.type == "recovery_codes":
        return
    note("person.factor_added", user, kind=authenticator.type)
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["sessions_ended"])
    update_session_auth_hash(request, user)
    request.session[FACTORED] = True


def on_factor_removed(request: HttpRequest, user: User, authenticator: Any, **_: object) -> None:
    if authenticator.type == "recovery_codes":
        return
    note("person.factor_removed", user, kind=authenticator.type)
    request.session.pop(FACTORED, None)


def on_factor_refused(user: User, **_: object) -> None:
    note("person.refused", user, factor="second")


def on_codes_made(user: User, **_: object) -> None:
    note("person.codes_made", user)


def on_confirmed(user: User, method: str, **extra: object) -> None:
    if extra.get("reauthenticated"):
        note("person.confirmed", user, method=method)
