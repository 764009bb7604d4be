"""WHAT HAPPENED: transactions, receipts and payment sessions."""
