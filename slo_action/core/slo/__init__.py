"""What slo.yml says of services."""
