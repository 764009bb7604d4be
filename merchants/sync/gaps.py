"""Closing gaps that somebody asked to have closed.

The wish stands in the gap's own row, so a message that is lost, or comes while the account is
being read, delays it and no more.
"""

from django.db.models import F

from merchants.models import Gap, SyncRun
from merchants.queries import of_account
from merchants.sync.run import Ask, run_sync


def asked_gaps(account_id: int) -> list[Gap]:
    """The gaps of an account that somebody wants closed, the oldest beginning first."""
    own = Gap.objects.filter(account=account_id, asked_at__isnull=False, closable=True)
    return list(own.order_by(F("since").asc(nulls_first=True), "pk"))


def close_gaps(account_id: int) -> list[SyncRun]:
    """Read what is missing, from where the earliest gap of each resource begins until now.

    A gap whose reading fails keeps its wish, and is tried again with the account's next reading.
    Raises AlreadyRunning or NotActive.
    """
    runs = []
    done: set[str] = set()
    with of_account(account_id):
        asked = asked_gaps(account_id)
    for gap in asked:
        # One reading from the earliest on closes every later gap of the same resource.
        if gap.resource in done:
            continue
        done.add(gap.resource)
        ask = Ask(
            reason=SyncRun.Reason.BUTTON,
            requested_by=gap.asked_by_id,
            only=frozenset({gap.resource}),
            since=gap.since,
            whole=gap.since is None,
        )
        runs.append(run_sync(account_id, ask))
    return runs
