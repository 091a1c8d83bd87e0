"""What flyctl refuses is reported, and nothing that it takes.

The expected values are those of flyctl itself: its internal/appconfig read and validated the same
files (`Validate` and `StrictValidate`, August 2026).
"""

import tomllib

import pytest

from slo_action.core.lint.fly.rules import FLY_RULES
from tests.core.lint.fly.test_rules import reports

_OWN = ("unknown-key", "strict-only-key", "value-refused", "process-undefined")
_ELSEWHERE = ("strategy-refused", "duration-refused", "autostop-refused")

EVERY_KEY = """
app = "shop"
primary_region = "ams"
kill_signal = "SIGTERM"
kill_timeout = 30
swap_size_mb = 512
console_command = "/bin/sh -c 'echo hi'"
host_dedication_id = "1"
machine_config = "machine.json"
container = "app"
[experimental]
cmd = "serve"
entrypoint = ["/bin/app"]
exec = ["x"]
enable_consul = true
enable_etcd = false
lazy_load_images = true
machine_config = "m.json"
attached = {secrets = {export = {A = "B"}}}
[build]
builder = "b"
args = {A = "1"}
buildpacks = ["p"]
settings = {any = [1, 2]}
dockerfile = "Dockerfile"
ignorefile = ".dockerignore"
build_target = "prod"
compose = {file = "compose.yml"}
compression = "zstd"
compression_level = 9
[deploy]
strategy = "rolling"
max_unavailable = 0.3
wait_timeout = "5m"
release_command = "bin/migrate 'all of it'"
release_command_timeout = "2m"
release_command_vm = {size = "shared-cpu-1x", memory = "1gb"}
seed_command = "bin/seed"
[env]
PORT = 8080
DEBUG = true
[processes]
web = "bin/web"
worker = ""
[[mounts]]
source = "data"
destination = "/data"
initial_size = 10
snapshot_retention = 60
scheduled_snapshots = false
auto_extend_size_threshold = 80
auto_extend_size_increment = "1GB"
auto_extend_size_limit = "5GB"
processes = ["web"]
[http_service]
internal_port = 8080.0
force_https = true
auto_stop_machines = "suspend"
auto_start_machines = true
min_machines_running = 1
processes = ["web"]
concurrency = {type = "requests", soft_limit = 20, hard_limit = 25}
tls_options = {alpn = ["h2"], versions = ["TLSv1.3"], default_self_signed = false}
[http_service.http_options]
compress = true
h2_backend = true
idle_timeout = 60
headers_read_timeout = 5
response = {pristine = true, headers = {"x-a" = false, "x-b" = ["1", "2"]}}
[[http_service.http_options.replay_cache]]
path_prefix = "/"
ttl_seconds = 5
type = "cookie"
name = "s"
allow_bypass = true
[[http_service.checks]]
interval = "15s"
timeout = "2s"
grace_period = "10s"
method = "GET"
path = "/healthz"
protocol = "https"
tls_skip_verify = true
tls_server_name = "a.example"
headers = {A = "b"}
[[http_service.machine_checks]]
command = ["true"]
image = "curl"
entrypoint = ["/bin/sh"]
kill_signal = "SIGKILL"
kill_timeout = "5s"
[[services]]
protocol = "tcp"
internal_port = "9000"
concurrency = "20,25"
processes = ["web", "worker"]
tcp_checks = [{interval = 15000, timeout = "2s", grace_period = ""}]
[[services.http_checks]]
headers = [{name = "A", value = 1}]
[[services.ports]]
port = "443"
start_port = 1
end_port = 2
handlers = ["tls"]
force_https = false
tls_options = {alpn = ["h2"]}
http_options = {compress = false}
proxy_proto_options = {version = "v2"}
[checks.live]
port = 8080
type = "http"
interval = "2s"
timeout = "60s"
grace_period = "5s"
path = "/"
headers = {A = 1}
processes = ["web"]
[[files]]
guest_path = "/a"
local_path = "a"
secret_name = "S"
raw_value = "cg=="
processes = ["web"]
[[machine_checks]]
command = ["true"]
[[restart]]
policy = "on-failure"
retries = 3
processes = ["worker"]
[[vm]]
size = "shared-cpu-1x"
memory = 512
cpu_kind = "shared"
cpus = 1
memory_mb = 512
max_memory_mb = 1024
gpus = 0
gpu_kind = "a10"
host_dedication_id = "1"
persist_rootfs = "always"
kernel_args = ["quiet"]
processes = ["web"]
[[statics]]
guest_path = "/a"
url_prefix = "/"
tigris_bucket = "b"
index_document = "index.html"
[metrics]
port = 9091
path = "/metrics"
https = false
processes = ["web"]
"""


