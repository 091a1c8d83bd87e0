"""fly.toml as JSON, and the machine configuration that a deploy makes of it."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tests.worlds.fly.durations import seconds_of
from tests.worlds.fly.images import Config, FlyImage

Definition = dict[str, Any]

SMALL = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 512}


def plain_definition(app: str, **changes: Any) -> Definition:
    """Return a definition with one HTTP service, a check and a release command."""
    made: Definition = {
        "app": app,
        "primary_region": "ams",
        "deploy": {"release_command": "bin/migrate"},
        "env": {"PORT": "8080"},
        "http_service": {
            "internal_port": 8080,
            "force_https": True,
            "auto_stop_machines": "off",
            "auto_start_machines": True,
            "min_machines_running": 1,
            "processes": ["app"],
            "concurrency": {"type": "requests", "soft_limit": 200, "hard_limit": 250},
            "checks": [
                {
                    "interval": "5s",
                    "timeout": "2s",
                    "grace_period": "2s",
                    "method": "GET",
                    "path": "/healthz",
                }
            ],
        },
    }
    return merged(made, changes)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with changes: tables are merged, a None takes its key away."""
    made = deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = merged(made[key], value)
        else:
            made[key] = deepcopy(value)
    return made


def stored(definition: Definition, strategy: str) -> Definition:
    """Return a definition as flyctl stores it: a strategy that was given, and switches as booleans.

    Of `auto_stop_machines`, "suspend" has no other form.
    """
    made = merged(definition, {"deploy": {"strategy": strategy}} if strategy else {})
    service = made.get("http_service") or {}
    stop = service.get("auto_stop_machines")
    if stop in {"off", "stop"}:
        service["auto_stop_machines"] = stop == "stop"
    return made


def configured(
    definition: Definition,
    former: Config,
    image_ref: str,
    *,
    group: str,
    release_id: str,
    release_version: int,
) -> Config:
    """Return what a deploy makes of a machine's configuration, as flyctl does.

    It starts from the former one: without `vm` the guest stays, and so does what fly.toml has no
    word for. The rest is replaced.
    """
    config = deepcopy(former)
    config["image"] = image_ref
    region = definition.get("primary_region", "")
    config["env"] = {
        **definition.get("env", {}),
        "FLY_PROCESS_GROUP": group,
        "PRIMARY_REGION": region,
    }
    config["services"] = _services(definition, group)
    config["checks"] = _top_level(definition, group)
    config["restart"] = _restart(definition)
    command = (definition.get("processes") or {}).get(group, "")
    config["init"] = {"cmd": command.split()} if command else {}
    config["guest"] = _guest(definition) or config.get("guest") or dict(SMALL)
    config["metadata"] = {
        **(config.get("metadata") or {}),
        "fly_flyctl_version": "0.4.87",
        "fly_platform_version": "v2",
        "fly_process_group": group,
        "fly_release_id": release_id,
        "fly_release_version": str(release_version),
    }
    return {key: value for key, value in config.items() if value or key in {"init", "services"}}


def pinned(config: Config, image: FlyImage, app: str) -> Config:
    """Return a configuration with another image, by tag."""
    return {**deepcopy(config), "image": image.ref(app)}


def _services(definition: Definition, group: str) -> list[dict[str, Any]]:
    service = definition.get("http_service")
    if not service or group not in service.get("processes", ["app"]):
        return []
    stop = service.get("auto_stop_machines", "off")
    return [
        {
            "protocol": "tcp",
            "internal_port": service["internal_port"],
            "autostop": stop if stop == "suspend" else stop in {"stop", True},
            "autostart": service.get("auto_start_machines", True),
            "min_machines_running": service.get("min_machines_running", 0),
            "ports": [
                {
                    "port": 80,
                    "handlers": ["http"],
                    "force_https": service.get("force_https", False),
                },
                {"port": 443, "handlers": ["http", "tls"]},
            ],
            "checks": [_clamped(check) for check in service.get("checks", [])],
            "concurrency": service.get("concurrency"),
            "force_instance_key": None,
        }
    ]


def _clamped(check: Mapping[str, Any]) -> dict[str, Any]:
    grace = min(60.0, seconds_of(check.get("grace_period"), 1.0))
    return {"type": "http", "method": "GET", "path": "/", **check, "grace_period": f"{grace:g}s"}


def _top_level(definition: Definition, group: str) -> dict[str, Any]:
    found = definition.get("checks") or {}
    return {
        name: check for name, check in found.items() if group in check.get("processes", [group])
    }


def _restart(definition: Definition) -> dict[str, Any]:
    if not definition.get("restart"):
        return {}
    given = definition["restart"][0]
    return {"policy": given.get("policy", "on-failure"), "max_retries": given.get("retries", 10)}


def _guest(definition: Definition) -> dict[str, Any] | None:
    sizes = definition.get("vm") or []
    if not sizes:
        return None
    size = sizes[0]
    memory = int(str(size.get("memory", "512mb")).lower().removesuffix("mb"))
    return {
        "cpu_kind": size.get("cpu_kind", "shared"),
        "cpus": size.get("cpus", 1),
        "memory_mb": memory,
    }
