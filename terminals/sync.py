"""How terminals are synced: all of them, by every run, because a list of them is short."""

from django.conf import settings

from merchants.actions.resource import Resource
from providers.base.provider import FindsTerminals, FollowsTerminals, ListsTerminals
from terminals import actions, queries

RESOURCES = [
    Resource(
        name="terminals",
        position=20,
        capability=ListsTerminals,
        list=lambda connector, period, account: connector.list_terminals(period),
        read=lambda connector, items, account: connector.read_terminals(items),
        known=queries.stored_hashes,
        store=actions.store_terminals,
        windowed=False,
        finds=FindsTerminals,
        find=lambda connector, ref: connector.find_terminal(ref),
        unlisted=queries.unlisted_terminals,
        gone=actions.note_gone_terminals,
    ),
    Resource(
        name="terminals",
        position=20,
        capability=FollowsTerminals,
        list=lambda connector, period, account: connector.follow_terminals(
            queries.tids_of(account), fetchers=settings.SYNC_FETCHERS
        ),
        read=lambda connector, items, account: connector.read_terminals(items),
        known=queries.hashes_by_tid,
        store=actions.store_terminals,
        windowed=False,
    ),
]
