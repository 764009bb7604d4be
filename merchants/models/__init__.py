"""Who works where, the accounts at providers, and the record of every sync."""

from merchants.models.alerts import Alert, AlertChoice
from merchants.models.days import DayChange
from merchants.models.drift import Drift
from merchants.models.operations import Operation
from merchants.models.people import (
    ApiToken,
    Branch,
    CustomRole,
    Invitation,
    Membership,
    Merchant,
    SavedView,
    User,
    Users,
)
from merchants.models.sync import (
    Bookmark,
    BranchIdentity,
    Gap,
    Hint,
    OfResource,
    ProviderAccount,
    SetAside,
    SyncRun,
    SyncStep,
)
from merchants.models.trail import (
    ACTIONS,
    SUBJECTS,
    AuditEntry,
    AuditHead,
    AuditPending,
    AuditSeal,
    AuditStub,
    AuditValue,
    Door,
    Letter,
    PersonKey,
)
from merchants.rights import Right, Role

__all__ = [
    "ACTIONS",
    "SUBJECTS",
    "Alert",
    "AlertChoice",
    "ApiToken",
    "AuditEntry",
    "AuditHead",
    "AuditPending",
    "AuditSeal",
    "AuditStub",
    "AuditValue",
    "Bookmark",
    "Branch",
    "BranchIdentity",
    "CustomRole",
    "DayChange",
    "Door",
    "Drift",
    "Gap",
    "Hint",
    "Invitation",
    "Letter",
    "Membership",
    "Merchant",
    "OfResource",
    "Operation",
    "PersonKey",
    "ProviderAccount",
    "Right",
    "Role",
    "SavedView",
    "SetAside",
    "SyncRun",
    "SyncStep",
    "User",
    "Users",
]
