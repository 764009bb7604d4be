"""Signing in, branches, accounts, and where webhooks arrive."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path

from merchants.forms import SignIn
from merchants.views import accounts, branches, chosen, hooks

account_urls = [
    path("", accounts.accounts, name="accounts"),
    path("connect/<slug:provider>/", accounts.connect, name="connect"),
    path("<int:pk>/", accounts.account, name="account"),
    path("<int:pk>/progress/", accounts.progress, name="progress"),
    path("<int:pk>/edit/", accounts.edit_account, name="edit-account"),
    path("<int:pk>/sync/", accounts.sync_now, name="sync-now"),
    path("<int:pk>/pause/", accounts.pause, name="pause"),
    path("<int:pk>/resume/", accounts.resume, name="resume"),
    path("gaps/<int:pk>/close/", accounts.close_gap, name="close-gap"),
    path("<int:pk>/remove/", accounts.remove_account, name="remove-account"),
]
own: list[URLPattern | URLResolver] = [
    path("branches/", branches.branches, name="branches"),
    path("branches/<int:pk>/", branches.branch, name="branch"),
    path("accounts/", include(account_urls)),
    path("merchant/", chosen.choose_member, name="choose-member"),
    path("branch/", chosen.choose_branch, name="choose-branch"),
    path("views/", chosen.save_view, name="save-view"),
    path("views/<int:pk>/remove/", chosen.remove_view, name="remove-view"),
    path("hooks/<int:pk>/<str:secret>/", hooks.hook, name="hook"),
]
urlpatterns = [
    path(
        "sign-in/",
        auth.LoginView.as_view(
            template_name="merchants/sign_in.html",
            authentication_form=SignIn,
            redirect_authenticated_user=True,
        ),
        name="sign-in",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path(
        "set-password/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(
            template_name="merchants/set_password.html",
            post_reset_login=True,
            success_url="/",
        ),
        name="set-password",
    ),
    path("", include((own, "merchants"), namespace="merchants")),
]
