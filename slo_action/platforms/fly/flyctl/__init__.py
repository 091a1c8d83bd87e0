"""Flyctl."""
