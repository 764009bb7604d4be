"""Following payments to their end at a provider that tells of them only when it is asked.

What is to be asked for next, and when, stands in rows: `Following` for each payment or refund that
something can still become of, `Terminal.look_at` for what goes on at each terminal. So whoever
dies leaves no more behind than a look that comes a little later.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Min, Value
from django.db.models.functions import Random
from django.utils import timezone
from msgspec import structs

from merchants.actions.resource import Stored
from merchants.models import Bookmark, Gap, Operation, ProviderAccount
from merchants.queries import MAIN
from portal.celery import wake
from providers.base.money import Money
from providers.base.paging import Batch
from providers.base.provider import FollowsTransactions, Watch
from providers.base.reading import Item
from terminals.models import Terminal
from transactions.actions.storing import Prepared, amended, store_transactions
from transactions.models import Following, Kind, Status, Transaction
from transactions.rollups import hold

# Something can still become of these.
OPEN = (Status.PENDING, Status.AUTHORISED, Status.UNMAPPED)
# How long a captured payment may be given back, and how long after a refund may yet be told.
REFUNDABLE = timedelta(days=91)
# How old a payment is, and how long it is then left alone: what has just begun changes by the
# second, and a reservation that nobody has captured for a day by nothing but time.
PAUSES = (
    (timedelta(minutes=3), timedelta(seconds=2)),
    (timedelta(minutes=15), timedelta(seconds=20)),
    (timedelta(hours=2), timedelta(minutes=2)),
    (timedelta(days=1), timedelta(minutes=15)),
)
LONGEST = timedelta(hours=1)
# When a sale's refunds are looked for after it was captured.
LATER = tuple(timedelta(hours=each) for each in (1, 6, 24, 72, 24 * 7, 24 * 14, 24 * 30, 24 * 60))
# A terminal that sold within this time is busy; how long each kind is left alone.
BUSY = timedelta(hours=1)
LOOK_BUSY, LOOK_QUIET = timedelta(minutes=1), timedelta(minutes=15)
# So long without a look, and what was given up meanwhile may never be heard of.
BLIND = timedelta(hours=1)
LOOKED = "looked"


def watch_of(account: ProviderAccount, now: datetime, *, fetchers: int) -> Watch:
    """What is to be looked at now, what has waited longest first.

    At most half a minute of the account's requests, as a terminal takes two: so a payment that goes
    on is never far behind, however many terminals there are.
    """
    most = max(account.requests_per_minute // 4, 10)
    due = Following.objects.filter(account=account, next_at__lte=now).order_by("next_at", "pk")
    refs = list(due.values_list("ref", "kind")[:most])
    rows = Transaction.objects.filter(account=account, ref__in=[ref for ref, _ in refs])
    # One without a digest is to be read anew, though it be over.
    states = {
        ref: status if digest else Status.PENDING
        for ref, status, digest in rows.values_list("ref", "status", "content_hash")
    }
    # One that was begun from here has no row yet.
    told = [(ref, kind, states.get(ref, Status.PENDING)) for ref, kind in refs]
    at = Terminal.objects.filter(account=account).exclude(look_at__gt=now)
    tids = at.order_by(F("look_at").asc(nulls_first=True), "pk").values_list("tid", flat=True)
    return Watch(
        tids=tuple(tids[:most]),
        payments=tuple(r for r, kind, state in told if kind != Kind.REFUND and state in OPEN),
        refunds=tuple(r for r, kind, state in told if kind == Kind.REFUND),
        sales=tuple(r for r, kind, state in told if kind != Kind.REFUND and state not in OPEN),
        fetchers=fetchers,
        unknown=lambda refs: _not_at_their_end(account, refs),
    )


def _not_at_their_end(account: ProviderAccount, refs: Sequence[str]) -> list[str]:
    if not refs:
        return []
    over = Transaction.objects.filter(account=account, ref__in=refs).exclude(status__in=OPEN)
    known = set(over.values_list("ref", flat=True))
    return [ref for ref in refs if ref not in known]


def follow(connector: FollowsTransactions, account: ProviderAccount) -> Generator[Batch]:
    """What the connector tells of all that is to be looked at now."""
    watch = watch_of(account, timezone.now(), fetchers=settings.SYNC_FETCHERS)
    asked = [*watch.payments, *watch.refunds, *watch.sales]
    looked: list[str] = []
    missed: list[str] = []
    for batch in connector.follow_transactions(watch):
        looked += batch.looked
        missed += batch.missed
        yield batch
    # Noted with the last batch, when all the others are stored.
    account.known[LOOKED].update(asked=asked, looked=looked, missed=missed)


@transaction.atomic
def store_followed(
    account: ProviderAccount, records: Sequence[tuple[Item, Prepared]], at: datetime
) -> Stored:
    """Store them, and go on following each to which something can still happen.

    Both or neither: what is stored unfollowed would look as if it were known to its end.
    """
    # Before what was captured is looked up: whoever ends a capture holds it too.
    hold(account)
    records = _as_captured(account, records)
    stored = store_transactions(account, records, at)
    rows = [
        Following(
            account=account, merchant_id=account.merchant_id, ref=made.record.ref,
            kind=made.record.kind, next_at=at + timedelta(seconds=made.record.pause or 0),
        )
        for _, made in records
    ]  # fmt: skip
    Following.objects.bulk_create(rows, ignore_conflicts=True)
    return stored


def _as_captured(
    account: ProviderAccount, records: Sequence[tuple[Item, Prepared]]
) -> list[tuple[Item, Prepared]]:
    """The records with what was captured from here, where that was less than was reserved.

    Whether a provider tells what was captured or still what was reserved, the row is the same.
    """
    refs = [made.record.ref for _, made in records if made.record.captured_minor]
    own = Transaction.objects.filter(account=account, kind=Kind.PURCHASE, ref__in=refs)
    captures = Operation.objects.filter(
        merchant=account.merchant_id, kind=Operation.Kind.CAPTURE_PAYMENT,
        state=Operation.State.CONFIRMED, subject_kind="transaction",
        subject_id__in=own.values("pk"), outcome__kind="capture",
    )  # fmt: skip
    taken = {each["ref"]: each["minor"] for each in captures.values_list("outcome", flat=True)}
    found = []
    for item, made in records:
        told = made.record
        minor = taken.get(told.ref)
        if minor is not None and minor < (told.captured_minor or 0):
            amount = Money(minor, told.amount.currency)
            told = structs.replace(told, amount=amount, captured_minor=minor)
        found.append((item, made if told is made.record else amended(made, told)))
    return found


def begin_following(account: ProviderAccount, ref: str, kind: str, at: datetime) -> None:
    """Follow what was begun from here, and look at it at once."""
    Following.objects.update_or_create(
        account=account, ref=ref,
        defaults={"merchant_id": account.merchant_id, "kind": kind, "next_at": at, "asks": 0},
    )  # fmt: skip
    wake("transactions.look", account.pk)


def note_looks(account: ProviderAccount, at: datetime) -> datetime | None:
    """Say when what was looked at is looked at again, and how far all of it is known by now.

    Of the first look, of terminals whose list would not be told, and of a pause that was too long
    it stays a gap that nobody can close.
    """
    noted: dict[str, Any] = account.known.pop(LOOKED, {})
    _plan_payments(account, noted.get("asked", []), at)
    _note_gaps(account, noted, at)
    _plan_terminals(account, noted.get("looked", []), at)
    own = Terminal.objects.filter(account=account)
    if own.filter(looked_at=None).exists():
        return None
    complete_to: datetime | None = own.aggregate(oldest=Min("looked_at"))["oldest"]
    if complete_to is not None:
        Bookmark.objects.update_or_create(
            account=account, resource=MAIN, defaults={"complete_to": complete_to}
        )
    return complete_to


def _plan_payments(account: ProviderAccount, refs: Sequence[str], at: datetime) -> None:
    rows = Transaction.objects.filter(account=account, ref__in=refs)
    told = {row.ref: row for row in rows.only("ref", "kind", "status", "occurred_at")}
    over, later = [], []
    for each in Following.objects.filter(account=account, ref__in=refs).order_by("pk"):
        row = told.get(each.ref)
        next_at = _next_look(row, at) if row is not None else _unseen(each, at)
        if next_at is None:
            over.append(each.pk)
        else:
            each.next_at, each.asks = next_at, each.asks + 1
            later.append(each)
    Following.objects.filter(pk__in=over).delete()
    Following.objects.bulk_update(later, ["next_at", "asks"], batch_size=1000)


def _unseen(each: Following, at: datetime) -> datetime | None:
    """When to ask again for what has no row yet; None: it was asked for often enough."""
    patience = each.asks // 10
    return at + PAUSES[patience][1] if patience < len(PAUSES) else None


def _next_look(row: Transaction, at: datetime) -> datetime | None:
    """When to ask again; None: nothing can become of it any more."""
    age = at - row.occurred_at
    if row.status in OPEN:
        return at + next((pause for under, pause in PAUSES if age < under), LONGEST)
    if row.kind == Kind.REFUND or row.status != Status.APPROVED or age > REFUNDABLE:
        return None
    return row.occurred_at + next((each for each in LATER if each > age), REFUNDABLE + LONGEST)


def _plan_terminals(account: ProviderAccount, tids: Sequence[str], at: datetime) -> None:
    own = Terminal.objects.filter(account=account, tid__in=tids)
    own.filter(last_seen_at__gte=at - BUSY).update(looked_at=at, look_at=at + LOOK_BUSY)
    # Spread, so that those that were first looked at together are not due together for ever.
    earliest = at + LOOK_QUIET * 2 / 3
    spread = ExpressionWrapper(Random() * Value(LOOK_QUIET / 3), DurationField())
    own.exclude(last_seen_at__gte=at - BUSY).update(
        looked_at=at, look_at=ExpressionWrapper(Value(earliest) + spread, DateTimeField())
    )


def _note_gaps(account: ProviderAccount, noted: dict[str, Any], at: datetime) -> None:
    own = Terminal.objects.filter(account=account, tid__in=noted.get("looked", []))
    missed = own.filter(tid__in=noted.get("missed", []), looked_at__isnull=False)
    blind = own.filter(looked_at__lt=at - BLIND)
    since = (missed | blind).aggregate(oldest=Min("looked_at"))["oldest"]
    gaps = Gap.objects.filter(account=account, resource=MAIN, closable=False)
    beginning = gaps.filter(since=None)
    if own.filter(looked_at=None).exists() and not beginning.exists():
        Gap.objects.create(account=account, resource=MAIN, until=at, found_at=at, closable=False)
    if since is None:
        return
    # One that goes on is one gap.
    if not gaps.filter(since__isnull=False, until__gte=since).update(until=at):
        Gap.objects.create(
            account=account, resource=MAIN, since=since, until=at, found_at=at, closable=False
        )
