"""What is asked for about people who hold terminals: to be seen in full, and to be forgotten."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.drift import forget_drift
from merchants.actions.trail import forget, record
from merchants.models import AuditEntry, Membership, Right
from terminals.models import BulkRow, TerminalUser

# Somebody who looks up more people in full than a day at the counter needs collects them.
MOST_REVEALED, WITHIN = 30, timedelta(hours=1)


class TooMany(Exception):
    """Somebody has looked at too many people in full."""


def reveal_person(*, person: TerminalUser, by: Membership, reason: str, at: datetime) -> None:
    """Record why somebody who sees people masked looks at one in full. Raises TooMany."""
    by.need(Right.REVEAL)
    own = AuditEntry.objects.filter(
        merchant=by.merchant_id, actor=by.user_id, action="person.revealed", at__gt=at - WITHIN
    )
    if own.count() >= MOST_REVEALED:
        raise TooMany(_("You have looked at many people in full. Go on in an hour."))
    record("person.revealed", subject=person, reason=reason)


@transaction.atomic
def erase_person(*, person: TerminalUser, by: Membership | None, at: datetime) -> None:
    """Forget who a person is: the row stays, so that what was sold in their hands still adds up.

    What the provider goes on saying of them is not kept. Erasing somebody again changes nothing.
    """
    if by is not None:
        by.need(Right.FLEET)
    if person.mobile:
        # What a file said of them, where nothing is left to be done with it.
        files = BulkRow.objects.filter(merchant=person.merchant_id, asked__mobile=person.mobile)
        over = files.exclude(state__in=("WAITING", "ASKED"))
        over.exclude(state="DONE").update(state="BAD")
        over.update(cells=[], asked={})
    own = TerminalUser.objects.filter(pk=person.pk, erased_at=None)
    if own.update(name="", mobile=None, email=None, content_hash=None, erased_at=at):
        forget_drift("terminaluser", person.pk)
        forget("terminaluser", person.pk, at, merchant=person.merchant_id)
