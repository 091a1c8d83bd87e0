"""Verdict quality: the shipped code and its peers, judged on deployments whose truth is known."""
