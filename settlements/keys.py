"""What closes have signed, for the rotation of keys."""

from merchants.actions.keys import Renewal
from portal.proofs import resigned
from settlements.models import Document

RENEWALS = {
    "closes": Renewal(
        lambda using: Document.objects.using(using).order_by("pk"),
        "manifest",
        lambda row: resigned(row.manifest),
    )
}
