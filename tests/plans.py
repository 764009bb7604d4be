"""A layout, a server, a schedule and a closed day, for tests that look at every address."""

from datetime import datetime, timedelta

from merchants.models import Branch, Membership
from reports.actions import change_layout, make_layout, plan_report
from reports.models import Destination, Schedule
from settlements.actions import close_days

COLUMNS = [{"name": "terminal", "heading": "Till"}, {"name": "branch", "heading": ""}]


def arrange(*, by: Membership, at: datetime) -> Schedule:
    """The schedule has an older version of the layout."""
    layout = make_layout(by=by, report="fleet", name="Short", columns=COLUMNS, at=at)
    Destination.objects.create(
        merchant=by.merchant, name="Books", host="sftp.example.com", username="books",
        host_key="ssh-ed25519 AAAA", made_at=at,
    )  # fmt: skip
    wish = {"branches": [], "comma": False, "semicolon": False, "language": "en", **layout.wish}
    made, _later = (
        plan_report(
            by=by, report="fleet", form="csv", wish=wish, name=name, rhythm="DAILY", hour=hour,
            zone="Asia/Riyadh", way="KEPT", at=at,
        )
        for name, hour in (("Morning", 8), ("Evening", 20))
    )  # fmt: skip
    change_layout(layout=layout, by=by, columns=COLUMNS[:1], at=at)
    branch = Branch.objects.filter(merchant=by.merchant).order_by("pk")[0]
    day = branch.business_day(at) - timedelta(days=9)
    close_days(branch=branch, days=[day], by=by, at=at, anyway=True, reason="Tried")
    return made
