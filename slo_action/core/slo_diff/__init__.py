"""Slo diff."""
