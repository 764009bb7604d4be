"""How transactions and payment sessions are synced."""

from merchants.actions.resource import Resource
from providers.base.provider import (
    FindsTransactions,
    FollowsTransactions,
    ListsSessions,
    ListsTransactions,
)
from terminals.queries import terminal_refs
from transactions import actions, queries
from transactions.receipts import Example

RESOURCES = [
    Resource(
        name="transactions",
        position=30,
        capability=ListsTransactions,
        list=lambda connector, period, account: connector.list_transactions(period),
        read=lambda connector, items, account: actions.prepare_all(
            connector.read_transactions(items), account
        ),
        known=queries.stored_hashes,
        store=actions.store_transactions,
        finds=FindsTransactions,
        find=lambda connector, ref: actions.prepare(
            connector.find_transaction(ref), Example.of_provider(connector.name)
        ),
    ),
    Resource(
        name="transactions",
        position=30,
        capability=FollowsTransactions,
        list=lambda connector, period, account: actions.follow(connector, account),
        read=lambda connector, items, account: actions.prepare_all(
            connector.read_transactions(items), account
        ),
        known=queries.stored_hashes,
        store=actions.store_followed,
        followed=actions.note_looks,
        finds=FindsTransactions,
        find=lambda connector, ref: actions.prepare(
            connector.find_transaction(ref), Example.of_provider(connector.name)
        ),
    ),
    Resource(
        name="sessions",
        position=40,
        capability=ListsSessions,
        list=lambda connector, period, account: connector.list_sessions(
            period, terminal_refs=terminal_refs(account)
        ),
        read=lambda connector, items, account: connector.read_sessions(items),
        known=queries.stored_session_hashes,
        store=actions.store_sessions,
    ),
]
