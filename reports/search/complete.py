"""Whether nothing found means that there is nothing: how complete the time asked about is."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from merchants.actions.accounts import ask_for_sync, ask_to_close
from merchants.calendar import cost_of
from merchants.models import Gap, Membership, ProviderAccount, SyncRun, SyncStep
from merchants.queries import MAIN, Freshness, freshness_of
from portal.templatetags.show import at, took
from reports.search.dates import Days
from reports.search.meanings import Part

# A reading that is younger is what a new one would bring.
YOUNG = timedelta(seconds=60)
MOST_GAPS = 3


@dataclass(frozen=True)
class Completeness:
    """How complete one provider is for the time asked about, and what would mend that."""

    of: Freshness
    # The end of what is complete where that lies within the time asked about.
    until: datetime | None
    gaps: tuple[Gap, ...]
    behind: bool
    seconds: float | None = None

    @property
    def whole(self) -> bool:
        return not self.gaps and not self.behind and self.of.complete_to is not None

    @property
    def took(self) -> str:
        """How long reading what is missing takes, in words."""
        return took(self.seconds or 0)

    @property
    def sentence(self) -> str:
        """What is true of it, in the reader's language."""
        told = {"title": self.of.title}
        if self.of.complete_to is None:
            return _("%(title)s has not been read completely yet.") % told
        if self.until is not None:
            told["until"] = str(at(self.until, self.of.zone, "short"))
            said = _("%(title)s is complete for that time until %(until)s.") % told
        else:
            said = _("%(title)s is complete for that time.") % told
        if not self.gaps:
            return said
        zone = self.of.zone
        missing = [
            f"{at(gap.since, zone, 'short') if gap.since else '…'}–{at(gap.until, zone, 'short')}"
            for gap in self.gaps
        ]
        return _("%(said)s Missing: %(gaps)s.") % {"said": said, "gaps": ", ".join(missing)}


def stretch_of(parts: list[Part], zone: str, moment: datetime) -> tuple[datetime, datetime]:
    """The time that was asked about; without any, all of it until now."""
    found: list[tuple[datetime, datetime]] = []
    for part in parts:
        for meaning in part.meanings:
            if isinstance(meaning.value, Days):
                first, last = meaning.value.first, meaning.value.last
                begin = datetime.combine(first, time(), ZoneInfo(zone))
                # A business day may end some hours into the next.
                end = datetime.combine(last + timedelta(days=1), time(6), ZoneInfo(zone))
                found.append((begin, min(end, moment)))
            elif meaning.kind == "span":
                found.append((meaning.value[0], min(meaning.value[1], moment)))
    if not found:
        return datetime.min.replace(tzinfo=moment.tzinfo), moment
    return min(begin for begin, _end in found), max(end for _begin, end in found)


def completeness_of(
    member: Membership, begin: datetime, end: datetime, moment: datetime
) -> list[Completeness]:
    """For each provider, whether the stretch is complete there, and what it costs to make it so."""
    freshness = freshness_of(member)
    accounts = [pk for each in freshness for pk in each.accounts]
    meets = Q(until__gt=begin) & (Q(since=None) | Q(since__lt=end))
    gaps = Gap.objects.filter(meets, account__in=accounts, resource=MAIN).order_by("until", "pk")
    open_ = list(gaps) if any(each.gaps for each in freshness) else []
    found = []
    for each in freshness:
        own = tuple(gap for gap in open_ if gap.account_id in each.accounts)
        known = each.complete_to
        behind = known is None or known < min(end, moment - YOUNG)
        until = known if known is not None and known < end else None
        cost = _seconds(each, own, behind, moment) if own or behind else None
        found.append(Completeness(each, until, own[:MOST_GAPS], behind, cost))
    return found


def _seconds(of: Freshness, gaps: tuple[Gap, ...], behind: bool, moment: datetime) -> float | None:
    """How long reading what is missing takes, as far as the last readings tell."""
    own = SyncStep.objects.filter(
        run__account__in=of.accounts, resource=MAIN, state=SyncStep.State.DONE
    )
    steps = list(own.order_by("-started_at", "-pk")[:10])
    costs = [cost for gap in gaps if (cost := cost_of(gap, steps, moment)) is not None]
    # A run closes gaps from the earliest on; what is behind is read like every few minutes.
    if costs:
        return max(each.seconds for each in costs)
    last = next((step for step in steps if behind and step.since is not None), None)
    return last.seconds if last is not None else None


def fetch(member: Membership, begin: datetime, end: datetime, moment: datetime) -> bool:
    """Have what is missing of a stretch read now; whether anything was to be read."""
    asked = False
    for each in completeness_of(member, begin, end, moment):
        own = ProviderAccount.objects.filter(
            pk__in=each.of.accounts, state=ProviderAccount.State.ACTIVE
        )
        for gap in each.gaps:
            ask_to_close(gap=gap, by=member, at=moment)
            asked = True
        if each.behind and not each.gaps:
            for account in own.order_by("pk"):
                ask_for_sync(account=account, by=member, at=moment)
                asked = True
    return asked


def is_fetching(member: Membership) -> bool:
    """Whether anything that was asked for is still being read."""
    accounts = member.merchant.accounts.values("pk")
    if SyncRun.objects.filter(account__in=accounts, state=SyncRun.State.RUNNING).exists():
        return True
    return Gap.objects.filter(account__in=accounts, asked_at__isnull=False, resource=MAIN).exists()
