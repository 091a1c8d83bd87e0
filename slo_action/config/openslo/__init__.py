"""Openslo."""
