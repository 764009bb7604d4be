"""WHO: users, merchants, memberships, branches, provider accounts, and how they are synced."""
