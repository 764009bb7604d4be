"""Whose reports and schedules they are, and who may still open them."""

from django.db.models import QuerySet

from merchants.models import Membership
from merchants.queries import branches_for
from reports.models import ReportRun, Schedule


def runs_of(member: Membership) -> QuerySet[ReportRun]:
    """What somebody has asked for, the latest first: nobody sees another's."""
    own = ReportRun.objects.filter(merchant=member.merchant_id, member=member)
    return own.order_by("-pk")


def schedules_of(member: Membership) -> QuerySet[Schedule]:
    """One's own schedules: nobody sees another's."""
    own = Schedule.objects.filter(merchant=member.merchant_id, member=member)
    return own.select_related("destination").order_by("-pk")


def open_to(run: ReportRun, member: Membership) -> bool:
    """Whether somebody may still see all that is in a report."""
    seen = branches_for(member).values_list("pk", flat=True)
    return not run.manifest or run.is_open_to(member, seen)
