"""Having a provider give an account its token: by two people, and shown to nobody."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.accounts import has_token, seal_token
from merchants.actions.operations import (
    NotOffered,
    OperationPending,
    agree_operation,
    has_asked,
    need_offered,
    open_of,
    request_operation,
)
from merchants.actions.trail import record
from merchants.models import Membership, Operation, ProviderAccount, Right
from portal.celery import wake
from portal.conflicts import Conflict
from providers.base.provider import ManagesTokens


class NotTheSecond(Conflict):
    """Whoever has asked for it cannot agree to it as well."""


def change_token(*, account: ProviderAccount, by: Membership, key: str, at: datetime) -> Operation:
    """Ask for a token where the account has none, or for another in its place.

    It is not sent before somebody else has agreed. Raises OperationPending, KeyUsed or NotOffered.
    """
    by.need(Right.ACCOUNTS)
    need_offered(account, ManagesTokens)

    def need() -> None:
        if (open_ := open_of(account)) is not None:
            raise OperationPending(open_)
        if account.state == ProviderAccount.State.PAUSED:
            raise NotOffered(_("The account is paused: go on with it first."))

    kind = Operation.Kind.RESET_TOKEN if has_token(account) else Operation.Kind.CREATE_TOKEN
    return request_operation(
        kind=kind, account=account, subject=account, asked={}, by=by, key=key, at=at, need=need,
        takes_two=lambda: True,
    )  # fmt: skip


@transaction.atomic
def agree_token(*, operation: Operation, by: Membership, at: datetime) -> None:
    """Have it sent, as the second person. Raises NotTheSecond or OperationPending."""
    by.need(Right.ACCOUNTS)
    if has_asked(operation, by):
        raise NotTheSecond(_("Somebody else than who asked for it has to agree."))
    if not agree_operation(operation=operation, by=by, at=at):
        raise NotTheSecond(_("This waits for nobody any more."))


@transaction.atomic
def keep_token(*, account: ProviderAccount, token: str, at: datetime) -> None:
    """Put a token that was given in the place of the one before; the account is read with it."""
    now = ProviderAccount.objects.select_for_update().get(pk=account.pk)
    seal_token(now, token, at)
    now.state, now.next_sync_at = ProviderAccount.State.ACTIVE, at
    now.failures, now.retry_at = 0, None
    now.save()
    record("account.token_changed", subject=now, merchant=now.merchant_id)
    wake("merchants.sync_account", now.pk, "SCHEDULE")