def test_every_key_that_flyctl_reads_is_known() -> None:
    assert reports(EVERY_KEY, *_OWN, *_ELSEWHERE) == []


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        ("[deploys]\nstrategy = 'rolling'", "deploys: did you mean deploy?"),
        ("App = 'x'", "App: did you mean app?"),
        ("colour = 'red'", 'colour: nothing reads "colour"'),
        ("[deploy]\nstategy = 'x'", "deploy.stategy: did you mean strategy?"),
        ("[checks.a]\ntype = 'tcp'\nporn = 1", "checks.a.porn: did you mean port?"),
        (
            "[http_service]\nmax_machines_running = 3",
            (
                "http_service.max_machines_running: Fly has no maximum; "
                "`fly scale count` sets how many there are"
            ),
        ),
        (
            "[[http_service.http_checks]]\npath = '/'",
            "http_service.http_checks: checks of [http_service] are [[http_service.checks]]",
        ),
        (
            "[[services]]\n[[services.checks]]\ntype = 'http'",
            "services[0].checks: checks of [[services]] are http_checks and tcp_checks",
        ),
        (
            "[[services]]\nscript_checks = [{command = 'true'}]",
            "services[0].script_checks: no check of a service runs a script",
        ),
        (
            "[[services]]\n[[services.tcp_checks]]\nrestart_limit = 6",
            "services[0].tcp_checks[0].restart_limit: no check restarts a machine",
        ),
        (
            "[http_service.http_options]\nxyz = '1'",
            'http_service.http_options.xyz: nothing reads "xyz"',
        ),
        (
            "[[services]]\n[[services.ports]]\nhandler = ['tls']",
            "services[0].ports[0].handler: did you mean handlers?",
        ),
    ],
)
def test_a_key_that_flyctl_does_not_know_is_reported(toml: str, reported: str) -> None:
    toml = (
        toml.replace("[[services.", "[[services]]\n[[services.", 1)
        if "]]\n[[" not in toml
        else toml
    )

    assert reports(toml, "unknown-key", "strict-only-key") == [f"unknown-key: {reported}"]


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("[experimental]\nkill_timeout = 30", "experimental.kill_timeout"),
        ("[experimental]\nmetrics_port = 9091", "experimental.metrics_port"),
        ("[experimental]\nallowed_public_ports = []", "experimental.allowed_public_ports"),
        ("[[checks]]\nname = 'up'\ntype = 'tcp'", "checks[0].name"),
        ("[[http_service.checks]]\nrestart_limit = 0", "http_service.checks[0].restart_limit"),
    ],
)
def test_what_only_strict_validation_refuses_is_a_notice(toml: str, key: str) -> None:
    expected = [f"strict-only-key: strict validation does not know {key}"]
    assert reports(toml, "unknown-key", "strict-only-key") == expected


