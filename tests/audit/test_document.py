"""The models read what the published schema accepts, and refuse what it refuses."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from slo_action.audit.document import SCHEMA_PATH
from slo_action.audit.read import read_record
from slo_action.audit.write import audit_document
from slo_action.core.model import Outcome, Probe, VersionRule, Witness
from slo_action.core.policy.policy import Policy
from slo_action.core.release.fleet import Machine
from slo_action.errors import RecordError
from slo_action.modes.verify import verify
from tests.builders import World, always, record
from tests.sizes import sized
from tests.worlds.memory_ports import VirtualRun

SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "1", "?", [], [None], {}, {"surprise": 1})
Place = tuple[str | int, ...]


def of_a_run(world: World, *, sick: bool = False) -> dict[str, Any]:
    stage = VirtualRun({"v1": always(Outcome.OK), "v2": world}, live="v2")
    stage.deploy.fleet = tuple(Machine(name=f"m{n}", release="v2") for n in (1, 2, 3))
    stage.endpoints = (Probe(witness=Witness.API, url="https://dashboard.example/api/orders"),)
    if sick:
        stage.deploy.sick["m2"] = Outcome.HTTP_5XX
        stage.deploy.at(92.0, stage.deploy.sick.clear)
    policy = Policy(rule=VersionRule(expected="v2"))
    return audit_document(verify(stage.request(policy), stage.ports))


@cache
def small() -> dict[str, Any]:
    """A record without a window, of one observation."""
    document = audit_document(replace(record(), window=None))
    del document["watch"]["observations"][1:]
    return document


def places(value: object, path: Place = ()) -> Iterator[Place]:
    """Return where anything stands in a document."""
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*path, number))


def changed(document: dict[str, Any], path: Place, value: object) -> Any:
    """Return a copy that holds another value at a place."""
    if not path:
        return value
    copy = deepcopy(document)
    *parents, last = path
    inner: Any = copy
    for step in parents:
        inner = inner[step]
    inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("world", "sick"),
    [
        (always(Outcome.OK), False),
        (always(Outcome.OK), True),
        (lambda now: Outcome.HTTP_5XX if now > 60 and now % 3 < 1 else Outcome.OK, False),
    ],
    ids=["passed", "a machine restarted", "rolled back"],
)
def test_a_written_record_keeps_the_published_schema(world: World, sick: bool) -> None:
    document = of_a_run(world, sick=sick)

    assert document["watch"]["observations"]
    assert (document["remedy"] is not None) is sick
    assert (document["window"] is not None) is not sick
    assert list(VALIDATOR.iter_errors(document)) == []


def test_what_the_schema_refuses_is_not_read(tmp_path: Path) -> None:
    every = [(place, value) for place in places(small()) for value in WRONG]
    every.remove((("schema_version",), True))  # which is 1, in Python
    path = tmp_path / "audit.json"
    refused = 0

    for place, value in random.Random(1).sample(every, sized(60, len(every))):
        document = changed(small(), place, value)
        if VALIDATOR.is_valid(document):
            continue
        refused += 1
        path.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(RecordError):
            read_record(path)

    assert refused > sized(30, len(every) // 2)


def test_a_wrong_record_says_where_and_what_is_wrong(tmp_path: Path) -> None:
    document = changed(small(), ("watch", "observations", 0, "samples"), [])
    document["surprise"] = 1
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(RecordError) as found:
        read_record(path)

    assert "watch.observations.0.samples: " in found.value.message
    assert "surprise: " in found.value.message
