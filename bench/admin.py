"""The peer of the list of transactions: Django's admin over the same rows and columns."""

from django.contrib import admin
from django.urls import include, path

from transactions.models import Transaction


class TransactionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """As it comes, with its pages as long as ours and the related rows joined."""

    list_display = (
        "occurred_at", "status", "amount_minor", "currency", "kind", "scheme", "pan_last4",
        "branch", "terminal_user", "rrn",
    )  # fmt: skip
    list_select_related = ("branch", "terminal_user")
    list_per_page = 50
    search_fields = ("rrn", "stan", "approval_code", "pan_last4", "reference", "ref")
    ordering = ("-occurred_at", "-id")


site = admin.AdminSite(name="admin")
site.register(Transaction, TransactionAdmin)
urlpatterns = [path("admin/", site.urls), path("", include("portal.urls"))]
