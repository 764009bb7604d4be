"""Reports that people have asked for, their layouts, and those that come by themselves."""

from reports.models.own import JournalAccount, Looked
from reports.models.plans import Destination, Layout, PlannedRun, Schedule
from reports.models.runs import ReportRun

__all__ = [
    "Destination",
    "JournalAccount",
    "Layout",
    "Looked",
    "PlannedRun",
    "ReportRun",
    "Schedule",
]
