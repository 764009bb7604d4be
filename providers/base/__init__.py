"""What every connector stands on, and all that the apps know of a provider."""
