"""Names stay, values go: at any depth, in any shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.platforms.fly.snapshots.redaction import redacted
from tests.platforms.fly.machines import config, machine

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"env": {"DATABASE_URL": SECRET}}, {"env": {"DATABASE_URL": "***"}}),
        (
            {"env": {"FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "ams"}},
            {"env": {"FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "ams"}},
        ),
        ({"env": [f"A={SECRET}"]}, {"env": ["***"]}),
        ({"env": {"A": {"B": SECRET}}}, {"env": {"A": "***"}}),
        ({"env": {"A": ""}}, {"env": {"A": ""}}),
        ({"env": None}, {"env": None}),
        ({"processes": [{"env": {"A": SECRET}}]}, {"processes": [{"env": {"A": "***"}}]}),
        (
            {"containers": [{"name": "c", "env": {"A": SECRET}, "cmd": ["x", SECRET]}]},
            {"containers": [{"name": "c", "env": {"A": "***"}, "cmd": ["***", "***"]}]},
        ),
        (
            {"files": [{"guest_path": "/key", "raw_value": SECRET, "secret_name": "KEY"}]},
            {"files": [{"guest_path": "/key", "raw_value": "***", "secret_name": "KEY"}]},
        ),
        (
            {"init": {"cmd": ["a", SECRET], "entrypoint": SECRET, "exec": None, "tty": False}},
            {"init": {"cmd": ["***", "***"], "entrypoint": "***", "exec": None, "tty": False}},
        ),
        ({"init": {"kernel_args": [SECRET]}}, {"init": {"kernel_args": ["***"]}}),
        (
            {"checks": [{"path": "/", "headers": [{"name": "Auth", "values": [SECRET, "b"]}]}]},
            {"checks": [{"path": "/", "headers": [{"name": "Auth", "values": ["***"]}]}]},
        ),
        (
            {"checks": {"a": {"headers": {"X": SECRET}}}},
            {"checks": {"a": {"headers": {"X": "***"}}}},
        ),
        ({"headers": [SECRET, {"name": [SECRET]}]}, {"headers": ["***", {"name": ["***"]}]}),
        (
            {"healthchecks": [{"exec": {"command": ["x", SECRET]}}]},
            {"healthchecks": [{"exec": "***"}]},
        ),
        (
            {"nonce": SECRET, "lease": {"nonce": SECRET}},
            {"nonce": "***", "lease": {"nonce": "***"}},
        ),
    ],
)
def test_a_value_is_hidden_and_its_name_is_shown(told: object, shown: object) -> None:
    assert redacted(told) == shown


def test_the_original_stays_whole_for_the_restore() -> None:
    raw = machine()

    redacted(raw)

    assert raw == machine()


def test_what_says_how_a_machine_runs_is_kept() -> None:
    shown: Any = redacted(machine())

    assert shown["image_ref"] == machine()["image_ref"]
    assert shown["config"]["guest"] == config()["guest"]
    assert shown["config"]["metadata"] == config()["metadata"]
    assert shown["config"]["services"][0]["ports"] == config()["services"][0]["ports"]
    assert list(shown["config"]["env"]) == list(config()["env"])


def test_what_nests_deeper_than_any_machine_is_hidden_as_a_whole() -> None:
    deep: object = SECRET
    for _ in range(500):
        deep = [deep]

    assert SECRET not in json.dumps(redacted(deep))


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.just(SECRET) | st.lists(st.just(SECRET), max_size=2) | st.just({"deep": [SECRET]})
SECRETIVE = st.dictionaries(
    st.sampled_from(["env", "cmd", "entrypoint", "exec", "raw_value", "secret", "nonce"]), VALUES
) | st.builds(
    lambda names, value: {"env": dict.fromkeys(names, value)}, st.lists(st.text(max_size=4)), VALUES
)
NESTED = st.recursive(
    SCALARS | SECRETIVE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config", "processes", "x", "headers"]), inner)
    ),
    max_leaves=6,
)


@given(NESTED)
def test_no_value_of_an_environment_survives_wherever_it_is(value: object) -> None:
    assert SECRET not in json.dumps(redacted(value))
