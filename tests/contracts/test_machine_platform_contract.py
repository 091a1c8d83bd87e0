"""What every MachinePlatform promises: the tests' virtual one, and Fly.io."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from slo_action.core.model import Outcome, Release
from slo_action.core.release.baseline import Proof, ProofState
from slo_action.core.release.fleet import Machine
from slo_action.errors import PlatformError
from slo_action.ports import MachinePlatform, Platform
from tests.builders import always
from tests.platforms.fly.scene import Scene
from tests.worlds.fly import broken
from tests.worlds.virtual_clock import VirtualClock
from tests.worlds.virtual_deploy import VirtualDeploy


@dataclass(frozen=True)
class Subject:
    """A platform on which v2 is live on two machines and v1 was before; `breaks` ends its API."""

    machines: MachinePlatform
    platform: Platform
    breaks: Callable[[], None]
    changes: Callable[[], int]


def _virtual() -> Subject:
    releases = {"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}
    deploy = VirtualDeploy(VirtualClock(), releases, live="v2")
    deploy.fleet = tuple(
        Machine(name=name, release="v2", headers=(("to", name),)) for name in ("m1", "m2")
    )
    deploy.proofs = (Proof(name="image", state=ProofState.PROVEN, words="there"),)

    def breaks() -> None:
        deploy.tells_previous, deploy.restart_works = False, False
        deploy.plan_problem = "the platform is away"

    return Subject(deploy, deploy, breaks, lambda: len(deploy.restarted) + len(deploy.history) - 2)


def _fly() -> Subject:
    scene = Scene().launched(2).deployed(broken("2.0"))
    platform = scene.platform()
    return Subject(
        platform,
        platform,
        lambda: scene.world.down(100_000.0),
        lambda: len([deed for deed in scene.ours() if deed.action != "lease"]),
    )


@pytest.fixture(params=[_virtual, _fly], ids=["virtual", "fly"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.param()
    return made


def test_a_look_names_each_machine_once_with_headers_that_reach_it(subject: Subject) -> None:
    fleet = subject.machines.look()

    assert len({machine.name for machine in fleet.machines}) == 2
    assert all(machine.headers for machine in fleet.machines)
    assert fleet.release is not None
    assert fleet.release.version == "v2"
    assert all(fleet.runs(machine) for machine in fleet.machines)


def test_looking_changes_nothing(subject: Subject) -> None:
    subject.machines.look()
    subject.machines.certify()

    assert subject.changes() == 0


def test_a_look_leaves_files_with_safe_names(subject: Subject) -> None:
    subject.machines.look()

    for snapshot in subject.machines.snapshots():
        assert not snapshot.name.startswith(("/", "."))
        assert snapshot.text.endswith("\n")


def test_a_plan_names_every_machine_its_target_and_changes_nothing(subject: Subject) -> None:
    target = subject.platform.previous_release()
    assert target is not None
    plan = subject.machines.plan(target)

    assert plan.target.version == "v1"
    assert {step.machine for step in plan.steps} == {
        machine.name for machine in subject.machines.look().machines
    }
    assert plan.mutating
    assert subject.changes() == 0


def test_a_certificate_names_what_runs_and_says_what_it_proved(subject: Subject) -> None:
    certificate = subject.machines.certify()

    assert certificate.release is not None
    assert certificate.proofs
    assert all(proof.words for proof in certificate.proofs)


def test_a_restart_is_journalled_before_it_changes_anything(subject: Subject) -> None:
    name = subject.machines.look().machines[0].name
    seen: list[int] = []

    step = subject.machines.restart(name, lambda _: seen.append(subject.changes()))

    assert seen[0] == 0
    assert step.detail
    assert subject.changes() >= 1


def test_a_platform_that_is_away_says_so_with_a_next_step(subject: Subject) -> None:
    target = subject.platform.previous_release() or Release(version="v1")
    subject.breaks()

    for ask in (subject.machines.look, lambda: subject.machines.plan(target)):
        with pytest.raises(PlatformError) as caught:
            ask()
        assert caught.value.hint


def test_a_restart_that_fails_is_reported_and_not_raised(subject: Subject) -> None:
    name = subject.machines.look().machines[0].name
    subject.breaks()

    assert not subject.machines.restart(name, lambda _: None).succeeded
