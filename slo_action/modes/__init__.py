"""What a run does, each mode a list of verbs."""
