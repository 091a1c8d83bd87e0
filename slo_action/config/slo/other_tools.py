"""Files of other tools, which people give as slo.yml: named in one sentence."""

from collections.abc import Mapping

_API_GROUPS = {
    "pyrra.dev/": "a Pyrra resource",
    "n9/": "a Nobl9 resource",
    "monitoring.coreos.com/": "a Prometheus Operator resource",
}


def other_tool(content: object) -> str:
    """Return what a YAML document is where it is another tool's; empty where it may be ours."""
    if not isinstance(content, Mapping):
        return ""
    version = str(content.get("apiVersion", ""))
    for group, name in _API_GROUPS.items():
        if version.startswith(group):
            return name
    for key, (inner, name) in _SIGNS.items():
        if key in content and (not inner or _has(content[key], inner)):
            return name
    return ""


_SIGNS = {
    "sites": ("url", "an Upptime configuration"),
    "endpoints": ("conditions", "a Gatus configuration"),
    "modules": ("prober", "a blackbox exporter configuration"),
    "groups": ("rules", "a Prometheus rules file"),
    "scrape_configs": ("", "a Prometheus configuration"),
    "receivers": ("", "an Alertmanager configuration"),
    "monitorList": ("", "an Uptime Kuma backup"),
    "jobs": ("steps", "a GitHub workflow"),
    "services": ("image", "a Compose file"),
}
"""A key at the top, a key of one of its entries (empty: any), and what has both."""


def _has(entries: object, key: str) -> bool:
    """Whether an entry of a list, or of a mapping of names, has a key."""
    if isinstance(entries, Mapping):
        entries = list(entries.values())
        return any(isinstance(one, Mapping) and key in one for one in entries)
    of_services = key == "image"  # Compose names its services, and slo.yml lists them
    listed = entries if isinstance(entries, list) and not of_services else []
    return any(isinstance(one, Mapping) and key in one for one in listed)
