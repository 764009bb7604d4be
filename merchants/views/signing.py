"""Signing in and out, and setting a password by a one-time link."""

from typing import Any

from django.contrib.auth import views as auth
from django.http import HttpRequest, HttpResponse

from merchants.actions.trail import Personal, record
from merchants.forms import SignIn
from merchants.models import User
from merchants.queries import memberships_of


def _of(user: User | None) -> int | None:
    """The merchant for whose chain something about a person is: the first of theirs."""
    first = memberships_of(user).first() if user is not None else None
    return first.merchant_id if first else None


class SignInPage(auth.LoginView):
    template_name = "merchants/sign_in.html"
    authentication_form = SignIn
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        user = form.get_user()
        record("person.signed_in", subject=user, merchant=_of(user), actor=user)
        return answer

    def form_invalid(self, form: Any) -> HttpResponse:
        typed = str(form.data.get("username", ""))[:254].strip().lower()
        user = User.objects.filter(email=typed).first()
        facts = {"email": Personal(typed, "user", user.pk)} if user else {"known": False}
        record("person.refused", subject=user, merchant=_of(user), facts=facts)
        return super().form_invalid(form)


class SignOutPage(auth.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            record("person.signed_out", subject=request.user)
        return super().post(request, *args, **kwargs)


class SetPasswordPage(auth.PasswordResetConfirmView):
    template_name = "merchants/set_password.html"
    post_reset_login = True
    success_url = "/"

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        record("person.set_password", subject=form.user, merchant=_of(form.user), actor=form.user)
        return answer
