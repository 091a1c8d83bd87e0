"""Everything that arrives as text from a user."""
