"""GitHub: the runner's files and commands, the artifact service, the REST API."""
