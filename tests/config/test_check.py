"""What `check` is asked to look at, and why it cannot."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo_action.config.check import CheckRequest, read_check_request
from slo_action.config.inputs import asked_mode
from slo_action.config.request import Surroundings, read_request
from slo_action.core.model import Mode, RunIdentity
from slo_action.errors import InputError, Mistake

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FLY_TOML = "app = 'shop'\n"


def around(workspace: Path) -> Surroundings:
    return Surroundings(run=RunIdentity(run_id="12345"), workspace=workspace, now=NOW)


def asked(workspace: Path, **given: str) -> CheckRequest:
    inputs = {name.replace("_", "-"): value for name, value in given.items()}
    return read_check_request({"mode": "check", **inputs}, around(workspace))


def refused(workspace: Path, **given: str) -> tuple[Mistake, ...]:
    with pytest.raises(InputError) as caught:
        asked(workspace, **given)
    return caught.value.mistakes


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    (place / "apps" / "shop").mkdir(parents=True)
    (place / "fly.toml").write_text(FLY_TOML, encoding="utf-8")
    (place / "apps" / "shop" / "fly.toml").write_text("app = 'inner'\n", encoding="utf-8")
    (tmp_path / "secret.toml").write_text("a = 1\n", encoding="utf-8")
    return place


def test_neither_service_nor_address_is_needed(workspace: Path) -> None:
    assert asked(workspace).fly_toml.content == {"app": "shop"}


def test_what_other_modes_need_is_no_mistake(workspace: Path) -> None:
    request = asked(workspace, service="shop", url="https://shop.example", platform="fly")

    assert request.fly_toml.path == "fly.toml"


@pytest.mark.parametrize(
    "named", ["apps/shop/fly.toml", "./apps/shop/fly.toml", "apps/../apps/shop/fly.toml"]
)
def test_a_file_is_named_as_it_lies_in_the_workspace(workspace: Path, named: str) -> None:
    request = asked(workspace, fly_config=named)

    assert request.fly_toml.path == "apps/shop/fly.toml"
    assert request.fly_toml.content == {"app": "inner"}


def test_a_file_may_be_named_by_its_whole_path(workspace: Path) -> None:
    named = str(workspace / "apps" / "shop" / "fly.toml")

    assert asked(workspace, fly_config=named).fly_toml.path == "apps/shop/fly.toml"


def test_a_link_within_the_workspace_leads_to_the_file_it_means(workspace: Path) -> None:
    (workspace / "link.toml").symlink_to("apps/shop/fly.toml")

    assert asked(workspace, fly_config="link.toml").fly_toml.path == "apps/shop/fly.toml"


def test_without_a_file_it_names_what_it_looked_for(workspace: Path) -> None:
    (workspace / "fly.toml").unlink()
    (mistake,) = refused(workspace)

    assert (mistake.field, mistake.problem, mistake.value) == (
        "fly-config",
        "no such file",
        "fly.toml",
    )
    assert "fly.json and fly.yaml are not read" in mistake.accepted


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("none.toml", "no such file"),
        ("apps", "no such file"),
        ("../secret.toml", "leads out of the workspace"),
        ("link.toml", "leads out of the workspace"),
        ("/etc/passwd", "leads out of the workspace"),
        ("round.toml", "cannot be followed"),
        ("x" * 5000, "cannot be followed"),
    ],
)
def test_what_is_no_file_of_the_workspace_is_refused(
    workspace: Path, named: str, problem: str
) -> None:
    (workspace / "link.toml").symlink_to("../secret.toml")
    (workspace / "round.toml").symlink_to("round.toml")
    (mistake,) = refused(workspace, fly_config=named)

    assert (mistake.problem, mistake.value) == (problem, named)


def test_every_mistake_is_told_at_once(workspace: Path) -> None:
    (workspace / "fly.toml").write_text("app = 'shop'\n[vm\n", encoding="utf-8")
    mistakes = refused(workspace, grace="30", colour="red")

    assert [mistake.field for mistake in mistakes] == ["colour", "grace", "fly-config"]
    assert (mistakes[-1].path, mistakes[-1].line) == ("fly.toml", 2)


def test_mistaken_inputs_stop_it_though_the_file_is_well(workspace: Path) -> None:
    assert [mistake.field for mistake in refused(workspace, grace="30")] == ["grace"]


def test_a_mode_that_is_none_is_left_to_the_default_one_to_refuse() -> None:
    assert asked_mode({"mode": "cheque"}) is Mode.VERIFY
    assert asked_mode({"mode": " check "}) is Mode.CHECK


def test_the_file_is_of_no_use_to_other_modes(workspace: Path) -> None:
    given = {"service": "shop", "url": "https://shop.example", "fly-config": "fly.toml"}
    with pytest.raises(InputError) as caught:
        read_request({**given, "check-run": "false"}, around(workspace))

    (mistake,) = caught.value.mistakes
    assert (mistake.field, mistake.problem) == ("fly-config", "is for `mode: check`")
