"""The home page, the one search box, and what waits for somebody."""

from django.urls import path

from reports import views

urlpatterns = [
    path("", views.home, name="home"),
    path("notices/", views.notices, name="notices"),
    path("notices/choices/", views.alert_choices, name="alert-choices"),
    path("terminals/<int:pk>/timeline/", views.terminal_timeline, name="timeline"),
    path("people/<int:pk>/data/", views.person, name="person-data"),
    path("search/", views.find, name="search"),
]
