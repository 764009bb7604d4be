"""A MobilePay with an account that was read once, so that everything that comes after is news."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from merchants.models import Merchant, ProviderAccount
from merchants.sync import run_sync
from tests.conftest import QUICK, Played


@pytest.fixture
def played(play: Any) -> Played:
    """No customers but the test's own, on the machine's own clock."""
    return play(now=None, transactions=50, since=datetime.now(UTC) + timedelta(days=2))  # type: ignore[no-any-return]


@pytest.fixture
def account(played: Played, merchant: Merchant) -> ProviderAccount:
    """Read once."""
    found = played.connect_mobilepay(merchant)
    run_sync(found.pk, limits=QUICK)
    return found
