"""One request in, one sample out."""
