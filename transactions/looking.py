"""Looking between two runs at what is due: payments that go on, and terminals that are busy."""

import contextlib
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from merchants.actions.accounts import opened
from merchants.models import ProviderAccount
from merchants.queries import MAIN, of_account
from merchants.sync.health import note_failure
from merchants.sync.locks import lock_key, taken
from providers.base.errors import NotAuthorised, ProviderFailure, Throttled, Unreachable
from providers.base.provider import FollowsTransactions
from providers.base.registry import providers_that
from terminals.models import Terminal
from transactions import actions, queries
from transactions.models import Following


def accounts_to_look_at(now: datetime) -> list[int]:
    """The active accounts of which something that is followed is due."""
    own = ProviderAccount.objects.filter(
        provider__in=providers_that(FollowsTransactions), state=ProviderAccount.State.ACTIVE
    ).exclude(retry_at__gt=now)
    payments = Following.objects.filter(account__in=own, next_at__lte=now).values("account")
    tills = Terminal.objects.filter(account__in=own, look_at__lte=now).values("account")
    return sorted({row["account"] for rows in (payments, tills) for row in rows.distinct()})


def look(account_id: int) -> int:
    """Look now at what is due of an account; how many rows were new or changed.

    Nothing is done where the account is being read: that looks too. What fails waits for its run.
    """
    with contextlib.suppress(ProviderAccount.DoesNotExist), of_account(account_id):
        account = ProviderAccount.objects.get(pk=account_id)
        with taken([lock_key(account_id, MAIN)]) as mine:
            if not mine or account.state != ProviderAccount.State.ACTIVE:
                return 0
            try:
                return _look(account)
            except (NotAuthorised, Throttled, Unreachable) as failure:
                note_failure(account, failure, timezone.now())
            except ProviderFailure:
                # This one's own; the next run says so on its page.
                return 0
    return 0


def _look(account: ProviderAccount) -> int:
    stored = 0
    with opened(account) as connector:
        for batch in actions.follow(connector, account):  # type: ignore[arg-type]
            refs = [item.ref for item in batch.items if item.ref]
            known = queries.stored_hashes(account, refs) if refs else {}
            fresh = [i for i in batch.items if i.ref is None or known.get(i.ref) != i.digest]
            reading = connector.read_transactions(fresh)  # type: ignore[attr-defined]
            prepared = actions.prepare_all(reading, account)
            # What cannot be read is set aside by the next run, which meets it too.
            if prepared.records:
                done = actions.store_followed(account, prepared.records, timezone.now())
                stored += done.inserted + done.changed
    with transaction.atomic():
        actions.note_looks(account, timezone.now())
    return stored
