"""The addresses of this app's JSON."""

from django.urls import path

from reports.api import Search

urlpatterns = [path("search/", Search.as_view(), name="api-search")]
