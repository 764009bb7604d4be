"""Every address of the portal."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from portal import pages

handler400 = "portal.pages.not_right"
handler403 = "portal.pages.not_allowed"
handler404 = "portal.pages.not_found"
handler500 = "portal.pages.failed"

# The apps' own routers, named as strings: the frame does not import the apps.
API = ["merchants", "terminals", "transactions", "settlements", "reports"]
OPEN = {"authentication_classes": [], "permission_classes": [AllowAny]}

urlpatterns = [
    path("", include("reports.urls")),
    path("", include("merchants.urls")),
    path("", include("transactions.urls_public")),
    path("terminals/", include("terminals.urls")),
    path("transactions/", include("transactions.urls")),
    path("reconciliations/", include("settlements.urls")),
    path("language/", pages.choose_language, name="language"),
    path("theme/", pages.choose_theme, name="theme"),
    path("alive/", pages.alive, name="alive"),
    *[path("api/v1/", include(f"{app}.urls_api")) for app in API],
    path("api/v1/schema/", SpectacularAPIView.as_view(**OPEN), name="api-schema"),
    path(
        "api/v1/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", **OPEN),
        name="api-docs",
    ),
]
