"""Terminals, the people who hold them, what is asked of providers, and where they differ."""
