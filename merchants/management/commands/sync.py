"""Syncs accounts in the foreground."""

import json
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from merchants.models import ProviderAccount, SyncRun, SyncStep
from merchants.sync import AlreadyRunning, Ask, NotActive, resources, run_sync
from portal import isolation
from providers.base.registry import providers


class Command(BaseCommand):
    help = "Syncs every active account, or one, with a progress bar."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--account", type=int, metavar="ID")
        parser.add_argument("--only", help="resources, comma-separated: branches,terminals,…")
        parser.add_argument("--since", help="a date or a time with its zone to read from")
        parser.add_argument("--json", action="store_true", help="print one object instead")

    @isolation.everywhere()
    def handle(self, *args: Any, **options: Any) -> None:
        names = [resource.name for resource in resources()]
        only = frozenset(options["only"].split(",")) if options["only"] else None
        if only and not only <= set(names):
            raise CommandError(f"--only takes some of: {', '.join(names)}.", returncode=2)
        _since(options["since"], UTC)
        own = ProviderAccount.objects.filter(state=ProviderAccount.State.ACTIVE)
        if options["account"] is not None:
            own = ProviderAccount.objects.filter(pk=options["account"])
        accounts = list(own.order_by("pk"))
        if not accounts:
            raise CommandError(
                "No account is connected."
                if options["account"] is None
                else "There is no such account."
            )
        told, failed = [], False
        for account in accounts:
            since = _since(options["since"], ZoneInfo(providers()[account.provider].default_zone))
            ask = Ask(SyncRun.Reason.COMMAND, only=only, since=since)
            found = self._sync(account, ask, quiet=options["json"])
            told.append(found)
            failed = failed or bool(found["error"])
        if options["json"]:
            self.stdout.write(json.dumps({"accounts": told}, ensure_ascii=False))
        if failed:
            raise SystemExit(1)

    def _sync(self, account: ProviderAccount, ask: Ask, *, quiet: bool) -> dict[str, Any]:
        bars: dict[str, tqdm[Any]] = {}

        def progress(step: SyncStep) -> None:
            if quiet:
                return
            if step.resource not in bars:
                title = f"{account.name}: {step.resource}"
                bars[step.resource] = tqdm(desc=title, unit=" pages", total=step.pages or None)
            bar = bars[step.resource]
            bar.total = max(step.pages or 0, step.read) or None
            bar.update(step.read - bar.n)
            bar.set_postfix_str(
                f"{step.fetched} read, {step.stored} new, {step.changed} changed, "
                f"{step.unchanged} unchanged, {step.set_aside} set aside"
            )

        found: dict[str, Any] = {"account": account.pk, "error": None, "resources": {}}
        try:
            run = run_sync(account.pk, ask, progress=progress)
        except (AlreadyRunning, NotActive) as problem:
            self.stderr.write(f"{account.name}: {problem}")
            return found | {"error": str(problem)}
        finally:
            for bar in bars.values():
                bar.close()
        if run.error:
            self.stderr.write(f"{account.name}: {run.error}")
        for step in run.steps.order_by("position", "pk"):
            found["resources"][step.resource] = {
                "fetched": step.fetched, "stored": step.stored, "changed": step.changed,
                "unchanged": step.unchanged, "set_aside": step.set_aside, "pages": step.read,
                "seconds": round(step.seconds, 3), "error": step.error or None,
                "complete_to": step.complete_to.isoformat() if step.complete_to else None,
            }  # fmt: skip
        return found | {"error": run.error or None}


def _since(text: str | None, zone: tzinfo) -> datetime | None:
    """The moment to read from: a day begins on the provider's own clock."""
    if not text:
        return None
    try:
        moment = parse_datetime(text) if "T" in text else None
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if moment is not None and moment.tzinfo is not None:
        return moment
    if day is None:
        raise CommandError(
            "--since is a date, or a time with its zone, such as 2026-11-21.", returncode=2
        )
    return datetime.combine(day, datetime.min.time(), zone)
