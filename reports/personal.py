"""What is kept of a person who holds terminals, for whoever asks for their own."""

from typing import Any

from django.db.models import Count, Max, Min
from django.db.models.functions import TruncMonth

from merchants.models import AuditEntry, Membership
from terminals.models import TerminalUser
from terminals.queries import holdings_for, terminals_for, with_ends
from transactions.queries import transactions_for

MOST_ENTRIES = 10_000


def kept_of(member: Membership, person: TerminalUser) -> dict[str, Any]:
    """Everything as JSON: the facts, the terminals, what was sold in their hands, who looked.

    Sales are the merchant's and are told by the month; whoever looked is told by their role, as
    they are somebody too.
    """
    sold = transactions_for(member).filter(terminal_user=person)
    sums = sold.aggregate(number=Count("pk"), first=Min("occurred_at"), last=Max("occurred_at"))
    months = sold.annotate(month=TruncMonth("occurred_at")).order_by("month")
    held = terminals_for(member).filter(terminal_user=person).order_by("tid", "pk")
    holdings = with_ends(holdings_for(member).filter(terminal_user=person))
    holdings = holdings.select_related("terminal").order_by("since_at", "pk")
    trail = AuditEntry.objects.filter(
        merchant=member.merchant_id, subject_kind="terminaluser", subject_id=person.pk
    )
    return {
        "person": {
            "id": person.pk, "name": person.name, "mobile": person.mobile, "email": person.email,
            "provider": person.account.title, "reference": person.ref,
            "learned_at": person.learned_at, "erased_at": person.erased_at,
        },
        "terminals": [
            {"terminal_id": each.tid, "branch": each.branch and each.branch.name} for each in held
        ],
        "held": [
            {"terminal_id": each.terminal.tid, "from": each.since_at, "to": each.until_at}
            for each in holdings
        ],
        "transactions": {
            **sums,
            "by_month": [
                {"month": month.date().isoformat()[:7], "number": number}
                for month, number in months.values_list("month").annotate(number=Count("pk"))
            ],
        },
        "trail": [
            {"at": at, "action": action, "reason": reason}
            for at, action, reason in trail.order_by("at", "pk").values_list(
                "at", "action", "reason"
            )[:MOST_ENTRIES]
        ],
    }  # fmt: skip
