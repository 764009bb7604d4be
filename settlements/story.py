"""What closes have to tell of a transaction."""

from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.actions.operations import is_offered
from merchants.models import Membership, Right
from providers.base.provider import CreatesReconciliations
from settlements.queries import close_after
from transactions.events import Event
from transactions.models import Transaction


def events(member: Membership, transaction: Transaction) -> list[Event]:
    """The close that counted it, or that one is expected."""
    if transaction.terminal_id is None:
        return []
    close = close_after(member, transaction)
    if close is None and not is_offered(transaction.account, CreatesReconciliations):
        return []
    if close is None:
        return [Event(None, _("Reconciliation expected"), "dashed")]
    url = reverse("settlements:detail", args=[close.pk]) if member.may(Right.FIGURES) else ""
    if close.balanced:
        return [Event(close.occurred_at, _("Reconciled, balanced"), "good", url=url)]
    return [Event(close.occurred_at, _("Reconciled, out of balance"), "bad", url=url)]
