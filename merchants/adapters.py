"""How signing in is done here: what the sign-in library is told, and what it tells the trail."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core.exceptions import RateLimited
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from merchants.actions.keys import FACTOR_ROW
from merchants.actions.signing import locked_out
from merchants.forms import DEMO_PASSWORD
from merchants.models import User
from merchants.queries import memberships_of
from portal import encryption
from portal.client import client_address
from portal.confirm import is_confirmed


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signing in, by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 (stands for «not known»)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Ten failures in half an hour, of an e-mail or an address, and no password is checked."""
        if credentials.get("password") == DEMO_PASSWORD and not settings.DEMO:
            raise self.validation_error("email_password_mismatch")
        # The address is counted by itself: the library gives an e-mail's count back, with all that
        # is counted beside it, once a second factor was right.
        self._from_here = ratelimit.consume(request, app="allauth.account", action="from_address")
        if not self._from_here:
            raise self.validation_error("too_many_login_attempts")
        try:
            super().pre_authenticate(request, **credentials)
        except (ValidationError, RateLimited):
            locked_out(credentials.get("email", ""))
            raise

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        found = super().authenticate(request, **credentials)
        if found is not None and self._from_here:
            self._from_here.rollback()
        return found

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """Who signed in a moment ago has just shown who they are."""
        return not is_confirmed(self.request)

    def reauthenticate(self, user: User, password: str) -> bool:
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk


class ChangePassword(ChangePasswordForm):  # type: ignore[misc]
    """Asks for the old password as signing in does, so that nobody tries one out here."""

    def clean_oldpassword(self) -> str:
        typed: str = self.cleaned_data["oldpassword"]
        adapter = get_adapter()
        if not adapter.reauthenticate(self.user, typed):
            raise adapter.validation_error("enter_current_password")
        return typed


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors, whose secrets the database cannot read."""

    def encrypt(self, text: str) -> str:
        return encryption.seal(text.encode(), row=FACTOR_ROW).hex()

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.unseal(bytes.fromhex(encrypted_text), row=FACTOR_ROW).decode()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """The last second factor of somebody who needs one stays."""
        own = type(authenticator).objects.filter(user_id=authenticator.user_id)
        others = own.exclude(pk=authenticator.pk).exclude(type="recovery_codes")
        forced = settings.SECOND_FACTOR_FORCED and any(
            member.needs_factor for member in memberships_of(authenticator.user)
        )
        return not forced or others.exists()

    def get_totp_issuer(self) -> str:
        return "Merchant Portal"
