"""Multi service."""
