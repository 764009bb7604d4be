"""What anybody may open: a receipt by its link, and whether a receipt is genuine."""

from django.urls import path

from transactions.views import public

urlpatterns = [
    path("r/<str:secret>/", public.shared, name="shared"),
    path("r/<str:secret>/receipt.pdf", public.shared_pdf, name="shared-pdf"),
    path("genuine/<str:code>/", public.genuine, name="genuine"),
    path("genuine/of/<slug:slug>/", public.check, name="check-receipt"),
]
