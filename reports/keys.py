"""What reports have signed and encrypted, for the rotation of keys."""

from merchants.actions.keys import Renewal, resealed
from portal.proofs import resigned
from reports.models import Destination, ReportRun

RENEWALS = {
    "proofs of reports": Renewal(
        lambda using: ReportRun.objects.using(using).filter(state="DONE").order_by("pk"),
        "manifest",
        lambda row: resigned(row.manifest),
    ),
    "destinations": Renewal(
        lambda using: Destination.objects.using(using).exclude(sealed=None).order_by("pk"),
        "sealed",
        lambda row: resealed(row.sealed, row.row),
    ),
}
