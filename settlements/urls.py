"""Reconciliations."""

from django.urls import path

from settlements import views

app_name = "settlements"
urlpatterns = [
    path("", views.list_, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("of-terminal/<int:pk>/", views.reconcile, name="reconcile"),
]
