"""What a reading leaves behind beside its rows: its bookmark, its gaps, and what it could not read.

All of it is written in the transaction of the rows it speaks of.
"""

from datetime import datetime
from typing import Any

from merchants.models import Bookmark, Gap, ProviderAccount, SetAside, SyncStep
from providers.base.reading import Rejected


class Aside:
    """The items of an account that could not be read, as one run meets them."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account = account
        # The keys that are set aside, by resource, as far as this run knows them.
        self.known: dict[str, set[str]] = {}
        # Those that this run has set aside.
        self.met: dict[str, set[str]] = {}

    def meets(self, resource: str, refs: list[str]) -> bool:
        """Whether something that is set aside is among some items."""
        return not self._known(resource).isdisjoint(refs)

    def _known(self, resource: str) -> set[str]:
        if resource not in self.known:
            mine = SetAside.objects.filter(account=self.account, resource=resource)
            self.known[resource] = set(mine.values_list("key", flat=True))
        return self.known[resource]

    def note(self, resource: str, rejected: list[Rejected], refs: list[str]) -> None:
        """Keep what could not be read, and forget what can be read now."""
        latest = {each.key: each for each in rejected}
        mine = SetAside.objects.filter(account=self.account, resource=resource)
        readable = self._known(resource) & set(refs) - set(latest)
        if readable:
            mine.filter(key__in=readable).delete()
            self.known[resource] -= readable
        if not rejected:
            return
        self.known[resource] |= set(latest)
        self.met.setdefault(resource, set()).update(latest)
        SetAside.objects.bulk_create(
            [
                SetAside(
                    account=self.account,
                    resource=resource,
                    key=key,
                    reason=each.reason,
                    path=each.path[:200],
                    masked=each.masked,
                )
                for key, each in sorted(latest.items())
            ],
            update_conflicts=True,
            unique_fields=["account", "resource", "key"],
            update_fields=["reason", "path", "masked"],
        )

    def end_whole(self, resource: str) -> None:
        """Forget what is no longer there: all of the resource was read."""
        mine = SetAside.objects.filter(account=self.account, resource=resource)
        mine.exclude(key__in=self.met.get(resource, set())).delete()


def cover(
    account: ProviderAccount, step: SyncStep, *, whole: bool, version: str, at: datetime
) -> None:
    """Move the bookmark to where a finished reading is complete, and mend the gaps.

    Arguments:
        whole: all of the resource was delivered, and nothing shifted meanwhile.
        version: of the translation it was read with.
    """
    assert step.complete_to is not None
    mine: dict[str, Any] = {"account": account, "resource": step.resource}
    bookmark = Bookmark.objects.filter(**mine).first()
    gaps = Gap.objects.filter(**mine)
    if whole or step.since is None:
        gaps.delete()
    else:
        before = bookmark.complete_to if bookmark else None
        if before is None or before < step.since:
            Gap.objects.create(**mine, since=before, until=step.since, found_at=at)
        gaps.filter(since__gte=step.since).delete()
        # Of one that began earlier, the part before this reading is still open.
        gaps.filter(until__gt=step.since).update(until=step.since)
    complete_to = max(step.complete_to, bookmark.complete_to) if bookmark else step.complete_to
    changes: dict[str, Any] = {
        "complete_to": complete_to,
        "whole_reads": (bookmark.whole_reads if bookmark else 0) + int(whole),
    }
    if whole:
        changes["version"] = version
    Bookmark.objects.update_or_create(**mine, defaults=changes)
