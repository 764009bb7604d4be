"""Signing in, branches, accounts, and where webhooks arrive."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path

from merchants import views
from merchants.forms import SignIn

accounts = [
    path("", views.accounts, name="accounts"),
    path("connect/<slug:provider>/", views.connect, name="connect"),
    path("<int:pk>/", views.account, name="account"),
    path("<int:pk>/progress/", views.progress, name="progress"),
    path("<int:pk>/edit/", views.edit_account, name="edit-account"),
    path("<int:pk>/sync/", views.sync_now, name="sync-now"),
    path("<int:pk>/pause/", views.pause, name="pause"),
    path("<int:pk>/resume/", views.resume, name="resume"),
    path("gaps/<int:pk>/close/", views.close_gap, name="close-gap"),
    path("<int:pk>/remove/", views.remove_account, name="remove-account"),
]
own: list[URLPattern | URLResolver] = [
    path("branches/", views.branches, name="branches"),
    path("branches/<int:pk>/", views.branch, name="branch"),
    path("accounts/", include(accounts)),
    path("merchant/", views.choose_member, name="choose-member"),
    path("branch/", views.choose_branch, name="choose-branch"),
    path("views/", views.save_view, name="save-view"),
    path("views/<int:pk>/remove/", views.remove_view, name="remove-view"),
    path("hooks/<int:pk>/<str:secret>/", views.hook, name="hook"),
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
