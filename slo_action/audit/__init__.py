"""The audit record as a published document: written, validated, read back."""
