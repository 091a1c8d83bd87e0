"""What the inputs say of Fly.io and of the modes, and every contradiction among them."""

from pathlib import Path

import pytest

from slo_action.config.inputs import PlatformName
from slo_action.config.request import read_request
from slo_action.core.model import Mode
from slo_action.errors import InputError, Mistake
from tests.config.test_request import GOOD, around, mistakes, request

TOKEN = "FlyV1 fm2_aaaa,fm2_bbbb"
DIGEST = "sha256:" + "a" * 64


def fields(found: tuple[Mistake, ...]) -> list[str]:
    return [mistake.field for mistake in found]


def test_a_token_alone_chooses_the_platform_and_the_service_names_the_app(tmp_path: Path) -> None:
    made = request(tmp_path, fly_api_token=TOKEN)

    assert made.platform is PlatformName.FLY
    assert made.fly is not None
    assert made.fly.app == "api"
    assert made.app == "api"


def test_each_part_of_the_token_is_a_secret_of_its_own(tmp_path: Path) -> None:
    told = {secret.reveal() for secret in request(tmp_path, fly_api_token=TOKEN).secrets}

    assert {TOKEN, "fm2_aaaa", "fm2_bbbb"} <= told


def test_an_app_of_another_name(tmp_path: Path) -> None:
    made = request(tmp_path, fly_api_token=TOKEN, app="shop-api")

    assert made.fly is not None
    assert made.fly.app == "shop-api"


def test_the_environments_token_is_taken_only_where_the_platform_is_named(tmp_path: Path) -> None:
    surroundings = around(tmp_path, fly_api_token=TOKEN)

    assert read_request(GOOD, surroundings).platform is PlatformName.NONE
    named = read_request({**GOOD, "platform": "fly"}, surroundings)
    assert named.fly is not None
    assert named.fly.token.reveal() == TOKEN


def test_a_command_wins_over_a_token_where_none_is_chosen(tmp_path: Path) -> None:
    made = request(tmp_path, fly_api_token=TOKEN, rollback_command="true")

    assert made.platform is PlatformName.COMMAND


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"platform": "fly"}, "fly-api-token"),
        ({"platform": "fly", "fly_api_token": TOKEN, "app": "Shop API"}, "app"),
        ({"fly_api_token": TOKEN, "service": "Shop API"}, "app"),
        ({"platform": "fly", "fly_api_token": TOKEN, "rollback_command": "x"}, "rollback-command"),
        ({"mode": "rollback"}, "platform"),
        ({"mode": "rollback", "fly_api_token": TOKEN, "rollback": "off"}, "rollback"),
        ({"to_version": "v41"}, "to-version"),
        ({"history": "somewhere"}, "history"),
        ({"history": "dir:/etc"}, "history"),
        ({"history": "dir:../up"}, "history"),
        ({"history": "dir:"}, "history"),
        ({"baseline": "1h"}, "baseline"),
        ({"mode": "rolback"}, "mode"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(
    given: dict[str, str], field: str, tmp_path: Path
) -> None:
    found = mistakes(tmp_path, **given)

    assert fields(found) == [field]
    assert found[0].accepted


def test_no_mistake_shows_the_token(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        request(tmp_path, fly_api_token=TOKEN, app="Shop API", baseline="x")

    assert "fm2_" not in str(caught.value)


def test_a_mode_and_its_inputs_reach_the_request(tmp_path: Path) -> None:
    made = request(
        tmp_path,
        mode="prepare",
        fly_api_token=TOKEN,
        baseline="45s",
        require_way_back="true",
        history="dir:.slo/history",
    )

    assert made.mode is Mode.PREPARE
    assert (made.baseline_seconds, made.require_way_back) == (45.0, True)
    assert made.history == ".slo/history"


def test_a_release_to_go_back_to_is_for_the_mode_that_goes(tmp_path: Path) -> None:
    made = request(tmp_path, mode="rollback", fly_api_token=TOKEN, to_version="v41")

    assert made.to_version == "v41"


@pytest.mark.parametrize("written", [DIGEST, f"registry.fly.io/api@{DIGEST}"])
def test_an_expected_digest_is_the_platforms_to_compare_and_not_the_services(
    written: str, tmp_path: Path
) -> None:
    made = request(tmp_path, fly_api_token=TOKEN, expected_version=written)

    assert made.expected_digest == DIGEST
    assert made.policy.rule.expected is None


def test_without_such_a_platform_a_digest_is_what_the_service_must_report(tmp_path: Path) -> None:
    made = request(tmp_path, expected_version=DIGEST)

    assert (made.expected_digest, made.policy.rule.expected) == ("", DIGEST)
