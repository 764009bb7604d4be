"""Saying which terminals there are, at a provider that tells of them by their numbers only."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import need_offered
from merchants.actions.trail import record
from merchants.models import Membership, ProviderAccount, Right
from portal.celery import wake
from portal.conflicts import Conflict
from providers.base.provider import FollowsTerminals
from terminals.actions.storing import ensure_terminals
from terminals.models import Terminal

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
