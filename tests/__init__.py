"""What the portal promises, tried on a real PostgreSQL; only the provider is played."""
