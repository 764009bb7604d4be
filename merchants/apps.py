"""The app, and what it listens to."""

from django.apps import AppConfig


class Merchants(AppConfig):
    name = "merchants"

    def ready(self) -> None:
        """What Django and the sign-in library tell goes to the trail."""
        from allauth.account import signals as account
        from allauth.mfa import signals as mfa
        from django.contrib.auth import signals as auth

        from merchants.actions import signing

        for signal, listener in (
            (auth.user_logged_in, signing.on_signed_in),
            (auth.user_logged_out, signing.on_signed_out),
            (auth.user_login_failed, signing.on_refused),
            (account.password_set, signing.on_password),
            (account.password_changed, signing.on_password),
            (account.password_reset, signing.on_password),
            (account.authentication_step_completed, signing.on_confirmed),
            (mfa.authenticator_added, signing.on_factor_added),
            (mfa.authenticator_removed, signing.on_factor_removed),
            (mfa.authenticator_reset, signing.on_codes_made),
            (mfa.authentication_failed, signing.on_factor_refused),
        ):
            signal.connect(listener, dispatch_uid=f"merchants.{listener.__name__}.{id(signal)}")
