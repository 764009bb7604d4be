"""The accounts of a merchant's books."""

from django.db import transaction

from merchants.actions.trail import record
from merchants.models import Membership, Merchant, Right
from reports.models import JournalAccount


@transaction.atomic
def map_journal(*, by: Membership, codes: dict[str, str]) -> None:
    """Keep to which account each kind of journal line goes; an empty one is the usual again."""
    by.need(Right.EXPORT)
    Merchant.objects.select_for_update(no_key=True).get(pk=by.merchant_id)
    own = JournalAccount.objects.filter(merchant=by.merchant_id)
    before = dict(own.values_list("key", "code"))
    wanted = {key: code.strip() for key, code in codes.items() if code.strip()}
    if wanted == before:
        return
    own.exclude(key__in=wanted).delete()
    JournalAccount.objects.bulk_create(
        [JournalAccount(merchant_id=by.merchant_id, key=k, code=v) for k, v in wanted.items()],
        update_conflicts=True, unique_fields=["merchant", "key"], update_fields=["code"],
    )  # fmt: skip
    facts = {
        key: [before.get(key, ""), wanted.get(key, "")]
        for key in sorted({*before, *wanted})
        if before.get(key) != wanted.get(key)
    }
    record("journal.mapped", subject=by, facts=facts)
