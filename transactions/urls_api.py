"""The addresses of this app's JSON."""

from rest_framework.routers import SimpleRouter

from transactions import api

router = SimpleRouter()
router.register("transactions", api.Transactions, basename="api-transactions")
router.register("sessions", api.Sessions, basename="api-sessions")
urlpatterns = router.urls
