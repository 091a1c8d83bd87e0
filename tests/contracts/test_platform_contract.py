"""What every Platform promises: the tests' virtual one, none, and the user's commands."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from slo_action.config.inputs import PlatformName
from slo_action.config.request import RollbackCommands
from slo_action.core.model import Outcome, Release
from slo_action.errors import PlatformError
from slo_action.platforms import PLATFORMS
from slo_action.platforms.command import CommandPlatform
from slo_action.platforms.none import NoPlatform
from slo_action.ports import Platform
from tests.builders import always
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_deploy import VirtualDeploy


@dataclass(frozen=True)
class Subject:
    """A platform on which v2 is live and v1 was before; `breaks` makes it fail from then on."""

    platform: Platform
    breaks: Callable[[], None]
    live: Callable[[], str]


def _virtual(_directory: Path) -> Subject:
    releases = {"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}
    deploy = VirtualDeploy(VirtualClock(), releases, live="v2")

    def breaks() -> None:
        deploy.tells_previous = deploy.restore_works = False

    return Subject(deploy, breaks, lambda: deploy.live)


def _command(directory: Path) -> Subject:
    live, previous = directory / "live", directory / "previous"
    live.write_text("v2", encoding="utf-8")
    previous.write_text("v1", encoding="utf-8")
    platform = CommandPlatform(
        service="api",
        commands=RollbackCommands(
            rollback=("cp", "previous", "live"), previous_version=("cat", "previous")
        ),
        environment={"PATH": os.environ.get("PATH", os.defpath)},
        workspace=directory,
        clock=VirtualClock(),
    )
    return Subject(platform, previous.unlink, lambda: live.read_text(encoding="utf-8"))


@pytest.fixture(params=[_virtual, _command], ids=["virtual", "command"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


def test_it_names_the_release_a_rollback_would_restore(subject: Subject) -> None:
    assert subject.platform.can_restore
    assert subject.platform.previous_release() == Release(version="v1")
    assert subject.live() == "v2"


def test_naming_it_twice_is_the_same_release(subject: Subject) -> None:
    assert subject.platform.previous_release() == subject.platform.previous_release()


def test_a_restored_release_is_live_when_it_returns(subject: Subject) -> None:
    steps = subject.platform.restore(Release(version="v1"), "v2", lambda _: None)

    assert subject.live() == "v1"
    assert all(step.succeeded and step.name and step.detail for step in steps)
    assert all(step.duration_seconds >= 0 for step in steps)


def test_every_step_is_journalled_before_it_changes_anything(subject: Subject) -> None:
    seen: list[str] = []

    steps = subject.platform.restore(
        Release(version="v1"), None, lambda step: seen.append(f"{step}: {subject.live()}")
    )

    assert len(seen) == len(steps)
    assert all(entry.endswith(": v2") for entry in seen)


def test_a_platform_that_cannot_tell_says_so(subject: Subject) -> None:
    subject.breaks()

    with pytest.raises(PlatformError) as caught:
        subject.platform.previous_release()

    assert caught.value.hint


def test_a_step_that_fails_is_told_and_not_raised(subject: Subject) -> None:
    subject.breaks()

    *_, last = subject.platform.restore(Release(version="v1"), "v2", lambda _: None)

    assert not last.succeeded
    assert last.detail
    assert subject.live() == "v2"


def test_no_platform_knows_nothing_and_does_nothing() -> None:
    platform: Platform = NoPlatform()

    assert not platform.can_restore
    assert platform.previous_release() is None
    assert platform.restore(Release(version="v1"), "v2", pytest.fail) == ()


def test_every_platform_but_auto_has_its_line_in_the_table() -> None:
    assert set(PLATFORMS) == set(PlatformName) - {PlatformName.AUTO}
