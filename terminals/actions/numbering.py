"""Saying which terminals there are, at a provider that tells of them by their numbers only."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import NotOffered, need_offered, request_operation
from merchants.actions.trail import record
from merchants.models import Membership, Operation, ProviderAccount, Right
from portal.celery import wake
from portal.conflicts import Conflict
from providers.base.provider import CarriesPoints, FollowsTerminals
from terminals.actions.storing import ensure_terminals
from terminals.models import Terminal

# What is done about a terminal's point of sale, by the kind of operation.
POINTS = (Operation.Kind.CREATE_POINT, Operation.Kind.DELETE_POINT, Operation.Kind.RENEW_POINT)
# No provider's number is longer.
LONGEST_NUMBER = 36
MOST_AT_ONCE = 2000


class NotANumber(Conflict):
    """What was given is no terminal's number."""

    status = 400


@transaction.atomic
def add_terminals(
    *, account: ProviderAccount, tids: Sequence[str], by: Membership | None, at: datetime
) -> list[Terminal]:
    """Note terminals by their numbers, and have them read at once; those known stay as they are.

    Raises NotOffered or NotANumber, and then nothing has changed.
    """
    if by is not None:
        by.need(Right.FLEET)
    need_offered(account, FollowsTerminals)
    wanted = list(dict.fromkeys(tid.strip() for tid in tids if tid.strip()))
    if not wanted:
        raise NotANumber(_("Give at least one terminal number."))
    if len(wanted) > MOST_AT_ONCE:
        raise NotANumber(_("Give at most %(most)d numbers at a time.") % {"most": MOST_AT_ONCE})
    for tid in wanted:
        if len(tid) > LONGEST_NUMBER or not tid.isprintable() or not tid.isascii():
            raise NotANumber(
                _("A terminal number has at most %(most)d plain signs.") % {"most": LONGEST_NUMBER}
            )
    own = Terminal.objects.filter(account=account, tid__in=wanted)
    known = set(own.values_list("tid", flat=True))
    ensure_terminals(account, dict.fromkeys(wanted), at)
    new = [tid for tid in wanted if tid not in known]
    if new:
        record("terminals.added", subject=account, facts={"number": len(new)})
        wake("merchants.sync_account", account.pk, "BUTTON", by.user_id if by else None)
    return list(own.order_by("tid", "pk"))


def point_wrong(terminal: Terminal, kind: str) -> str:
    """Why that cannot be done about a terminal's point of sale, as far as is known here."""
    if (terminal.ref is None) == (kind == Operation.Kind.CREATE_POINT):
        return ""
    if terminal.ref is not None:
        return _("This terminal carries a point of sale already.")
    return _("This terminal carries no point of sale.")


def change_point(
    *, terminal: Terminal, kind: str, by: Membership, key: str, at: datetime
) -> Operation:
    """Give a terminal a point of sale, remove it, or make it anew; the terminal stays the same.

    Raises OperationPending, KeyUsed or NotOffered.
    """
    by.need(Right.FLEET)
    if kind not in POINTS:
        raise NotOffered(_("That is nothing that is done about a point of sale."))

    def need() -> None:
        need_offered(terminal.account, CarriesPoints)
        now = Terminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)
        if wrong := point_wrong(now, kind):
            raise NotOffered(wrong)

    return request_operation(
        kind=kind, account=terminal.account, subject=terminal,
        asked={"tid": terminal.tid, "before": terminal.ref}, by=by, key=key, at=at, need=need,
    )  # fmt: skip


def look_soon(terminal: Terminal, at: datetime) -> None:
    """Have what goes on at a terminal looked at in the next round."""
    Terminal.objects.filter(pk=terminal.pk).update(look_at=at)
