"""Data to text, pure."""
