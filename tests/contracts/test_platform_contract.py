"""What every Platform promises: the tests' virtual one, none, the user's commands, and Fly.io."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from slo_action.config.inputs import PlatformName
from slo_action.config.request import RollbackCommands
from slo_action.core.model import Outcome, Release
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import PlatformError
from slo_action.platforms import PLATFORMS, PlatformContext
from slo_action.platforms.command import CommandPlatform
from slo_action.platforms.none import NoPlatform
from slo_action.ports import Platform
from tests.builders import always
from tests.platforms.fly.scene import Scene
from tests.worlds.fly import broken
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
            timeout_seconds=10.0,
            rollback=("cp", "previous", "live"),
            previous_version=("cat", "previous"),
        ),
        context=PlatformContext(
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            workspace=directory,
            clock=VirtualClock(),
            scrubber=Scrubber(),
        ),
    )
    return Subject(platform, previous.unlink, lambda: live.read_text(encoding="utf-8"))


def _fly(_directory: Path) -> Subject:
    scene = Scene().launched(2).deployed(broken("2.0"))
    names = {"1.0": "v1", "2.0": "v2"}

    def breaks() -> None:
        scene.world.down(100_000.0)

    def live() -> str:
        return " ".join({names[version] for version in scene.world.running().values()})

    return Subject(scene.platform(), breaks, live)


@pytest.fixture(params=[_virtual, _command, _fly], ids=["virtual", "command", "fly"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


def test_it_names_the_release_a_rollback_would_restore(subject: Subject) -> None:
    assert subject.platform.can_restore
    previous = subject.platform.previous_release()
    assert previous is not None
    assert previous.version == "v1"
    assert subject.live() == "v2"


def test_naming_it_twice_is_the_same_release(subject: Subject) -> None:
    assert subject.platform.previous_release() == subject.platform.previous_release()


def test_what_is_newest_is_reported_or_nothing_is(subject: Subject) -> None:
    current = subject.platform.current_release()

    assert current is None or current.version == "v2"


def test_a_restored_release_is_live_when_it_returns(subject: Subject) -> None:
    target = subject.platform.previous_release()
    steps = subject.platform.restore(target, "v2", lambda _: None)

    assert subject.live() == "v1"
    assert all(step.succeeded and step.name and step.detail for step in steps)
    assert all(step.duration_seconds >= 0 for step in steps)


def test_what_is_done_is_journalled_before_anything_changes(subject: Subject) -> None:
    target = subject.platform.previous_release()
    seen: list[str] = []

    subject.platform.restore(target, None, lambda step: seen.append(f"{step}: {subject.live()}"))

    assert seen
    assert seen[0].endswith(": v2")


def test_a_platform_that_cannot_answer_says_so(subject: Subject) -> None:
    subject.breaks()

    with pytest.raises(PlatformError) as caught:
        subject.platform.previous_release()

    assert caught.value.hint


def test_a_step_that_fails_is_reported_and_not_raised(subject: Subject) -> None:
    target = subject.platform.previous_release()
    subject.breaks()

    *_, last = subject.platform.restore(target, "v2", lambda _: None)

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
