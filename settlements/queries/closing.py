"""Which days and months are closed, what was added to them since, and what may be missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from merchants.models import Bookmark, Branch, BranchIdentity, Gap, Membership, ProviderAccount
from merchants.queries import MAIN, branch_limit, branches_for
from settlements.models import Document
from transactions.models import Change, DayTotal

DAY = timedelta(days=1)
Kind, Span = Document.Kind, Document.Span
FIGURES = ("sales", "sales_minor", "refunds", "refunds_minor", "declined", "reversed", "other")

STATES = {
    "FUTURE": gettext_lazy("Not over yet"),
    "INCOMPLETE": gettext_lazy("Something may be missing"),
    "OPEN": gettext_lazy("Over, and not closed"),
    "CLOSED": gettext_lazy("Closed"),
    "CHANGED": gettext_lazy("Closed, and changed since"),
}


def standing_sql() -> str:
    """A subquery: what the roll-ups say of one branch's day, by currency and scheme."""
    listed = ", ".join(f"'{name}', s.{name}" for name in FIGURES)
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in FIGURES)
    some = " + ".join(f"sum({name})" for name in FIGURES)
    rows = (
        f"select currency || ' ' || scheme as cell, {sums} from transactions_daytotal"  # noqa: S608 (names of this file)
        " where merchant_id = %(merchant)s and branch_id = %(branch)s and day = %(day)s"
        f" group by 1 having {some} > 0"
    )
    said = f"jsonb_object_agg(s.cell, jsonb_build_object({listed}))"
    return f"select {said} from ({rows}) s"  # noqa: S608


def documents_for(member: Membership) -> QuerySet[Document]:
    """The documents of the branches that a person may see."""
    own = Document.objects.filter(merchant=member.merchant_id).filter(branch_limit(member))
    return own.select_related("branch", "made_by")


def standing_documents(branch: Branch, since: date, span: str) -> list[Document]:
    """What is in force of a day or month: its last close and the adjustments of it, or nothing."""
    own = Document.objects.filter(branch=branch, span=span, since=since).order_by("number")
    return _standing(own)


def _standing(own: Iterable[Document]) -> list[Document]:
    found: list[Document] = []
    for each in own:
        found = [] if each.kind == Kind.REOPENING else [*found, each]
    return found


def days_of(branch: Branch, first: date, until: date) -> list[Document]:
    """The documents in force of every day of a time."""
    own = Document.objects.filter(
        branch=branch, span=Span.DAY, since__gte=first, since__lt=until
    ).order_by("since", "number")
    by_day: dict[date, list[Document]] = {}
    for each in own:
        by_day.setdefault(each.since, []).append(each)
    return [document for each in by_day.values() for document in _standing(each)]


def missing_of(branch: Branch, day: date) -> list[str]:
    """In words, what of a day's transactions may not be here yet."""
    return _missing(branch, day, _accounts([branch.pk]).get(branch.pk, []))


@dataclass(frozen=True)
class Complete:
    """How complete an account is: up to when, and without which times."""

    name: str
    complete_to: datetime | None
    gaps: tuple[tuple[datetime | None, datetime], ...]

    def missing(self, begins: datetime, ends: datetime) -> str:
        """In words, what of a time may not be here; empty where all of it is."""
        if self.complete_to is None or self.complete_to < ends:
            return _("%(account)s is not read up to its end") % {"account": self.name}
        if any((since is None or since < ends) and until > begins for since, until in self.gaps):
            return _("%(account)s has a gap in it") % {"account": self.name}
        return ""


def gaps_of(accounts: Iterable[int]) -> dict[int, list[tuple[datetime | None, datetime]]]:
    """The times of transactions that are missing at accounts."""
    gaps: dict[int, list[tuple[datetime | None, datetime]]] = {}
    for gap in Gap.objects.filter(account__in=accounts, resource=MAIN).order_by("until", "pk"):
        gaps.setdefault(gap.account_id, []).append((gap.since, gap.until))
    return gaps


def _accounts(branches: Iterable[int]) -> dict[int, list[Complete]]:
    """The accounts at which branches are known."""
    mark = Bookmark.objects.filter(account=OuterRef("account"), resource=MAIN)
    ids = list(
        BranchIdentity.objects.filter(branch__in=branches)
        .exclude(account__state=ProviderAccount.State.REMOVED)
        .annotate(complete_to=Subquery(mark.values("complete_to")[:1]))
        .values_list("branch", "account", "account__name", "complete_to")
        .order_by("branch", "account")
        .distinct()
    )
    gaps = gaps_of({account for _branch, account, *_rest in ids})
    found: dict[int, list[Complete]] = {}
    for branch, account, name, complete_to in ids:
        own = Complete(name, complete_to, tuple(gaps.get(account, ())))
        found.setdefault(branch, []).append(own)
    return found


def _missing(branch: Branch, day: date, accounts: Iterable[Complete]) -> list[str]:
    begins, ends = branch.begins(day), branch.begins(day + DAY)
    return [words for each in accounts if (words := each.missing(begins, ends))]


