"""A report to a file, as one of the merchant's owners sees it."""

import json
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils import timezone

from merchants.models import Membership, Role
from merchants.queries import in_force
from portal import isolation
from portal.conflicts import Conflict
from reports.actions import ask_report
from reports.catalogue import REPORTS
from reports.making.make import make
from reports.models import ReportRun


class Command(BaseCommand):
    help = (
        "A report to a file, with its proof beside it. The days are half-open: --to is the first"
        " one that is not in it."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("report", choices=sorted(REPORTS))
        parser.add_argument("--merchant", metavar="SLUG", required=True)
        parser.add_argument("--from", dest="since", metavar="DATE", required=True)
        parser.add_argument("--to", dest="until", metavar="DATE", required=True)
        parser.add_argument("--format", dest="form", choices=ReportRun.Form.values, default="csv")
        parser.add_argument(
            "--language", choices=[code for code, _name in settings.LANGUAGES], default="en"
        )
        parser.add_argument("--out", metavar="FILE", required=True)

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            since, until = (date.fromisoformat(options[name]) for name in ("since", "until"))
        except ValueError:
            raise CommandError("A date is of the form 2026-08-31.") from None
        if until <= since:
            raise CommandError("--to is not after --from.")
        own = Membership.objects.filter(in_force(timezone.now()), role=Role.OWNER)
        owner = own.filter(merchant__slug=options["merchant"]).order_by("pk").first()
        if owner is None:
            raise CommandError(f"There is no merchant {options['merchant']} with an owner.")
        wish = {
            "since": since.isoformat(), "until": until.isoformat(), "branches": [], "columns": [],
            "comma": False, "semicolon": False, "language": options["language"],
        }  # fmt: skip
        now = timezone.now()
        try:
            run = ask_report(
                by=owner, report=options["report"], form=options["form"], wish=wish, at=now
            )
        except Conflict as problem:
            raise CommandError(str(problem)) from None
        # A worker may have been quicker to begin.
        while run.state in ReportRun.OPEN:
            if not make(run.pk, timezone.now):
                time.sleep(0.2)
            run.refresh_from_db()
        if run.state != ReportRun.State.DONE:
            raise CommandError(run.problem or f"The report is {run.get_state_display().lower()}.")
        out = Path(options["out"])
        with storages["reports"].open(run.file) as content, out.open("wb") as target:
            shutil.copyfileobj(content, target)
        proof = out.with_name(out.name + ".proof.json")
        proof.write_text(json.dumps(run.manifest, ensure_ascii=False, indent=2) + "\n")
        self.stdout.write(f"{run.rows} rows, SHA-256 {run.digest}")
