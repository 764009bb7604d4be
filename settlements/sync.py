"""How reconciliations are synced."""

from merchants.actions.resource import Resource
from providers.base.provider import FindsReconciliations, ListsReconciliations
from settlements import actions, queries

RESOURCES = [
    Resource(
        name="reconciliations",
        position=50,
        capability=ListsReconciliations,
        list=lambda connector, period, account: connector.list_reconciliations(period),
        read=lambda connector, items, account: connector.read_reconciliations(items),
        known=queries.stored_hashes,
        store=actions.store_reconciliations,
        finds=FindsReconciliations,
        find=lambda connector, ref: connector.find_reconciliation(ref),
    )
]
