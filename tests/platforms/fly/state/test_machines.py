"""What the platform tells of its machines, read with every way it has to leave things out."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.model import Release
from slo_action.core.release.fleet import CheckStatus, Fleet, Machine, fleet_summary, hopeless
from slo_action.platforms.fly.client.models import FlyMachine, FlyRelease
from slo_action.platforms.fly.state import machines as state
from tests.platforms.fly.machines import (
    BEGAN,
    DIGEST,
    MACHINE,
    config,
    ended,
    event,
    machine,
    metadata,
    service,
)

Json = dict[str, Any]


def read_machine(raw: Json) -> Machine:
    return state.read_machine(FlyMachine.read(raw))


def is_app_machine(raw: Json) -> bool:
    return state.is_app_machine(FlyMachine.read(raw))


def read_fleet(app: str, raws: list[Json], releases: list[FlyRelease], at: datetime) -> Fleet:
    return state.read_fleet(app, [FlyMachine.read(raw) for raw in raws], releases, at)


NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
BEGINNING = datetime.fromtimestamp(BEGAN / 1000, UTC)


def test_a_machine_reads_as_the_api_reports_it() -> None:
    found = read_machine(machine())

    assert found.name == MACHINE
    assert found.headers == (("fly-force-instance-id", MACHINE),)
    assert (found.region, found.group, found.state) == ("ams", "app", "started")
    assert (found.instance, found.release, found.digest) == ("01JINSTANCE", "v42", DIGEST)
    assert found.image == "registry.fly.io/my-app:deployment-01J"
    assert found.is_asked
    assert found.is_autostarted
    assert [check.status for check in found.checks] == [CheckStatus.PASSING] * 2
    assert found.checks_expected == 2
    assert found.restart_limit == 5
    assert found.exits == ()


# --- which machines are the app's


@pytest.mark.parametrize(
    "other",
    [
        machine(config=config(metadata=metadata(fly_process_group="fly_app_release_command"))),
        machine(config=config(metadata=metadata(fly_process_group="fly_app_test_machine_command"))),
        machine(config=config(metadata=metadata(fly_process_group="fly_app_console"))),
        machine(
            config=config(
                metadata={"fly_platform_version": "v2", "process_group": "release_command"}
            )
        ),
        machine(config=config(metadata=metadata(fly_platform_version="v1"))),
        machine(config=config(metadata={})),
        machine(config=config(metadata=None)),
        machine(config=None),
        machine(state="destroyed"),
        machine(state="destroying"),
        {},
    ],
)
def test_helpers_strangers_and_destroyed_machines_are_none_of_the_fleet(
    other: dict[str, Any],
) -> None:
    assert not is_app_machine(other)
    assert read_fleet("my-app", [other], [], NOW).machines == ()


def test_a_fleet_is_its_machines_in_order_and_the_newest_release() -> None:
    raws = [machine(id="b"), machine(id="c", region="arn"), machine(id="a")]
    ledger = [
        FlyRelease(version=41, status="complete", digest="sha256:old"),
        FlyRelease(version=42, status="failed", digest=DIGEST),
    ]

    fleet = read_fleet("my-app", raws, ledger, NOW)

    assert [found.name for found in fleet.machines] == ["a", "b", "c"]
    assert fleet.release == Release(version="v42", digest=DIGEST)
    assert fleet.status == "failed"
    assert (fleet.app, fleet.taken_at) == ("my-app", NOW)


def test_before_the_first_deploy_there_is_no_release() -> None:
    fleet = read_fleet("my-app", [machine()], [], NOW)

    assert fleet.release is None
    assert fleet.status == ""


def test_a_machines_metadata_may_lag_behind_the_releases_and_the_image_decides() -> None:
    lagging = config(metadata=metadata(fly_release_version="31"))
    raws = [machine(id="new", config=lagging), machine(id="old", image_ref={"digest": "sha256:b"})]

    fleet = read_fleet("my-app", raws, [FlyRelease(version=42, digest=DIGEST)], NOW)

    assert fleet_summary(fleet).startswith("1/2")
    assert [fleet.runs(one) for one in fleet.machines] == [True, False]


# --- images


@pytest.mark.parametrize(
    ("image_ref", "image", "digest"),
    [
        ({"digest": "sha256:ref"}, "r/a:t@sha256:config", "sha256:ref"),
        (None, "r/a:t@sha256:config", "sha256:config"),
        ({}, "r/a@sha256:config", "sha256:config"),
        ({"tag": "t"}, "r/a:t", ""),
        (None, None, ""),
    ],
)
def test_the_digest_is_the_running_images_else_the_configurations_else_unknown(
    image_ref: object, image: object, digest: str
) -> None:
    assert read_machine(machine(image_ref=image_ref, config=config(image=image))).digest == digest


@pytest.mark.parametrize(
    ("told", "release"), [("42", "v42"), (42, "v42"), ("", ""), ("v42", ""), (None, ""), ("²", "")]
)
def test_a_release_is_named_by_its_number_and_by_nothing_else(told: object, release: str) -> None:
    found = read_machine(machine(config=config(metadata=metadata(fly_release_version=told))))

    assert found.release == release


# --- roles


def test_a_worker_without_services_is_listed_and_serves_no_user() -> None:
    found = read_machine(machine(config=config(services=[])))

    assert is_app_machine(machine(config=config(services=None)))
    assert not found.is_serving
    assert not found.is_asked


def test_a_standby_and_a_cordoned_machine_do_not_count() -> None:
    assert not read_machine(machine(config=config(standbys=["other"]))).counts
    assert not read_machine(machine(cordoned=True)).counts


@pytest.mark.parametrize("state", ["stopped", "suspended"])
def test_a_machine_at_rest_with_autostart_is_not_down(state: str) -> None:
    found = read_machine(machine(state=state))

    assert found.is_resting
    assert not found.is_asked


@pytest.mark.parametrize(
    ("services", "is_autostarted"),
    [
        ([service(autostart=True)], True),
        ([service(autostart=None)], True),
        ([{}], True),
        ([service(autostart=False)], False),
        ([service(autostart=False), service(autostart=True)], True),
        ([], False),
    ],
)
def test_a_service_is_autostarted_unless_it_says_otherwise(
    services: list[object], *, is_autostarted: bool
) -> None:
    assert read_machine(machine(config=config(services=services))).is_autostarted is is_autostarted


@pytest.mark.parametrize(
    ("told", "is_host_ok"), [("ok", True), ("unreachable", False), ("unknown", False)]
)
def test_a_host_is_well_only_if_the_platform_says_so(told: str, *, is_host_ok: bool) -> None:
    assert read_machine(machine(host_status=told)).is_host_ok is is_host_ok


def test_without_a_host_the_incomplete_configuration_says_what_it_is() -> None:
    raw = machine(host_status="unreachable", incomplete_config=config())
    del raw["config"]

    found = read_machine(raw)

    assert is_app_machine(raw)
    assert (found.group, found.release, found.is_host_ok) == ("app", "v42", False)


# --- checks


def test_checks_for_older_versions_of_flyctl_are_not_counted() -> None:
    compatibility = {"name": "bg_deployments_compat_http", "status": "critical"}
    raw = machine()
    raw["checks"].append(compatibility)

    found = read_machine(raw)

    assert len(found.checks) == found.checks_expected == 2
    assert not found.is_critical


@pytest.mark.parametrize("state", ["stopped", "suspended", "failed", "created"])
def test_the_checks_of_a_machine_at_rest_are_old(state: str) -> None:
    stale = [{"name": "alive", "status": "critical"}]

    assert read_machine(machine(state=state, checks=stale)).checks == ()


def test_no_checks_are_not_passing_checks() -> None:
    found = read_machine(machine(checks=None))

    assert found.checks == ()
    assert found.checks_expected == 2


def test_checks_of_all_services_and_those_beside_them_are_expected() -> None:
    two = service(checks=[{"type": "tcp"}, {"type": "http"}])

    found = read_machine(machine(config=config(services=[two, service()])))

    assert found.checks_expected == 4


def test_a_check_of_unknown_status_is_none() -> None:
    strange = [{"name": "alive", "status": "dancing"}, {"name": "alive", "status": "warning"}]

    assert [one.status for one in read_machine(machine(checks=strange)).checks] == [
        CheckStatus.WARNING
    ]


# --- how processes ended


def test_exits_are_reported_with_code_memory_and_time_oldest_first() -> None:
    raw = machine(
        state="stopped",
        events=[
            ended(5_000, 137, 1, oom_killed=True),
            event("start", 3_000),
            ended(2_000, 1, 0, restarting=True),
            event("launch", 0),
        ],
    )

    found = read_machine(raw)

    first, second = found.exits
    assert (first.exit_code, first.oom_killed, first.requested) == (1, False, False)
    assert (second.exit_code, second.oom_killed, second.requested) == (137, True, False)
    assert second.at == BEGINNING + timedelta(seconds=5)
    assert found.restarts == 1


@pytest.mark.parametrize("kind", ["launch", "update", "replace"])
def test_what_the_previous_configuration_did_is_not_held_against_this_one(kind: str) -> None:
    raw = machine(events=[event("start", 2_000), event(kind, 1_000), ended(500, 1, 9)])

    found = read_machine(raw)

    assert found.exits == ()
    assert found.restarts == 0


def test_the_process_that_an_update_stops_is_none_of_the_new_configurations() -> None:
    raw = machine(events=[event("start", 2_000), ended(1_500, 137), event("update", 1_000)])

    assert read_machine(raw).exits == ()
    assert read_machine(machine(events=raw["events"][1:])).exits == ()


def test_events_count_by_their_time_and_not_by_their_place() -> None:
    raw = machine(
        events=[event("update", 1_000), ended(500), ended(1_500, 3), event("start", 1_200)]
    )

    assert [one.exit_code for one in read_machine(raw).exits] == [3]


def test_a_requested_stop_is_no_crash() -> None:
    raw = machine(state="stopped", events=[ended(900, 143, requested_stop=True)])

    found = read_machine(raw)

    assert found.crashes == ()
    assert found.is_resting


@pytest.mark.parametrize(
    ("policy", "crashed"), [("on-failure", False), ("no", False), (None, False), ("always", True)]
)
def test_a_process_that_ends_well_by_itself_scales_down_unless_it_should_always_run(
    policy: str | None, *, crashed: bool
) -> None:
    raw = machine(events=[ended(900, 0)], config=config(restart={"policy": policy}))

    assert bool(read_machine(raw).crashes) is crashed


def test_a_newer_place_of_the_exit_event_is_read_too() -> None:
    request = {"MonitorEvent": {"exit_event": {"exit_code": 7}}, "restart_count": 2}

    found = read_machine(machine(events=[event("exit", 900, request=request)]))

    assert [one.exit_code for one in found.exits] == [7]
    assert found.restarts == 2


def test_an_exit_code_that_only_the_guest_reports_is_read() -> None:
    assert read_machine(machine(events=[ended(9, None, guest_exit_code=4)])).exits[0].exit_code == 4


def test_an_exit_without_a_code_is_an_exit() -> None:
    found = read_machine(machine(state="stopped", events=[ended(9, None)]))

    assert found.exits[0].exit_code is None
    assert found.is_down


@pytest.mark.parametrize(
    ("restart", "limit"),
    [
        ({"policy": "on-failure", "max_retries": 3}, 3),
        ({"policy": "on-failure"}, 10),
        (None, 10),
        ({}, 10),
        ({"policy": "always"}, None),
        ({"policy": "always", "max_retries": 4}, 4),
        ({"policy": "no", "max_retries": 4}, None),
    ],
)
def test_a_restart_limit_is_the_policys(restart: object, limit: int | None) -> None:
    assert read_machine(machine(config=config(restart=restart))).restart_limit == limit


def test_a_crash_loop_over_its_limit_is_hopeless() -> None:
    raw = machine(state="stopped", events=[ended(900, 1, 5), event("launch", 0)])
    ledger = [FlyRelease(version=42, status="running", digest=DIGEST)]

    found = hopeless(read_fleet("my-app", [raw], ledger, NOW))

    assert found is not None
    assert "exit code 1, 5 restarts" in found.words


def test_a_start_by_a_person_counts_restarts_anew() -> None:
    events = [
        event("start", 2_000),
        event("start", 1_500, source="user"),
        ended(1_000, 1, 5),
    ]

    found = read_machine(machine(events=events))

    assert found.restarts == 0
    assert not found.is_down


@pytest.mark.parametrize("timestamp", [None, 0, -1, "soon", 2**80, 10**18, 9 * 10**15])
def test_an_event_without_a_time_is_no_exit(timestamp: object) -> None:
    raw = machine(events=[ended(9) | {"timestamp": timestamp}])

    assert read_machine(raw).exits == ()


# --- whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
PARTS = [
    *((key,) for key in machine()),
    *(("config", key) for key in config()),
    ("config", "services", 0),
    ("config", "services", 0, "checks"),
    ("events", 0),
    ("events", 0, "timestamp"),
    ("events", 0, "request"),
    ("events", 0, "request", "exit_event"),
    ("events", 0, "request", "restart_count"),
    ("checks", 0),
    ("checks", 0, "name"),
    ("incomplete_config",),
]


def broken(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return a machine in which one part is something else."""
    raw = json.loads(json.dumps(machine(events=[ended(900), event("launch", 0)])))
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return raw  # type: ignore[no-any-return]


@given(path=st.sampled_from(PARTS), value=JSON)
def test_one_part_that_is_something_else_spoils_no_other(
    path: tuple[str | int, ...], value: object
) -> None:
    raw = broken(path, value)

    found = read_machine(raw)

    assert is_app_machine(raw) in {True, False}
    if path[0] != "id":
        assert found.name == MACHINE
    if path[0] != "image_ref":
        assert found.digest == DIGEST


@given(st.dictionaries(st.sampled_from(sorted(machine())), JSON))
def test_any_json_reads_as_some_machine(raw: dict[str, object]) -> None:
    read_machine(raw)
    read_fleet("my-app", [raw], [], NOW)
