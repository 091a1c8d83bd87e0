"""Every key of fly.toml that flyctl reads, and in what form. Pure, and never raises.

Source: the tags of flyctl's internal/appconfig (config.go, service.go, toplevelcheck.go) and of
fly-go's machine_types.go, after the translations of patches.go; what strict validation refuses is
that of strict_validate.go.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import Enum
from math import isfinite
from typing import NamedTuple, Union

from slo_action.core.lint.fly.fly_toml import is_number
from slo_action.core.lint.rule import Key, Table


class Scalar(NamedTuple):
    """The form of one value: how people call it, and whether a value has it."""

    words: str
    accepts: Callable[[object], bool]


class TableForm(Enum):
    """How a table is written down."""

    TABLE = "a table"
    LIST = "a list of tables"
    TABLES = "a table or a list of tables"
    NAMED = "a table of named tables"
    TABLE_OR_PAIR = 'a table, or a text such as "20,25"'


@dataclass(frozen=True, slots=True)
class Keys:
    """A table, or several. `read_anyway` are keys that count and that strict validation refuses."""

    form: TableForm
    keys: Mapping[str, Union[Scalar, "Keys"]]
    read_anyway: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyFault:
    """A key that is not known, or a value in another form than `accepted`.

    Of a key that is not known `accepted` is empty, and `siblings` are the keys of its table;
    `is_read` is True where it counts all the same.
    """

    key: Key
    value: object
    accepted: str = ""
    siblings: tuple[str, ...] = ()
    is_read: bool = False


_LIMITS = re.compile(r"[+-]?[0-9]{1,9},[+-]?[0-9]{1,9}", re.ASCII)
_PERSISTENCE = ("", "none", "never", "restart", "always")
_DIGITS = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def _is_text(value: object) -> bool:
    """A date becomes a text on its way into flyctl's structs."""
    return isinstance(value, str | date | time)


def _is_whole(value: object) -> bool:
    """A float without a fraction is written as a whole number on its way."""
    return is_number(value) and isfinite(value) and value == int(value)


def _is_count(value: object) -> bool:
    return is_number(value) and _is_whole(value) and value >= 0


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_text_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _are_named(value: object) -> bool:
    return not isinstance(value, list) or all("name" in entry for entry in value)


def _is_port(value: object) -> bool:
    return is_number(value) or (isinstance(value, str) and bool(_DIGITS.fullmatch(value)))


_TEXT = Scalar("a text", _is_text)
_WHOLE = Scalar("a whole number", _is_whole)
_COUNT = Scalar("a whole number, zero or more", _is_count)
_NUMBER = Scalar("a number", is_number)
_FLAG = Scalar("true or false", lambda value: isinstance(value, bool))
_TEXTS = Scalar("a list of texts", _are_texts)
_COMMAND = Scalar(
    "a text or a list of texts", lambda value: isinstance(value, str) or _are_texts(value)
)
_TEXT_TABLE = Scalar("a table of texts", _is_text_table)
_TABLE = Scalar("a table", lambda value: isinstance(value, dict))
_TRANSLATED_TABLE = Scalar("a table", lambda value: isinstance(value, dict) or _are_tables(value))
_HEADERS = Scalar("a table", lambda value: _TRANSLATED_TABLE.accepts(value) and _are_named(value))
_PORT = Scalar("a port number", _is_port)
_ANY = Scalar("anything", lambda _: True)
"""What another rule looks at, or what flyctl makes a text of."""

_ROOTFS = Scalar('"never", "restart" or "always"', lambda value: value in _PERSISTENCE)
_DURATIONS = {"interval": _ANY, "timeout": _ANY, "grace_period": _ANY}


def _http_check(headers: Scalar) -> Mapping[str, Scalar]:
    return {
        **_DURATIONS,
        "method": _TEXT,
        "path": _TEXT,
        "protocol": _TEXT,
        "tls_skip_verify": _FLAG,
        "tls_server_name": _TEXT,
        "headers": headers,
    }


