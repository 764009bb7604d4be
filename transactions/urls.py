"""Transactions."""

from django.urls import path

from transactions import views

app_name = "transactions"
urlpatterns = [
    path("", views.list_, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/slip/", views.slip, name="slip"),
]
