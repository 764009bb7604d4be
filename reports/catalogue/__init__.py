"""Every report that there is, by its name."""

from reports.catalogue import fleet, journal, payments, sums
from reports.catalogue.columns import Column, Kind
from reports.catalogue.report import Asked, Report

REPORTS: dict[str, Report] = {
    each.name: each for each in (*payments.REPORTS, *sums.REPORTS, *fleet.REPORTS, *journal.REPORTS)
}

__all__ = ["REPORTS", "Asked", "Column", "Kind", "Report"]