_MACHINE_CHECKS = Keys(
    TableForm.LIST,
    {
        "command": _TEXTS,
        "image": _TEXT,
        "entrypoint": _TEXTS,
        "kill_signal": _TEXT,
        "kill_timeout": _ANY,
    },
)
_CONCURRENCY = Keys(TableForm.TABLE, {"type": _TEXT, "hard_limit": _WHOLE, "soft_limit": _WHOLE})
_TLS = Keys(TableForm.TABLE, {"alpn": _TEXTS, "versions": _TEXTS, "default_self_signed": _FLAG})
_HTTP = Keys(
    TableForm.TABLE,
    {
        "compress": _FLAG,
        "response": Keys(TableForm.TABLE, {"headers": _TABLE, "pristine": _FLAG}),
        "h2_backend": _FLAG,
        "idle_timeout": _COUNT,
        "headers_read_timeout": _COUNT,
        "replay_cache": Keys(
            TableForm.LIST,
            {
                "path_prefix": _TEXT,
                "ttl_seconds": _WHOLE,
                "type": _TEXT,
                "name": _TEXT,
                "allow_bypass": _FLAG,
            },
        ),
    },
)
_AUTOSTOP: Mapping[str, Scalar | Keys] = {
    "auto_stop_machines": _ANY,
    "auto_start_machines": _FLAG,
    "min_machines_running": _WHOLE,
    "processes": _TEXTS,
    "machine_checks": _MACHINE_CHECKS,
}
_MACHINE = Keys(
    TableForm.TABLES,
    {
        "size": _TEXT,
        "memory": _ANY,
        "cpu_kind": _TEXT,
        "cpus": _WHOLE,
        "memory_mb": _WHOLE,
        "max_memory_mb": _WHOLE,
        "gpus": _WHOLE,
        "gpu_kind": _TEXT,
        "host_dedication_id": _TEXT,
        "persist_rootfs": _ROOTFS,
        "kernel_args": _TEXTS,
        "processes": _TEXTS,
    },
)
_RELEASE_MACHINE = Keys(TableForm.TABLE, {**_MACHINE.keys, "memory": _TEXT})
_METRICS = Keys(
    TableForm.TABLES,
    {"port": _WHOLE, "path": _TEXT, "https": _FLAG, "processes": _TEXTS},
)
_MOUNTS = Keys(
    TableForm.TABLES,
    {
        "source": _TEXT,
        "destination": _TEXT,
        "initial_size": _ANY,
        "snapshot_retention": _WHOLE,
        "scheduled_snapshots": _FLAG,
        "auto_extend_size_threshold": _WHOLE,
        "auto_extend_size_increment": _TEXT,
        "auto_extend_size_limit": _TEXT,
        "processes": _TEXTS,
    },
)
_TOP_LEVEL_CHECK = {
    "port": _WHOLE,
    "type": _ANY,
    **_http_check(_HEADERS),
    "processes": _TEXTS,
}
FLY_TOML = Keys(
    TableForm.TABLE,
    {
        "app": _TEXT,
        "primary_region": _TEXT,
        "kill_signal": _TEXT,
        "kill_timeout": _ANY,
        "swap_size_mb": _WHOLE,
        "console_command": _TEXT,
        "experimental": Keys(
            TableForm.TABLE,
            {
                "cmd": _COMMAND,
                "entrypoint": _COMMAND,
                "exec": _COMMAND,
                "auto_rollback": _FLAG,
                "enable_consul": _FLAG,
                "enable_etcd": _FLAG,
                "lazy_load_images": _FLAG,
                "attached": Keys(
                    TableForm.TABLE, {"secrets": Keys(TableForm.TABLE, {"export": _TEXT_TABLE})}
                ),
                "machine_config": _TEXT,
                "kill_timeout": _ANY,
                "metrics_port": _WHOLE,
                "metrics_path": _TEXT,
            },
            read_anyway=frozenset({"kill_timeout", "metrics_port", "metrics_path"}),
        ),
        "build": Keys(
            TableForm.TABLE,
            {
                "builder": _TEXT,
                "args": _TEXT_TABLE,
                "buildpacks": _TEXTS,
                "image": _TEXT,
                "settings": _TABLE,
                "builtin": _TEXT,
                "dockerfile": _TEXT,
                "ignorefile": _TEXT,
                "build-target": _TEXT,
                "build_target": _TEXT,
                "compose": Keys(TableForm.TABLE, {"file": _TEXT}),
                "compression": _TEXT,
                "compression_level": _WHOLE,
            },
        ),
        "deploy": Keys(
            TableForm.TABLE,
            {
                "strategy": _TEXT,
                "max_unavailable": _NUMBER,
                "wait_timeout": _ANY,
                "release_command": _TEXT,
                "release_command_timeout": _ANY,
                "release_command_vm": _RELEASE_MACHINE,
                "seed_command": _TEXT,
            },
        ),
        "env": _TRANSLATED_TABLE,
        "processes": Scalar(
            "a table of texts", lambda value: _is_text_table(value) or isinstance(value, list)
        ),
        "mounts": _MOUNTS,
        "mount": _MOUNTS,
        "http_service": Keys(
            TableForm.TABLE,
            {
                **_AUTOSTOP,
                "internal_port": _WHOLE,
                "force_https": _FLAG,
                "concurrency": _CONCURRENCY,
                "tls_options": _TLS,
                "http_options": _HTTP,
                "checks": Keys(TableForm.LIST, _http_check(_TEXT_TABLE)),
            },
        ),
        "services": Keys(
            TableForm.TABLES,
            {
                **_AUTOSTOP,
                "protocol": _TEXT,
                "internal_port": _PORT,
                "ports": Keys(
                    TableForm.TABLES,
                    {
                        "port": _PORT,
                        "start_port": _WHOLE,
                        "end_port": _WHOLE,
                        "handlers": _TEXTS,
                        "force_https": _FLAG,
                        "tls_options": _TLS,
                        "http_options": _HTTP,
                        "proxy_proto_options": Keys(TableForm.TABLE, {"version": _TEXT}),
                    },
                ),
                "concurrency": Keys(TableForm.TABLE_OR_PAIR, _CONCURRENCY.keys),
                "tcp_checks": Keys(TableForm.TABLES, _DURATIONS),
                "http_checks": Keys(TableForm.TABLES, _http_check(_HEADERS)),
            },
        ),
        "checks": Keys(TableForm.NAMED, _TOP_LEVEL_CHECK, read_anyway=frozenset({"name"})),
        "files": Keys(
            TableForm.LIST,
            {
                "guest_path": _TEXT,
                "local_path": _TEXT,
                "secret_name": _TEXT,
                "raw_value": _TEXT,
                "processes": _TEXTS,
            },
        ),
        "host_dedication_id": _TEXT,
        "machine_config": _TEXT,
        "container": _TEXT,
        "machine_checks": _MACHINE_CHECKS,
        "restart": Keys(TableForm.LIST, {"policy": _TEXT, "retries": _WHOLE, "processes": _TEXTS}),
        "vm": _MACHINE,
        "compute": _MACHINE,
        "computes": _MACHINE,
        "statics": Keys(
            TableForm.LIST,
            {
                "guest_path": _TEXT,
                "url_prefix": _TEXT,
                "tigris_bucket": _TEXT,
                "index_document": _TEXT,
            },
        ),
        "metrics": _METRICS,
        "metric": _METRICS,
    },
)


