"""Fly.io: its machines one by one, and the ledger of its releases."""
