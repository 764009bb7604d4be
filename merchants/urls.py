"""Signing in, branches, accounts, and where webhooks arrive."""

from allauth.account import views as account
from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, include, path, re_path

from merchants.views import (
    accounts,
    branches,
    chosen,
    hooks,
    keeping,
    signing,
    team,
    tokens,
    trail,
)

account_urls = [
    path("", accounts.accounts, name="accounts"),
    path("connect/<slug:provider>/", accounts.connect, name="connect"),
    path("<int:pk>/", accounts.account, name="account"),
    path("<int:pk>/progress/", accounts.progress, name="progress"),
    path("<int:pk>/edit/", accounts.edit_account, name="edit-account"),
    path("<int:pk>/sync/", accounts.sync_now, name="sync-now"),
    path("<int:pk>/pause/", accounts.pause, name="pause"),
    path("<int:pk>/resume/", accounts.resume, name="resume"),
    path("<int:pk>/token/", accounts.token, name="token"),
    path("gaps/<int:pk>/close/", accounts.close_gap, name="close-gap"),
    path("<int:pk>/remove/", accounts.remove_account, name="remove-account"),
]
own: list[URLPattern | URLResolver] = [
    path("branches/", branches.branches, name="branches"),
    path("branches/<int:pk>/", branches.branch, name="branch"),
    path("branches/<int:pk>/day/", branches.day, name="branch-day"),
    path("branches/<int:pk>/join/", branches.join, name="branch-join"),
    path("accounts/", include(account_urls)),
    path("merchant/", chosen.choose_member, name="choose-member"),
    path("branch/", chosen.choose_branch, name="choose-branch"),
    path("views/", chosen.save_view, name="save-view"),
    path("views/<int:pk>/remove/", chosen.remove_view, name="remove-view"),
    path("trail/", trail.list_, name="trail"),
    path("keys/", tokens.tokens, name="tokens"),
    path("keys/<int:pk>/revoke/", tokens.revoke, name="revoke-token"),
    path("team/", team.team, name="team"),
    path("team/invite/", team.invite, name="invite"),
    path("team/personal-data/", keeping.keeping, name="keeping"),
    path("me/data/", keeping.own_data, name="own-data"),
    path("team/leave/", team.leave, name="leave"),
    path("team/<int:pk>/", team.change_member, name="change-member"),
    path("team/<int:pk>/end/", team.end_member, name="end-member"),
    path("team/invitations/<int:pk>/withdraw/", team.withdraw, name="withdraw-invitation"),
    path("team/roles/new/", team.new_role, name="new-role"),
    path("team/roles/<int:pk>/", team.change_role, name="change-role"),
    path("join/<str:secret>/", team.join, name="join"),
    path("hooks/<int:pk>/<str:secret>/", hooks.hook, name="hook"),
]
urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/again/", account.reauthenticate, name="account_reauthenticate"),
    path("sign-out/", account.logout, name="account_logout"),
    path("sign-out/everywhere/", signing.sign_out_everywhere, name="sign-out-everywhere"),
    path("join/", account.signup, name="account_signup"),
    path("closed/", account.account_inactive, name="account_inactive"),
    path("password/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("password/forgotten/", signing.ForgottenPage.as_view(), name="account_reset_password"),
    path(
        "password/forgotten/sent/", account.password_reset_done, name="account_reset_password_done"
    ),
    re_path(
        "^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/new/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path(
        "second-factor/webauthn/keys/<int:pk>/remove/",
        login_required(signing.RemovePasskeyPage.as_view()),
        name="mfa_remove_webauthn",
    ),
    path(
        "second-factor/webauthn/keys/<int:pk>/edit/",
        login_required(signing.RenamePasskeyPage.as_view()),
        name="mfa_edit_webauthn",
    ),
    path("second-factor/", include("allauth.mfa.urls")),
    path("set-password/<uidb64>/<token>/", signing.SetPasswordPage.as_view(), name="set-password"),
    path("", include((own, "merchants"), namespace="merchants")),
]
