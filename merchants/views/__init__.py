"""The pages of who works where, and of the accounts at providers."""
