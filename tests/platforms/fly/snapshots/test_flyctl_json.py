"""The evidence's files have the shapes that flyctl prints, and hold no secret."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.platforms.fly.client.models import FlyApp, FlyMachine, FlyRelease
from slo_action.platforms.fly.snapshots import flyctl_json
from slo_action.platforms.fly.snapshots.flyctl_json import releases_json
from slo_action.platforms.fly.snapshots.redaction import redacted
from tests.platforms.fly.machines import MACHINE, config, ended, event, machine, metadata, service

Json = dict[str, Any]

PRINTED = Path(__file__).parent / "flyctl"
"""What flyctl of August 2026 printed of the answers beside it, which a FlyWorld gave."""
APP: Json = {
    "id": "my-app",
    "name": "my-app",
    "status": "deployed",
    "deployed": True,
    "hostname": "my-app.fly.dev",
    "appUrl": "https://my-app.fly.dev",
    "platformVersion": "machines",
    "network": None,
    "organization": {
        "id": "o1",
        "internalNumericId": "5",
        "slug": "personal",
        "paidPlan": True,
    },
    "role": None,
}


def machines_json(raws: list[Json]) -> str:
    return flyctl_json.machines_json([FlyMachine.read(raw) for raw in raws])


def status_json(app: Json, raws: list[Json], newest: int | None) -> str:
    machines = [FlyMachine.read(raw) for raw in raws]
    return flyctl_json.status_json(FlyApp.read(app), machines, newest)


def events_json(raws: list[Json]) -> str:
    return flyctl_json.events_json([FlyMachine.read(raw) for raw in raws])


def shaped(raw: dict[str, Any]) -> Any:
    return json.loads(machines_json([raw]))[0]


@pytest.mark.parametrize("name", ["machines", "status", "releases"])
def test_what_is_written_is_what_flyctl_prints_but_redacted(name: str) -> None:
    answers = json.loads((PRINTED / "answers.json").read_text())
    machines = [FlyMachine.read(raw) for raw in answers["machines"]]
    releases = [FlyRelease.read(raw) for raw in answers["releases"]]
    app = FlyApp.read(answers["app"])
    written = {
        "machines": flyctl_json.machines_json(machines),
        "status": flyctl_json.status_json(app, machines, releases[0].version),
        "releases": releases_json(releases),
    }[name]
    printed = (PRINTED / f"{name}.json").read_text()
    hidden: Any = redacted(json.loads(printed))
    for release in hidden if name == "releases" else []:
        release["User"]["Email"] = ""
    differing = {
        line for line in written.splitlines() if line.rstrip(",") not in _lines(printed, ",")
    }

    assert json.loads(written) == hidden
    assert list(_keys(json.loads(written))) == list(_keys(json.loads(printed)))
    assert all("***" in line or '"Email": ""' in line for line in differing), differing


def _lines(text: str, end: str) -> set[str]:
    return {line.rstrip(end) for line in text.splitlines()}


def _keys(value: object) -> Iterator[str]:
    """Yield every key of some JSON, in its order."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _keys(one)
    for one in value if isinstance(value, list) else []:
        yield from _keys(one)


def test_machines_are_an_indented_array_with_a_line_end() -> None:
    text = machines_json([machine(), machine(id="b")])

    assert text.startswith('[\n    {\n        "id": "3287457df12589",\n')
    assert text.endswith("]\n")
    assert [one["id"] for one in json.loads(text)] == [MACHINE, "b"]


def test_the_machine_list_holds_helpers_and_strangers_too() -> None:
    helper = machine(config=config(metadata=metadata(fly_process_group="fly_app_console")))

    assert len(json.loads(machines_json([helper, machine(config=config(metadata={}))]))) == 2


def test_no_secret_of_a_configuration_is_in_any_file() -> None:
    raws = [machine(nonce="s3cret", incomplete_config=config())]

    for text in (machines_json(raws), status_json(APP, raws, 42), events_json(raws)):
        assert "s3cret" not in text
        assert "czNjcmV0" not in text
    assert '"DATABASE_URL": "***"' in machines_json(raws)


def test_the_nonce_of_a_lease_is_never_shown() -> None:
    assert shaped(machine(nonce="n0nce"))["nonce"] == "***"


def test_parts_that_flyctl_does_not_know_are_left_out() -> None:
    found = shaped(machine(lease={"nonce": "x"}, host_features=["a"]))

    assert "lease" not in found
    assert "host_features" not in found
    assert "id" not in found["events"][0]


def test_parts_that_go_always_prints_are_there() -> None:
    raw = {"id": "a", "config": {"services": [{"internal_port": 1}]}, "image_ref": None}

    assert shaped(raw) == {
        "id": "a",
        "image_ref": {},
        "config": {"services": [{"force_instance_key": None, "internal_port": 1}], "init": {}},
        "cordoned": False,
    }


def test_checks_for_older_versions_of_flyctl_are_left_out() -> None:
    raw = machine(checks=[{"name": "bg_deployments_compat_1"}, {"name": "alive"}])

    assert [check["name"] for check in shaped(raw)["checks"]] == ["alive"]


