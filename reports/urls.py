"""The home page, the one search box, reports, and what waits for somebody."""

from django.urls import path

from reports import views
from reports.views import filing, finding

urlpatterns = [
    path("", views.home, name="home"),
    path("notices/", views.notices, name="notices"),
    path("notices/choices/", views.alert_choices, name="alert-choices"),
    path("terminals/<int:pk>/timeline/", views.terminal_timeline, name="timeline"),
    path("people/<int:pk>/data/", views.person, name="person-data"),
    path("search/", finding.find, name="search"),
    path("reports/", filing.reports, name="reports"),
    path("reports/new/<slug:name>/", filing.new, name="new-report"),
    path("reports/<int:pk>/", filing.report, name="report"),
    path("reports/<int:pk>/cancel/", filing.cancel, name="cancel-report"),
    path("reports/<int:pk>/again/", filing.again, name="again-report"),
    path("reports/<int:pk>/file/", filing.file, name="report-file"),
    path("search/fetch/", finding.fetch, name="search-fetch"),
]