def key_faults(document: Table) -> Iterator[KeyFault]:
    """Yield what flyctl does not know or cannot read, in the order of the file."""
    return _faults(document, (), FLY_TOML)


def _faults(value: object, key: Key, form: Scalar | Keys) -> Iterator[KeyFault]:
    if isinstance(form, Scalar):
        if not form.accepts(value):
            yield KeyFault(key, value, accepted=form.words)
        return
    found = _tables_of(value, key, form.form)
    if found is None:
        yield KeyFault(key, value, accepted=form.form.value)
        return
    for where, table in found:
        for name, entry in table.items():
            expected = form.keys.get(name)
            # strict validation does not look into an empty list
            is_harmless = form.form is TableForm.TABLES and not entry
            if (expected is None and not is_harmless) or name in form.read_anyway:
                names, is_read = tuple(form.keys), name in form.read_anyway
                yield KeyFault((*where, name), entry, siblings=names, is_read=is_read)
            if expected is not None:
                yield from _faults(entry, (*where, name), expected)


def _tables_of(value: object, key: Key, form: TableForm) -> list[tuple[Key, Table]] | None:
    """Return the tables of a value, each with its key; None where it has another form."""
    entries: list[tuple[Key, object]]
    if isinstance(value, dict) and form is not TableForm.LIST:
        named = [((*key, name), entry) for name, entry in value.items()]
        entries = named if form is TableForm.NAMED else [(key, value)]
    elif isinstance(value, list) and form in (TableForm.LIST, TableForm.TABLES, TableForm.NAMED):
        entries = [((*key, index), entry) for index, entry in enumerate(value)]
    elif form is TableForm.TABLE_OR_PAIR and isinstance(value, str) and _LIMITS.fullmatch(value):
        entries = []
    else:
        return None
    found = [(where, entry) for where, entry in entries if isinstance(entry, Mapping)]
    return found if len(found) == len(entries) else None