@pytest.mark.parametrize(
    ("told", "shown"), [("off", False), ("stop", True), ("suspend", "suspend"), (True, True)]
)
def test_autostop_is_a_yes_or_no_but_for_suspend(told: object, shown: object) -> None:
    found = shaped(machine(config=config(services=[service(autostop=told)])))

    assert found["config"]["services"][0]["autostop"] == shown


def test_durations_are_written_as_go_writes_them() -> None:
    checks = {"alive": {"interval": 90_000_000_000, "grace_period": "1h"}}
    found = shaped(machine(config=config(checks=checks, stop_config={"timeout": "300s"})))

    check = found["config"]["services"][0]["checks"][0]
    assert (check["interval"], check["timeout"]) == ("1m0s", "5s")
    assert found["config"]["checks"]["alive"] == {"interval": "1m30s", "grace_period": "1h0m0s"}
    assert found["config"]["stop_config"] == {"timeout": "5m0s"}


def test_status_is_an_object_with_gos_names_and_the_apps_own_machines() -> None:
    stranger = machine(id="stranger", config=config(metadata={}))

    found = json.loads(status_json(APP, [machine(), stranger], 43))

    assert list(found) == [
        "AppURL",
        "Deployed",
        "Hostname",
        "ID",
        "Machines",
        "Name",
        "Organization",
        "PlatformVersion",
        "Status",
        "Version",
    ]
    assert (found["ID"], found["Name"], found["Deployed"]) == ("my-app", "my-app", True)
    assert (found["Hostname"], found["AppURL"]) == ("my-app.fly.dev", "https://my-app.fly.dev")
    assert found["Organization"] == {
        "ID": "o1",
        "InternalNumericID": "5",
        "Name": "",
        "Slug": "personal",
        "RawSlug": "",
        "PaidPlan": True,
    }
    assert [one["id"] for one in found["Machines"]] == [MACHINE]


def test_status_lists_machines_by_id_the_last_first_without_helpers_and_gone_ones() -> None:
    raws = [
        machine(id="b"),
        machine(id="c", state="destroyed"),
        machine(id="a"),
        machine(id="d", config=config(metadata=metadata(fly_process_group="fly_app_console"))),
    ]

    assert [one["id"] for one in json.loads(status_json(APP, raws, 1))["Machines"]] == ["b", "a"]


def test_status_of_a_postgres_app_lists_machines_that_no_deploy_manages() -> None:
    own = machine(id="db", config=config(metadata={}))
    role = {"name": "postgres_cluster"}

    assert json.loads(status_json({**APP, "role": role}, [own], 1))["Machines"]
    assert json.loads(status_json(APP, [own], 1))["Machines"] == []


def test_a_statuss_version_is_the_newest_releases_whether_it_runs_or_not() -> None:
    assert json.loads(status_json(APP, [machine()], 43))["Version"] == 43
    assert json.loads(status_json(APP, [], None))["Version"] == 0


def test_a_network_is_shown_where_there_is_one() -> None:
    assert json.loads(status_json({**APP, "network": "n"}, [], 1))["Network"] == "n"


def test_releases_have_gos_names_and_hold_neither_definitions_nor_addresses() -> None:
    row = FlyRelease(
        version=42,
        status="complete",
        stable=True,
        image="registry.fly.io/my-app:t",
        definition={"env": {"A": "s3cret"}},
        user="Ada",
        created_at=datetime(2026, 10, 4, 12, 0, 0, 120_000, tzinfo=UTC),
        id="rel_42",
    )

    text = releases_json([row, FlyRelease(version=41)])

    first, second = json.loads(text)
    assert "s3cret" not in text
    assert first["ID"] == "rel_42"
    assert (first["Version"], first["Status"], first["Stable"]) == (42, "complete", True)
    assert first["CreatedAt"] == "2026-10-04T12:00:00.12Z"
    assert first["User"]["Name"] == "Ada"
    assert first["ImageRef"] == "registry.fly.io/my-app:t"
    assert second["CreatedAt"] == "0001-01-01T00:00:00Z"


def test_events_report_how_processes_ended_newest_first() -> None:
    raw = machine(events=[event("launch", 0, source="user"), ended(900, 137, 3, oom_killed=True)])

    found = json.loads(events_json([raw]))[0]

    assert (found["machine"], found["state"]) == (MACHINE, "started")
    assert found["events"][0] == {
        "at": "2026-09-21T14:13:20Z",
        "type": "exit",
        "status": "stopped",
        "source": "flyd",
        "exit_code": 137,
        "guest_exit_code": None,
        "oom_killed": True,
        "requested_stop": False,
        "restarting": False,
        "restart_count": 3,
    }
    assert found["events"][1]["type"] == "launch"


def test_a_text_that_is_none_in_unicode_can_still_be_written() -> None:
    text = machines_json([machine(name="\ud800ä<>&")])

    assert '"name": "?ä\\u003c\\u003e\\u0026"' in text
    text.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    raw=st.dictionaries(st.sampled_from(sorted(machine())), JSON),
    part=st.sampled_from(sorted(config())),
    value=JSON,
)
def test_whatever_a_machine_is_it_has_a_shape(
    raw: dict[str, Any], part: str, value: object
) -> None:
    for told in (raw, machine(config=config(**{part: value}))):
        json.loads(machines_json([told]))
        json.loads(status_json(raw, [told], 1))
        json.loads(events_json([told]))
