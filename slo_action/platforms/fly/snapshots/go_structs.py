"""A machine's JSON as fly-go prints it once it has read it: same keys, same order, no zero values.

Source: fly-go's machine_types.go. What it does not know is left out, as flyctl leaves it out.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from slo_action.core.text.go_durations import go_printed

_STRUCTS = {
    "machine": "id name state region image_ref!:image_ref instance_id version private_ip "
    "created_at updated_at config:config events:event checks:check_status nonce "
    "host_status cordoned! containers:container_status incomplete_config:config",
    "image_ref": "registry repository tag digest labels:any{}",
    "event": "type status request:request source timestamp",
    "request": "exit_event:exit_event MonitorEvent:monitor_event restart_count",
    "monitor_event": "exit_event:exit_event",
    "exit_event": "exit_code guest_exit_code guest_signal oom_killed requested_stop restarting "
    "signal exited_at!:time",
    "check_status": "name status output updated_at:time",
    "container_status": "name! state!",
    "config": "env:any{} init!:init guest:guest metadata:any{} mounts:mount services:service "
    "metrics:metrics checks:check{} statics:static image files:file schedule "
    "auto_destroy restart:restart dns:dns processes:process standbys "
    "stop_config:stop_config containers:container volumes rootfs:rootfs "
    "cache_drive:cache_drive spot:spot size disable_machine_autostart*",
    "init": "exec entrypoint cmd tty swap_size_mb* kernel_args",
    "guest": "cpu_kind cpus memory_mb max_memory_mb gpus gpu_kind host_dedication_id "
    "persist_rootfs kernel_args",
    "mount": "encrypted path size_gb volume name extend_threshold_percent add_size_gb "
    "size_gb_limit",
    "service": "protocol internal_port autostop*:autostop autostart* min_machines_running* "
    "ports:port checks:check concurrency:concurrency force_instance_key! "
    "force_instance_description*",
    "port": "port* start_port* end_port* handlers force_https tls_options:tls_options "
    "http_options:http_options proxy_proto_options:proxy_proto_options",
    "tls_options": "alpn versions default_self_signed*",
    "http_options": "compress* response:response h2_backend* idle_timeout* "
    "headers_read_timeout* replay_cache:replay_cache",
    "response": "headers:any{} pristine*",
    "replay_cache": "path_prefix! ttl_seconds! type! name! allow_bypass",
    "proxy_proto_options": "version",
    "check": "port* type* kind* interval*:duration timeout*:duration grace_period*:duration "
    "method* path* protocol* tls_skip_verify* tls_server_name* headers:header",
    "header": "name values",
    "concurrency": "type hard_limit soft_limit",
    "metrics": "port path https",
    "static": "guest_path! url_prefix! tigris_bucket! index_document!",
    "file": "guest_path raw_value* secret_name* image_config* mode",
    "restart": "policy max_retries",
    "dns": "skip_registration nameservers searches options dns_forward_rules hostname "
    "hostname_fqdn",
    "process": "exec entrypoint cmd user env:any{} secrets ignore_app_secrets env_from",
    "stop_config": "timeout*:duration signal*",
    "container": "name! image! exec entrypoint cmd user env:any{} secrets env_from files:file "
    "restart:restart stop:stop_config depends_on healthchecks mounts",
    "rootfs": "persist size_gb",
    "cache_drive": "size_mb",
    "spot": "max_price_fraction",
}
"""By struct, its keys: `!` is always printed, `*` is a pointer, whose zero value is printed.

After the colon, what the value or each of its elements is read into; with braces, each value of a
map. Without one it is printed as it is.
"""
_MISSING: Mapping[str, object] = {
    "image_ref": {},
    "init": {},
    "cordoned": False,
    "force_instance_key": None,
    "ttl_seconds": 0,
    "exited_at": "0001-01-01T00:00:00Z",
}
"""What is printed of a key that is always printed and was not sent, where that is no empty text."""
_AUTOSTOP = {"off": False, "stop": True}


class _Key(NamedTuple):
    name: str
    kind: str
    is_always: bool
    is_pointer: bool


def go_json(value: object, kind: str = "machine") -> object:
    """Return some JSON as Go prints it that has read it into a struct of that name."""
    if isinstance(value, list):
        return [go_json(one, kind) for one in value]
    if kind in _TYPES:
        return _TYPES[kind](value)
    if not isinstance(value, Mapping):
        return value
    if kind not in _STRUCTS:
        return {key: go_json(value[key], kind.removesuffix("{}")) for key in sorted(value)}
    return {
        key.name: go_json(value[key.name], key.kind)
        if value.get(key.name) is not None
        else _MISSING.get(key.name, "")
        for key in _keys(kind)
        if _is_printed(value.get(key.name), key)
    }


def go_time(at: datetime) -> str:
    """Return an instant of UTC as Go prints it: without zeros at the end of its fraction."""
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _is_printed(sent: object, key: _Key) -> bool:
    if key.is_always:
        return True
    is_struct = key.kind in _STRUCTS and isinstance(sent, Mapping)
    return bool(sent) or (sent is not None and (key.is_pointer or is_struct))


@cache
def _keys(struct: str) -> tuple[_Key, ...]:
    words = (word.partition(":") for word in _STRUCTS[struct].split())
    return tuple(
        _Key(name.rstrip("!*"), kind or "any", name.endswith("!"), name.endswith("*"))
        for name, _, kind in words
    )


def _time(value: object) -> object:
    """What is no time in UTC stays as it is."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    return value if at is None or at.utcoffset() is None or at.utcoffset() else go_time(at)


_TYPES: Mapping[str, Callable[[object], object]] = {
    "any": lambda value: value,
    "duration": go_printed,
    "time": _time,
    "autostop": lambda value: _AUTOSTOP.get(value, value) if isinstance(value, str) else value,
}
