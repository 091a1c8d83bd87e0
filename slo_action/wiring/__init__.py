"""Wiring: from what a run was given to the adapters that carry it out and publish the result."""