@dataclass(frozen=True)
class Cell:
    """One business day of one branch: how it stands, and by currency and scheme its figures."""

    day: date
    state: str
    figures: dict[str, dict[str, int]]
    documents: tuple[Document, ...]
    missing: tuple[str, ...]

    @property
    def word(self) -> str:
        return str(STATES[self.state])

    @property
    def lines(self) -> list[tuple[str, int, int, int]]:
        """Currency, sales, refunds and net in minor units, of each currency."""
        sums: dict[str, list[int]] = {}
        for key, own in self.figures.items():
            found = sums.setdefault(key.partition(" ")[0], [0, 0])
            found[0] += own["sales_minor"]
            found[1] += own["refunds_minor"]
        return [
            (code, sales, refunds, sales - refunds)
            for code, (sales, refunds) in sorted(sums.items())
        ]


@dataclass(frozen=True)
class BranchMonth:
    """One branch's month: its days, and its documents in force."""

    branch: Branch
    cells: list[Cell]
    month: list[Document]
    # Every document of its days and of itself, the newest first.
    papers: list[Document]

    @property
    def closed(self) -> bool:
        return bool(self.month)

    @property
    def over(self) -> bool:
        """Whether every day of it is over."""
        return all(each.state != "FUTURE" for each in self.cells)

    @property
    def left(self) -> int:
        """How many days are not closed or changed since, or are not in the month's list."""
        told = {number for each in self.month for number in each.manifest["documents"]}
        return sum(
            each.state in ("OPEN", "INCOMPLETE", "CHANGED")
            or any(paper.number not in told for paper in _standing(each.documents) if self.month)
            for each in self.cells
        )


def calendar(
    member: Membership, first: date, until: date, moment: datetime,
    branches: Sequence[Branch] | None = None,
) -> list[BranchMonth]:  # fmt: skip
    """How each day of each branch that a person may see stands, or of those that were loaded."""
    if branches is None:
        branches = list(branches_for(member).order_by("name", "pk"))
    pks = [each.pk for each in branches]
    accounts, figures = _accounts(pks), roll_ups(pks, first, until)
    changes = _changes(pks, first, until)
    papers: dict[tuple[int, str, date], list[Document]] = {}
    by_branch: dict[int, list[Document]] = {}
    listed = Document.objects.filter(branch__in=pks, since__gte=first, since__lt=until)
    for each in listed.select_related("made_by").order_by("number"):
        papers.setdefault((each.branch_id, each.span, each.since), []).append(each)
        by_branch.setdefault(each.branch_id, []).append(each)
    days = [first + timedelta(days=number) for number in range((until - first).days)]
    return [
        BranchMonth(
            each,
            [
                _cell(
                    each, day, figures.get((each.pk, day), {}),
                    papers.get((each.pk, Span.DAY, day), []), accounts.get(each.pk, []), moment,
                    changes.get((each.pk, day)),
                )
                for day in days
            ],
            _standing(papers.get((each.pk, Span.MONTH, first), [])),
            sorted(by_branch.get(each.pk, []), key=lambda paper: -paper.number),
        )
        for each in branches
    ]  # fmt: skip


def _cell(
    branch: Branch, day: date, figures: dict[str, dict[str, int]], papers: list[Document],
    accounts: list[Complete], moment: datetime, changed: datetime | None,
) -> Cell:  # fmt: skip
    standing, missing = _standing(papers), []
    if standing:
        # Either alone would miss something: a change may leave the sums, and rows may be moved.
        same = standing[-1].standing == figures
        same = same and (changed is None or changed <= standing[-1].made_at)
        state = "CLOSED" if same else "CHANGED"
    elif branch.begins(day + DAY) > moment:
        state = "FUTURE"
    else:
        missing = _missing(branch, day, accounts)
        state = "INCOMPLETE" if missing else "OPEN"
    return Cell(day, state, figures, tuple(papers), tuple(missing))


def _changes(branches: Iterable[int], first: date, until: date) -> dict[tuple[int, date], datetime]:
    """When a row of each branch's day was last said to be otherwise, or came late."""
    both = [
        Change.objects.filter(
            **{f"{branch}__in": list(branches), f"{day}__gte": first, f"{day}__lt": until}
        )
        .order_by()
        .values_list(branch, day)
        .annotate(last=Max("at"))
        for branch, day in (("branch", "day"), ("branch_before", "day_before"))
    ]
    found: dict[tuple[int, date], datetime] = {}
    for pk, when, last in both[0].union(both[1], all=True):
        found[pk, when] = max(last, found.get((pk, when), last))
    return found


def roll_ups(
    branches: Iterable[int], first: date, until: date
) -> dict[tuple[int, date], dict[str, dict[str, int]]]:
    """What each branch's days add up to, by currency and scheme."""
    rows: Iterable[Any] = (
        DayTotal.objects.filter(branch__in=list(branches), day__gte=first, day__lt=until)
        .order_by()
        .values("branch", "day", "currency", "scheme")
        .annotate(**{f"total_{name}": Sum(name) for name in FIGURES})
    )
    found: dict[tuple[int, date], dict[str, Any]] = {}
    for row in rows:
        own = {name: int(row[f"total_{name}"]) for name in FIGURES}
        if any(own.values()):
            cell = f"{row['currency']} {row['scheme']}"
            found.setdefault((row["branch"], row["day"]), {})[cell] = own
    return found
