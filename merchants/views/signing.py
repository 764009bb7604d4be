"""One's own sign-in: setting a password by a one-time link, and signing out everywhere."""

from http import HTTPStatus
from typing import Any

from allauth.account import views as account
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from merchants.actions import signing


class SetPasswordPage(auth.PasswordResetConfirmView):
    """Where a one-time link leads. Signing in is asked afterwards, with every factor."""

    template_name = "merchants/set_password.html"
    success_url = reverse_lazy("account_login")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        signing.note("person.set_password", form.user)
        return answer


class ForgottenPage(account.PasswordResetView):  # type: ignore[misc]
    """Asks for a link by mail; the answer is the same whether somebody has the e-mail."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        # Whoever asks too often is answered otherwise, and nothing was sent.
        if answer.status_code == HTTPStatus.FOUND:
            signing.asked_for_link(form.cleaned_data["email"])
        return answer


class RemovePasskeyPage(webauthn.RemoveWebAuthnView):  # type: ignore[misc]
    """Takes a passkey away, unless it is the last factor of somebody who needs one."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not get_mfa_adapter().can_delete_authenticator(self.get_object()):
            words = _("You need a second factor: add another one before you remove the last.")
            messages.error(self.request, words)
            return redirect("mfa_index")
        answer: HttpResponse = super().form_valid(form)
        return answer


class RenamePasskeyPage(webauthn.EditWebAuthnView):  # type: ignore[misc]
    """Gives a passkey another name."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        signing.note("person.factor_renamed", self.request.user)
        return answer


@login_required
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of one's own, this one too."""
    signing.sign_out_everywhere(user=request.user)  # type: ignore[arg-type]
    return redirect("account_login")
