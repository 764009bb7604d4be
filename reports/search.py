"""Finding something by an exact identifier, whatever kind of thing it belongs to."""

import re
from dataclasses import dataclass, field

from django.db.models import Q

from merchants.models import Branch, Membership
from merchants.queries import branches_for
from portal.filtering import western
from terminals.models import Terminal
from terminals.queries import terminals_for
from transactions.models import Transaction
from transactions.queries import transactions_for

MOST = 20
LONGEST = 200
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass
class Found:
    """What an identifier belongs to; of transactions the newest, and at most twenty."""

    text: str
    transactions: list[Transaction] = field(default_factory=list)
    terminals: list[Terminal] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.transactions) + len(self.terminals) + len(self.branches)


def search(member: Membership, text: str) -> Found:
    """What a person may see of what has this identifier or name, exactly.

    Each shape has its own index, so that no look-up of a transaction reads more as there are more:
    twelve digits are an RRN, six signs a STAN or an approval code, four digits the end of a card
    number.
    """
    asked = western(text)[:LONGEST]
    found = Found(asked)
    if not asked or "\x00" in asked:
        return found
    own = transactions_for(member)
    conditions = [Q(reference=asked)]
    if re.fullmatch(r"[0-9]{12}", asked):
        conditions.append(Q(rrn=asked))
    elif re.fullmatch(r"[0-9A-Za-z]{6}", asked):
        conditions += [Q(stan=asked), Q(approval_code=asked)]
    elif re.fullmatch(r"[0-9]{4}", asked):
        conditions.append(Q(pan_last4=asked))
    elif _UUID.fullmatch(asked):
        accounts = member.merchant.accounts.values("pk")
        conditions.append(Q(account__in=accounts, ref__in=[asked, asked.lower()]))
    met: dict[int, Transaction] = {}
    for condition in conditions:
        for row in own.filter(condition).order_by("-occurred_at", "-pk")[:MOST]:
            met[row.pk] = row
    newest = sorted(met.values(), key=lambda row: (row.occurred_at, row.pk), reverse=True)
    found.transactions = newest[:MOST]
    found.terminals = list(
        terminals_for(member).filter(Q(tid=asked) | Q(name=asked)).order_by("tid", "pk")[:MOST]
    )
    named = Q(name__iexact=asked) | Q(name_ar=asked)
    found.branches = list(branches_for(member).filter(named).order_by("name", "pk")[:MOST])
    return found
