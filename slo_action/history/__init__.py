"""Where verdicts are kept for later runs."""
