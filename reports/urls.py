"""The home page, the one search box, and what waits for somebody."""

from django.urls import path

from reports import views
from reports.views import finding

urlpatterns = [
    path("", views.home, name="home"),
    path("notices/", views.notices, name="notices"),
    path("notices/choices/", views.alert_choices, name="alert-choices"),
    path("terminals/<int:pk>/timeline/", views.terminal_timeline, name="timeline"),
    path("people/<int:pk>/data/", views.person, name="person-data"),
    path("search/", finding.find, name="search"),
    path("search/fetch/", finding.fetch, name="search-fetch"),
]
