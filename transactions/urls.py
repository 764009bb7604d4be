"""Transactions."""

from django.urls import path

from transactions import views
from transactions.views import limits, paying, sessions, sharing

app_name = "transactions"
urlpatterns = [
    path("", views.list_, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("sessions/", sessions.list_, name="sessions"),
    path("sessions/<int:pk>/", sessions.session, name="session"),
    path("sessions/of/<int:pk>/", sessions.ask, name="ask"),
    path("refunds/limits/", limits.limits, name="limits"),
    path("refunds/<int:pk>/", limits.second, name="second"),
    path("desk/", paying.desk, name="desk"),
    path("desk/lost/", paying.lost, name="lost"),
    path("desk/<int:pk>/", paying.till, name="till"),
    path("<int:pk>/payment/", paying.payment, name="payment"),
    path("<int:pk>/refund/", sessions.refund, name="refund"),
    path("<int:pk>/slip/", views.slip, name="slip"),
    path("<int:pk>/receipt.pdf", sharing.pdf, name="pdf"),
    path("<int:pk>/at-provider/", sharing.at_provider, name="at-provider"),
    path("<int:pk>/share/", sharing.share, name="share"),
    path("<int:pk>/withdraw/", sharing.withdraw, name="withdraw"),
    path("<int:pk>/note/", sharing.note, name="note"),
    path("shared/<int:pk>/revoke/", sharing.revoke, name="revoke-share"),
]
