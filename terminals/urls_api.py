"""The addresses of this app's JSON."""

from rest_framework.routers import SimpleRouter

from terminals import api

router = SimpleRouter()
router.register("terminals", api.Terminals, basename="api-terminals")
router.register("terminal-users", api.TerminalUsers, basename="api-terminal-users")
urlpatterns = router.urls
