"""What can be given back of a sale, in which way, and why not in the other."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from merchants.actions.operations import is_offered
from providers.base.provider import OpensSessions, RefundsPayments
from transactions.actions import left_of
from transactions.models import Kind, Refunded, Status, Transaction

# mada: no reversal once a later purchase exists on the terminal, or it has reconciled; then a
# refund (SAMA rulebook, rulebook.sama.gov.sa/en/node/8849).


@dataclass(frozen=True)
class Possible:
    """What is left of a sale in minor units, and whether a refund or a reversal can still be had.

    `refund_why` and `reversal_why` are whole sentences; None of `left`: the provider does not say.
    """

    left: int | None
    refund: bool
    refund_why: str
    reversal: bool
    reversal_why: str
    # The purchase after which no reversal is possible.
    after: Transaction | None = None


def possible_of(found: Transaction, after: Transaction | None) -> Possible | None:
    """What can be given back of an approved sale; None where it is none.

    `after` is the next approved purchase on its terminal.
    """
    if found.kind != Kind.PURCHASE or found.status != Status.APPROVED:
        return None
    if is_offered(found.account, RefundsPayments):
        rest = left_of(found)
        why = _("A captured payment is not reversed, only refunded.")
        none = "" if rest else _("Nothing is left to refund.")
        return Possible(rest, bool(rest), none, False, why)
    if found.reconciled:
        why = _("A reversal is no longer possible: the terminal has reconciled since.")
    elif after is not None:
        why = _("A reversal is no longer possible: this terminal took another purchase since.")
    else:
        why = _("It can still be reversed on the terminal itself, until its next purchase.")
    unsaid = found.refunded == Refunded.SOME or found.refunded_minor is None
    left = None if unsaid else left_of(found)
    refund, said = _refund(found, left)
    return Possible(left, refund, said, not found.reconciled and after is None, why, after)


def _refund(found: Transaction, left: int | None) -> tuple[bool, str]:
    if left is None:
        return False, _("The provider does not say how much of it was given back.")
    if left <= 0:
        return False, _("Nothing is left to refund.")
    if not is_offered(found.account, OpensSessions):
        return False, _("This provider takes no refunds from here.")
    return True, ""
