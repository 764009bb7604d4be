"""The home page, the one search box, reports, and what waits for somebody."""

from django.urls import path

from reports import views
from reports.views import books, filing, finding, planning

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
    path("reports/layouts/of/<slug:name>/", planning.new_layout, name="new-layout"),
    path("reports/layouts/<int:pk>/", planning.layout, name="layout"),
    path("reports/layouts/<int:pk>/remove/", planning.drop_layout, name="remove-layout"),
    path("reports/schedules/of/<slug:name>/", planning.new_schedule, name="new-schedule"),
    path("reports/schedules/<int:pk>/", planning.schedule, name="schedule"),
    path("reports/schedules/<int:pk>/pause/", planning.pause, name="pause-schedule"),
    path("reports/schedules/<int:pk>/resume/", planning.resume, name="resume-schedule"),
    path("reports/schedules/<int:pk>/layout/", planning.newer, name="newer-layout"),
    path("reports/schedules/<int:pk>/remove/", planning.drop_schedule, name="remove-schedule"),
    path("reports/changes/", books.changes, name="changes"),
    path("reports/changes/seen/", books.seen, name="changes-seen"),
    path("reports/journal/", books.journal, name="journal"),
    path("reports/servers/", planning.destinations, name="destinations"),
    path("reports/servers/<int:pk>/remove/", planning.drop_destination, name="remove-destination"),
    path("reports/files/<str:secret>/", planning.link, name="report-link"),
    path("search/fetch/", finding.fetch, name="search-fetch"),
]
