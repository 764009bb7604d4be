"""Changing many terminals at once: checked as a whole first, then asked for row by row."""

from terminals.actions.bulk.checking import bulk_kinds, check_rows, draft_chosen, draft_upload
from terminals.actions.bulk.doing import (
    changes_under_way,
    feed_change,
    forget_files,
    retry_failed_rows,
    start_change,
    stop_change,
)
from terminals.actions.bulk.effects import effects_of

__all__ = [
    "bulk_kinds",
    "changes_under_way",
    "check_rows",
    "draft_chosen",
    "draft_upload",
    "effects_of",
    "feed_change",
    "forget_files",
    "retry_failed_rows",
    "start_change",
    "stop_change",
]
