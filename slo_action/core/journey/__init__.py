"""Multi-step journeys."""
