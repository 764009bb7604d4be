"""Reconciliations, and the closes of business days and months."""

from django.urls import path

from settlements import views

app_name = "settlements"
urlpatterns = [
    path("", views.list_, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("of-terminal/<int:pk>/", views.reconcile, name="reconcile"),
    path("closing/", views.closing, name="closing"),
    path("closing/all/", views.close_all, name="close-all"),
    path("closing/<int:pk>/", views.month, name="month"),
    path("closing/<int:pk>/close/", views.close, name="close"),
    path("closing/<int:pk>/open/", views.open_again, name="open-again"),
    path("closing/documents/<int:pk>/", views.file, name="document"),
]
