"""The run's files on disk."""
