"""Closes against who owns the database."""

from datetime import timedelta
from typing import Any

import pytest

from merchants.models import Branch
from merchants.sync import run_sync
from settlements.actions import BrokenChain, check_chain, close_days
from settlements.models import Document
from tests.conftest import NOON, QUICK, make_alice, make_merchant
from tests.database import as_owner

DAY = timedelta(days=1)


class TestTampering:
    """With real commits: whoever owns the database can change rows, and is found out."""

    def test_by_the_databases_owner_is_found(self, committed: None, play: Any) -> None:
        alice = make_alice(make_merchant())
        account = play(transactions=400, terminals=4).connect(alice.merchant)
        run_sync(account.pk, limits=QUICK)
        branch = Branch.objects.order_by("pk")[0]
        day = branch.business_day(NOON) - 2 * DAY
        close_days(branch=branch, days=[day - 2 * DAY, day - DAY, day], by=alice, at=NOON)
        assert check_chain(branch) == 3
        last = Document.objects.get(number=3)
        with as_owner() as owner:
            for change, undo, said in (
                (
                    f"update settlements_closedrow set amount_minor = amount_minor + 1"
                    f" where document_id = {last.pk} and position = 1",
                    f"update settlements_closedrow set amount_minor = amount_minor - 1"
                    f" where document_id = {last.pk} and position = 1",
                    "not as they were frozen",
                ),
                (
                    "update settlements_document set kind = 'REOPENING' where number = 2",
                    "update settlements_document set kind = 'CLOSE' where number = 2",
                    "not what its manifest says",
                ),
                (
                    "create table kept as select * from settlements_closedrow where document_id ="
                    " (select id from settlements_document where number = 3);"
                    " create table doc as select * from settlements_document where number = 3;"
                    " delete from settlements_closedrow using doc where document_id = doc.id;"
                    " delete from settlements_document where number = 3",
                    "insert into settlements_document select * from doc;"
                    " insert into settlements_closedrow select * from kept;"
                    " drop table doc; drop table kept",
                    "Document 3 of branch",
                ),
                (
                    "update settlements_document set manifest = manifest || '{\"rows\": 0}'"
                    " where number = 2",
                    None,
                    "manifest is not as made",
                ),
                (
                    "delete from settlements_closedrow where document_id ="
                    " (select id from settlements_document where number = 1);"
                    " delete from settlements_document where number = 1",
                    None,
                    "missing",
                ),
            ):
                owner.execute(change)
                with pytest.raises(BrokenChain, match=said):
                    check_chain(branch)
                if undo:
                    owner.execute(undo)
                    assert check_chain(branch) == 3
