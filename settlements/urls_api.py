"""The addresses of this app's JSON."""

from rest_framework.routers import SimpleRouter

from settlements import api

router = SimpleRouter()
router.register("reconciliations", api.Reconciliations, basename="api-reconciliations")
urlpatterns = router.urls
