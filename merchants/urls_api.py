"""The addresses of this app's JSON."""

from rest_framework.routers import SimpleRouter

from merchants import api

router = SimpleRouter()
router.register("accounts", api.Accounts, basename="api-accounts")
router.register("sync-runs", api.SyncRuns, basename="api-sync-runs")
router.register("operations", api.Operations, basename="api-operations")
router.register("branches", api.Branches, basename="api-branches")
urlpatterns = router.urls
