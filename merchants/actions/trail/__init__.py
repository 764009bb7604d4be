"""The trail: who did and who saw what. Entries are added, sealed, and never changed."""

from merchants.actions.trail.chain import age, chains, seal_entries
from merchants.actions.trail.record import (
    Personal,
    Scene,
    acting,
    enter,
    exported,
    forget,
    listed,
    record,
    saw,
    scene,
    searched,
    values_of,
)
from merchants.actions.trail.verify import Flaw, verify

__all__ = [
    "Flaw", "Personal", "Scene", "acting", "age", "chains", "enter", "exported", "forget",
    "listed", "record", "saw", "scene", "seal_entries", "searched", "values_of", "verify",
]  # fmt: skip
