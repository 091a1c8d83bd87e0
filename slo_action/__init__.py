"""Post-deploy verification with evidence: observe, judge, decide, act, verify, record, tell."""

__version__ = "1.0.0"
