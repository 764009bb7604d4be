"""The addresses of this app's JSON."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from reports.api import Reports, Search

router = SimpleRouter()
router.register("reports", Reports, basename="api-reports")
urlpatterns = [path("search/", Search.as_view(), name="api-search"), *router.urls]
