"""Signing in, branches, accounts, and where webhooks arrive."""

from django.urls import URLPattern, URLResolver, include, path

from merchants.views import accounts, branches, chosen, hooks, signing, trail

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
    path("trail/", trail.list_, name="trail"),
    path("hooks/<int:pk>/<str:secret>/", hooks.hook, name="hook"),
]
urlpatterns = [
    path("sign-in/", signing.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", signing.SignOutPage.as_view(), name="sign-out"),
    path("set-password/<uidb64>/<token>/", signing.SetPasswordPage.as_view(), name="set-password"),
    path("", include((own, "merchants"), namespace="merchants")),
]