@pytest.mark.parametrize(
    "toml",
    [
        "[[services]]\nscript_checks = []\nchecks = []",
        "[[services]]\n[[services.tcp_checks]]\nrestart_limit = 0",
        "[metric]\nport = 1",
        "[compute]\nsize = 'a'",
    ],
)
def test_what_strict_validation_does_not_look_into_may_be_empty(toml: str) -> None:
    assert reports(toml, "unknown-key", "strict-only-key", "value-refused") == []


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        ("app = 5", "app = 5: write a text"),
        ("[[http_service]]\ninternal_port = 1", "http_service is a list: write a table"),
        ("[restart]\npolicy = 'always'", "restart is a table: write a list of tables"),
        (
            "[http_service.checks]\npath = '/'",
            "http_service.checks is a table: write a list of tables",
        ),
        ("services = 5", "services = 5: write a table or a list of tables"),
        (
            "[http_service]\ninternal_port = '1'",
            'http_service.internal_port = "1": write a whole number',
        ),
        (
            "[http_service]\ninternal_port = 1.5",
            "http_service.internal_port = 1.5: write a whole number",
        ),
        (
            "[http_service]\nforce_https = 'yes'",
            'http_service.force_https = "yes": write true or false',
        ),
        ("[http_service]\nconcurrency = '1,2'", 'http_service.concurrency = "1,2": write a table'),
        (
            "[http_service.http_options]\nidle_timeout = -1",
            "http_service.http_options.idle_timeout = -1: write a whole number, zero or more",
        ),
        (
            "[[services]]\nconcurrency = '20'",
            'services[0].concurrency = "20": write a table, or a text such as "20,25"',
        ),
        (
            "[[services]]\nports = [{port = 'x'}]",
            'services[0].ports[0].port = "x": write a port number',
        ),
        ("[deploy]\nstrategy = 5", "deploy.strategy = 5: write a text"),
        ("[deploy]\nmax_unavailable = '1'", 'deploy.max_unavailable = "1": write a number'),
        (
            "[deploy.release_command_vm]\nmemory = 512",
            "deploy.release_command_vm.memory = 512: write a text",
        ),
        ("[processes]\nweb = 1", "processes is a table: write a table of texts"),
        ("env = ['x']", "env is a list: write a table"),
        (
            "[experimental]\ncmd = [1]",
            "experimental.cmd is a list: write a text or a list of texts",
        ),
        (
            "[[http_service.checks]]\nheaders = {a = 1}",
            "http_service.checks[0].headers is a table: write a table of texts",
        ),
        ("[checks]\na = 1", "checks is a table: write a table of named tables"),
        ("[[checks]]\ntype = 'tcp'", "checks[0] has no name: write name, or [checks.NAME]"),
        ("[checks.a]\nport = 1", 'checks.a.type is none: write "http" or "tcp"'),
        ("[checks.a]\ntype = 'tcp'\ninterval = '1s'", 'checks.a.interval = "1s": write 2s or more'),
        ("[checks.a]\ntype = 'tcp'\ninterval = 1999", "checks.a.interval = 1999: write 2s or more"),
        ("[checks.a]\ntype = 'tcp'\ninterval = -1", "checks.a.interval = -1: write 2s or more"),
        (
            "[checks.a]\ntype = 'tcp'\ntimeout = '61s'",
            'checks.a.timeout = "61s": write 60s or less',
        ),
        (
            "[deploy]\nrelease_command = 'echo \"x'",
            "deploy.release_command cannot be split into words: close its quotes",
        ),
        (
            'console_command = "it\'s"',
            "console_command cannot be split into words: close its quotes",
        ),
        (
            '[processes]\nweb = "it\'s"',
            "processes.web cannot be split into words: close its quotes",
        ),
        ("[mounts]\ninitial_size = '500mb'", 'mounts.initial_size = "500mb": write 1GB or more'),
        ("[mounts]\ninitial_size = 1.5", "mounts.initial_size = 1.5: write 1GB or more"),
        ("[mount]\ninitial_size = 'big'", 'mount.initial_size = "big": write 1GB or more'),
        ("[mounts]\nsnapshot_retention = 0", "mounts.snapshot_retention = 0: write 1 to 60 days"),
        (
            "[mounts]\nauto_extend_size_threshold = 80",
            'mounts.auto_extend_size_increment = "": write 1GB to 100GB',
        ),
        (
            "[mounts]\nauto_extend_size_threshold = 40\nauto_extend_size_increment = '1GB'",
            "mounts.auto_extend_size_threshold = 40: write 50 to 99 percent",
        ),
        (
            "[[restart]]\npolicy = 'allways'",
            'restart[0].policy = "allways": write one of always, never, on-failure',
        ),
        (
            "[[restart]]\nretries = 3",
            'restart[0].policy = "": write one of always, never, on-failure',
        ),
        ("[build]\ncompression = 'lz4'", 'build.compression = "lz4": write gzip or zstd'),
        ("[build]\ncompression_level = 10", "build.compression_level = 10: write 0 to 9"),
        (
            "[[vm]]\npersist_rootfs = true",
            'vm[0].persist_rootfs = true: write "never", "restart" or "always"',
        ),
    ],
)
def test_a_value_that_flyctl_refuses_is_reported_with_what_it_takes(
    toml: str, reported: str
) -> None:
    assert reports(toml, "value-refused") == [f"value-refused: {reported}"]


