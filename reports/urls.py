"""The home page, and the one search box."""

from django.urls import path

from reports import views

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.find, name="search"),
]
