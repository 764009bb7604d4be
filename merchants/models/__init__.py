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
from merchants.rights import Right, Role

__all__ = [
    "ApiToken",
    "Bookmark",
    "Branch",
    "BranchIdentity",
    "CustomRole",
    "Gap",
    "Hint",
    "Membership",
    "Merchant",
    "OfResource",
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
