"""The JSON of the one search box, and of reports."""

from reports.api.filing import Reports
from reports.api.finding import Search

__all__ = ["Reports", "Search"]
