"""What is done with reports: asked for, taken back, planned, laid out, let go."""

from reports.actions.asking import (
    TooMany,
    ask_again,
    ask_report,
    cancel_report,
    forget_files,
    sweep_files,
    sweep_parts,
)
from reports.actions.books import map_journal
from reports.actions.planning import (
    Wrong,
    add_destination,
    change_layout,
    make_layout,
    pause_schedule,
    plan_report,
    remove_destination,
    remove_layout,
    remove_schedule,
    resume_schedule,
    take_layout,
)

__all__ = [
    "TooMany",
    "Wrong",
    "add_destination",
    "ask_again",
    "ask_report",
    "cancel_report",
    "change_layout",
    "forget_files",
    "make_layout",
    "map_journal",
    "pause_schedule",
    "plan_report",
    "remove_destination",
    "remove_layout",
    "remove_schedule",
    "resume_schedule",
    "sweep_files",
    "sweep_parts",
    "take_layout",
]
