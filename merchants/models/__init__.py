"""Who works where, the accounts at providers, and the record of every sync."""

from merchants.models.people import (
    ApiToken,
    Branch,
    CustomRole,
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
    AuditEntry,
    AuditHead,
    AuditPending,
    AuditSeal,
    AuditStub,
    AuditValue,
    Door,
    PersonKey,
)
from merchants.rights import Right, Role

__all__ = [
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
    "Door",
    "Gap",
    "Hint",
    "Membership",
    "Merchant",
    "OfResource",
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
