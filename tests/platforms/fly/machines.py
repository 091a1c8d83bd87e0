"""Machines as the Machines API tells them."""

from typing import Any

Json = dict[str, Any]

DIGEST = f"sha256:{'a1' * 32}"
MACHINE = "3287457df12589"
BEGAN = 1_790_000_000_000
"""When the machine's configuration began, in milliseconds."""


def machine(**changes: Any) -> Json:
    """Return a started machine of v42 with one service check and one check beside it."""
    made: Json = {
        "id": MACHINE,
        "name": "weathered-pine-1234",
        "state": "started",
        "region": "ams",
        "image_ref": {
            "registry": "registry.fly.io",
            "repository": "my-app",
            "tag": "deployment-01J",
            "digest": DIGEST,
            "labels": {"GH_SHA": "abc"},
        },
        "instance_id": "01JINSTANCE",
        "version": "01JINSTANCE",
        "private_ip": "fdaa:0:18:a7b::2",
        "created_at": "2026-09-21T10:00:00Z",
        "updated_at": "2026-09-21T14:13:20Z",
        "config": config(),
        "events": [event("start", 900), event("launch", 0, source="user")],
        "checks": [
            {"name": "servicecheck-00-http-8080", "status": "passing", "output": "ok"},
            {"name": "alive", "status": "passing", "output": ""},
        ],
        "host_status": "ok",
        "cordoned": False,
    }
    return made | changes


def config(**changes: Any) -> Json:
    made: Json = {
        "image": "registry.fly.io/my-app:deployment-01J",
        "env": {"FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "ams", "DATABASE_URL": "pg://s3cret"},
        "init": {"cmd": ["serve", "--key", "s3cret"], "entrypoint": None, "tty": False},
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024},
        "metadata": metadata(),
        "services": [service()],
        "checks": {"alive": {"type": "tcp", "port": 8080, "interval": "15s"}},
        "restart": {"policy": "on-failure", "max_retries": 5},
        "files": [{"guest_path": "/key", "raw_value": "czNjcmV0"}],
    }
    return made | changes


def metadata(**changes: Any) -> Json:
    made = {
        "fly_platform_version": "v2",
        "fly_process_group": "app",
        "fly_release_id": "rel_42",
        "fly_release_version": "42",
    }
    return made | changes


def service(**changes: Any) -> Json:
    made: Json = {
        "protocol": "tcp",
        "internal_port": 8080,
        "autostop": "stop",
        "autostart": True,
        "ports": [{"port": 443, "handlers": ["http", "tls"]}],
        "checks": [
            {
                "type": "http",
                "interval": "60s",
                "timeout": 5_000_000_000,
                "path": "/healthz",
                "headers": [{"name": "Authorization", "values": ["Bearer s3cret"]}],
            }
        ],
    }
    return made | changes


def event(kind: str, after_ms: int, *, source: str = "flyd", **more: Any) -> Json:
    return {"id": "01E", "type": kind, "source": source, "timestamp": BEGAN + after_ms, **more}


def ended(after_ms: int, exit_code: int | None = 1, restarts: int = 0, **more: Any) -> Json:
    """Return the end of a process."""
    request = {"exit_event": {"exit_code": exit_code, **more}, "restart_count": restarts}
    return event("exit", after_ms, status="stopped", request=request)
