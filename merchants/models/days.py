"""How a branch's rows are moved to other business days."""

from django.db import models
from django.db.models import Q

from merchants.models.people import Branch, Merchant, User
from portal.rows import OfMerchant


class DayChange(OfMerchant):
    """A branch's new zone or cut-off, and how far its rows have been moved to their new days.

    `moved` counts what was: `{"transactions": 12, …, "sales": [[from, to, currency, rows, minor]]}`
    with days as text, and amounts in minor units of what is counted as sold.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT)
    branch = models.ForeignKey(Branch, models.PROTECT, db_index=False)
    zone_before = models.CharField(max_length=64)
    cut_off_before = models.TimeField()
    zone = models.CharField(max_length=64)
    cut_off = models.TimeField()
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    # The days from the first row's on; the one that is next, until all of them are done.
    first_day = models.DateField(null=True)
    next_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    done_at = models.DateTimeField(null=True)
    moved = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["branch"], condition=Q(done_at=None), name="one_open_day_change_per_branch"
            )
        ]
        indexes = [models.Index(fields=["branch", "-id"], name="day_change_by_branch")]

    def __str__(self) -> str:
        return f"day change {self.pk}"

    @property
    def percent(self) -> int:
        """How much of the days is done."""
        if self.done_at is not None:
            return 100
        if self.first_day is None or self.next_day is None or self.last_day is None:
            return 0
        whole = (self.last_day - self.first_day).days + 1
        return min(99, 100 * (self.next_day - self.first_day).days // whole)
