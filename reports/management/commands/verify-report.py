"""Checks a report's file against its proof, and counts and adds it up anew."""

import json
from pathlib import Path
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from portal import isolation
from portal.proofs import NotAsMade
from reports.making.proof import verify
from reports.making.writers import digest_of
from reports.models import ReportRun
from settlements.models import Document


class Command(BaseCommand):
    help = (
        "Checks a report against its proof: FILE.proof.json beside it, the one that is named, or"
        " what the portal itself has kept."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file")
        parser.add_argument("--proof", metavar="FILE")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        manifest = self._manifest(path, options["proof"])
        try:
            rows = verify(path, manifest)
        except NotAsMade as problem:
            raise CommandError(str(problem)) from None
        except (ValueError, KeyError, TypeError) as problem:
            raise CommandError(f"The file or its proof cannot be read: {problem}.") from None
        self.stdout.write(f"{manifest['title']}: whole, {rows} rows, SHA-256 {manifest['sha256']}")

    def _manifest(self, path: Path, named: str | None) -> dict[str, Any]:
        beside = Path(named) if named else path.with_name(path.name + ".proof.json")
        if beside.is_file():
            try:
                found: dict[str, Any] = json.loads(beside.read_text())
            except ValueError:
                raise CommandError(f"{beside} is no proof.") from None
            return found
        digest = digest_of(path)
        run = ReportRun.objects.filter(digest=digest).order_by("-pk").first()
        closed = Document.objects.filter(manifest__sha256=digest).order_by("-pk").first()
        if closed is not None:
            told: dict[str, Any] = closed.manifest
            return told
        if run is None:
            raise CommandError(
                "The portal has made no such file, and there is no proof beside it: name it with"
                " --proof."
            )
        kept: dict[str, Any] = run.manifest
        return kept