@pytest.mark.parametrize("size", ["1gb", "1.5 GB", "10GiB", "10", "1000MB", "1t", "1000000000"])
def test_a_volume_has_a_gigabyte_or_more(size: str) -> None:
    assert reports(f"[mounts]\ninitial_size = '{size}'", "value-refused") == []


@pytest.mark.parametrize(
    ("toml", "reported"),
    [
        (
            "[processes]\nweb = 'a'\nworker = 'b'\n[http_service]\ninternal_port = 1",
            ['http_service names no processes, and [processes] has "web", "worker"'],
        ),
        (
            "[processes]\nweb = 'a'\n[[services]]\nprocesses = ['app']",
            ['services[0].processes names "app", which [processes] has not'],
        ),
        (
            "[[restart]]\npolicy = 'always'\nprocesses = ['web']",
            ['restart[0].processes names "web", which [processes] has not'],
        ),
        ("[http_service]\nprocesses = ['app']", []),
        ("processes = [{name = 'web'}]\n[http_service]\nprocesses = ['web']", []),
    ],
)
def test_services_and_restarts_are_of_processes_that_are_defined(
    toml: str, reported: list[str]
) -> None:
    assert reports(toml, "process-undefined") == [f"process-undefined: {one}" for one in reported]


@pytest.mark.parametrize(
    ("toml", "is_stray"),
    [
        ("[http_service]\n[[services.http_checks]]\npath = '/'", True),
        ("[http_service]\n[[services]]\ninternal_port = 1\n[[services.http_checks]]", False),
        ("[[services.http_checks]]\npath = '/'", False),
    ],
)
def test_checks_of_no_service_are_named_as_that_alone(toml: str, is_stray: bool) -> None:
    names = {line.partition(":")[0] for line in reports(toml)}

    assert ("stray-service-checks" in names) is is_stray
    assert not is_stray or names == {"stray-service-checks", "no-concurrency"}


def test_a_service_lists_what_it_lacks_to_be_reached() -> None:
    toml = "[http_service]\n[[services]]\nprotocol = 'tcp'\n[[services]]\ninternal_port = 1"

    assert reports(toml, "service-without-port") == [
        "service-without-port: services[0] has no internal_port and no ports",
        "service-without-port: services[1] has no ports",
    ]


def test_every_rule_of_flyctl_looks_at_the_whole_of_a_file() -> None:
    """A key deep in the file is found by a name that no table has."""
    document = tomllib.loads(EVERY_KEY)
    for name in ("http_service", "build", "deploy", "experimental"):
        document[name] = {**document[name], "unheard_of": 1}

    (rule,) = (rule for rule in FLY_RULES if rule.name == "unknown-key")
    found = [violation.key[0] for violation in rule.find(document)]
    assert found == ["experimental", "build", "deploy", "http_service"]
