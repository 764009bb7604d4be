"""A transaction's receipts on paper: A4 and the width of a till, as the provider printed them."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.paper import pdf_of, qr
from transactions.actions import issue_receipt
from transactions.genuine import code_of
from transactions.models import Transaction

TEMPLATE = Path(__file__).parent / "papers" / "receipt.typ"
PAPERS = ("a4", "80", "58")


def pdf_answer(
    request: HttpRequest, found: Transaction, printed: list[dict[str, str]], paper: str
) -> HttpResponse:
    """The PDF of some receipts of a transaction, with the code by which it can be checked."""
    issued = issue_receipt(found=found, at=now())
    code = reverse("genuine", args=[code_of(issued)]) if issued else ""
    url = request.build_absolute_uri(code) if code else ""
    answer = HttpResponse(receipt_pdf(found, printed, url, paper), content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="receipt-{found.rrn or found.pk}.pdf"'
    return answer


def receipt_pdf(found: Transaction, printed: list[dict[str, str]], url: str, paper: str) -> bytes:
    """A page a receipt; `printed` are its fields, in English and with `_ar` in Arabic."""
    said, alt = {}, ""
    for language in ("ar", "en"):
        with override(language):
            said[language] = _("Scan to check that this receipt is genuine")
            alt = said[language]
    zone = ZoneInfo(found.branch.zone if found.branch else "UTC")
    content: dict[str, Any] = {
        "paper": paper, "receipts": printed, "code": qr(url) if url else "",
        "code_said": said, "code_alt": alt,
        "title": f"RECEIPT {found.rrn or found.ref}", "merchant": found.merchant.name,
        "foot": f"{found.ref} · {now().astimezone(zone):%Y-%m-%d %H:%M} {zone.key}",
    }  # fmt: skip
    return pdf_of(TEMPLATE, content)
