"""The one search box: any identifier and any mix of them, with a reason for each row."""

from reports.search.found import Found, Hit, search

__all__ = ["Found", "Hit", "search"]
