"""Post-deploy verification with evidence: observe, judge, decide, act, verify, record, report."""

__version__ = "1.0.0"
