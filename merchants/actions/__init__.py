"""What can be done to merchants, people, accounts and branches."""
