"""The client and what reads its answers, against the stateful world."""

import json
from typing import Any

import pytest

from slo_action.core.model import HopelessReason, Release
from slo_action.core.release.fleet import fleet_summary, hopeless
from slo_action.core.text.secrets import Scrubber, Secret
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.access import FlyAddresses
from slo_action.platforms.fly.client.api import FlyApi
from slo_action.platforms.fly.client.errors import FlyConflictError, FlyRefusedError
from slo_action.platforms.fly.snapshots.flyctl_json import machines_json, status_json
from slo_action.platforms.fly.state.machines import read_fleet, read_machine
from slo_action.platforms.fly.state.rollback_target import choose_target, named
from tests.worlds.fly import (
    DEPLOY_TOKEN,
    FOREIGN_TOKEN,
    READ_TOKEN,
    FlyWorld,
    broken,
    crashing,
    image,
)
from tests.worlds.virtual_clock import VirtualClock

GOOD, BAD = image("1.0"), broken("1.1")


class Scene:
    """Three machines of v1 in the world, and a client of it."""

    def __init__(self, token: str = DEPLOY_TOKEN, **launch: Any) -> None:
        self.clock = VirtualClock()
        self.world = FlyWorld(self.clock)
        self.world.launch(GOOD, **{"machines": 3} | launch)
        self.api = FlyApi(
            FlyAddresses(),
            "shop",
            Secret(token),
            clock=self.clock,
            scrubber=Scrubber(),
            transport=self.world.transport(),
            patience_seconds=20,
        )

    @property
    def machine(self) -> str:
        return self.world.machines[0].id

    def fleet_summary(self) -> str:
        fleet = read_fleet("shop", self.api.machines(), self.api.releases(), self.clock.now())
        return fleet_summary(fleet)


def test_a_fleet_is_read_through_the_client() -> None:
    scene = Scene()

    fleet = read_fleet("shop", scene.api.machines(), scene.api.releases(), scene.clock.now())

    assert fleet.release == Release(version="v1", digest=GOOD.digest)
    assert fleet_summary(fleet) == "3/3 on v1"
    assert all(machine.is_asked and not machine.is_critical for machine in fleet.machines)
    assert all(len(machine.checks) == machine.checks_expected for machine in fleet.machines)


def test_a_deploy_under_way_shows_as_two_versions() -> None:
    scene = Scene()
    scene.world.deploy(image("1.1"))
    scene.world.passes(12)

    words = scene.fleet_summary()

    assert "on v2" in words
    assert "on v1" in words


def test_helpers_and_strangers_are_listed_and_are_none_of_the_fleet() -> None:
    scene = Scene()
    scene.world.create(managed=False)
    scene.world.deploy(image("1.1"))
    scene.world.passes(3)

    raws = scene.api.machines()

    assert len(raws) > len(read_fleet("shop", raws, [], scene.clock.now()).machines) == 3


def test_a_crash_loop_over_its_limit_is_hopeless() -> None:
    scene = Scene()
    scene.world.deploy(crashing("1.1"), strategy="immediate")
    scene.world.passes(120)

    raws, ledger = scene.api.machines(), scene.api.releases()
    found = hopeless(read_fleet("shop", raws, ledger, scene.clock.now()))

    assert found is not None
    assert found.why is HopelessReason.EXITED
    assert "10 restarts" in found.words


def test_a_lost_host_reports_an_incomplete_configuration() -> None:
    scene = Scene()
    scene.world.host_fails(scene.machine)

    found = read_machine(scene.api.machine(scene.machine))

    assert not found.is_host_ok
    assert (found.group, found.release, found.digest) == ("app", "v1", GOOD.digest)


def test_the_target_is_what_the_ledger_says_after_a_deploy_and_new_secrets() -> None:
    scene = Scene()
    scene.world.set_secrets()
    scene.world.passes(60)
    scene.world.deploy(BAD, strategy="immediate")
    scene.world.passes(60)

    ledger = scene.api.releases()
    target = choose_target(
        ledger, Release(version=ledger[0].name, digest=ledger[0].digest), past=[], before=None
    )

    assert ledger[0].version == 3
    assert (target.version, target.digest) == ("v1", GOOD.digest)
    assert named(ledger, GOOD.digest).version == "v2"


def test_where_only_documented_fields_are_reported_the_machines_lend_the_digest() -> None:
    scene = Scene()
    digests = {read_machine(raw).release: read_machine(raw).digest for raw in scene.api.machines()}
    scene.world.app_state.switches.refuses_undocumented = True
    scene.world.deploy(BAD, strategy="immediate")
    scene.world.passes(60)

    ledger = scene.api.releases()
    current = Release(version="v2", digest=BAD.digest)
    with pytest.raises(PlatformError, match="known by tags only"):
        choose_target(ledger, current, past=[], before=None)
    target = choose_target(ledger, current, past=[], before=None, digests=digests)

    assert target.digest == GOOD.digest


def test_under_its_own_lease_a_machine_gets_back_what_it_had() -> None:
    scene = Scene()
    former = scene.api.machine(scene.machine).whole_config.raw
    scene.world.machine_update(scene.machine, BAD)
    scene.world.passes(20)
    seen = read_machine(scene.api.machine(scene.machine))

    nonce = scene.api.lease(scene.machine, ttl_seconds=60, description="rollback")
    scene.api.lease(scene.machine, ttl_seconds=60, description="rollback", nonce=nonce)
    scene.api.update(
        scene.machine,
        config=former,
        current_version=seen.instance,
        skip_launch=False,
        nonce=nonce,
    )
    scene.world.passes(20)
    scene.api.release_lease(scene.machine, nonce)

    found = read_machine(scene.api.machine(scene.machine))
    assert found.digest == GOOD.digest
    assert found.instance != seen.instance
    assert found.exits == ()
    assert not scene.world.leases()


def test_anothers_lease_and_a_stale_version_are_conflicts() -> None:
    scene = Scene()
    config = scene.api.machine(scene.machine).whole_config.raw
    nonce = scene.api.lease(scene.machine, ttl_seconds=60, description="one")

    with pytest.raises(FlyConflictError, match="lease"):
        scene.api.start(scene.machine, Secret("not-the-nonce"))
    with pytest.raises(FlyConflictError, match="current machine version"):
        scene.api.update(
            scene.machine,
            config=config,
            current_version="01OLD",
            skip_launch=False,
            nonce=nonce,
        )


def test_a_lost_update_may_have_been_made_and_is_not_sent_twice() -> None:
    scene = Scene()
    before = scene.api.machine(scene.machine)
    nonce = scene.api.lease(scene.machine, ttl_seconds=60, description="one")
    scene.world.fails("update", 502, after=True)

    with pytest.raises(FlyRefusedError) as caught:
        scene.api.update(
            scene.machine,
            config=before.whole_config.raw,
            current_version=before.instance_id,
            skip_launch=False,
            nonce=nonce,
        )

    assert caught.value.status == 502
    assert len(scene.world.deeds(action="update")) == 1
    assert scene.api.machine(scene.machine).instance_id != before.instance_id


def test_an_outage_shorter_than_the_patience_is_not_noticed() -> None:
    scene = Scene()
    scene.world.down(6)

    assert scene.fleet_summary() == "3/3 on v1"


def test_the_clients_own_limits_are_the_platforms() -> None:
    scene = Scene()

    for _ in range(40):
        scene.api.machine(scene.machine)
    for _ in range(6):
        scene.api.machines()
        scene.api.start(scene.machine)

    assert scene.world.app_state.limits.refused == 0


def test_machines_and_status_are_written_without_secrets() -> None:
    scene = Scene(changes={"env": {"DATABASE_URL": "pg://s3cret", "PORT": "8080"}})
    scene.api.lease(scene.machine, ttl_seconds=60, description="one")
    raws, app = scene.api.machines(), scene.api.app()

    for text in (machines_json(raws), status_json(app, raws, 1)):
        assert "s3cret" not in text
        assert '"DATABASE_URL": "***"' in text
    assert json.loads(status_json(app, raws, 1))["Organization"]["Slug"] == "personal"


@pytest.mark.parametrize(
    ("token", "words"),
    [(FOREIGN_TOKEN, "is unknown to this token"), ("fm2_nobody", "expired or malformed")],
)
def test_a_token_that_may_not_read_is_reported(token: str, words: str) -> None:
    scene = Scene(token)

    with pytest.raises(FlyRefusedError, match=words):
        scene.api.machines()
    with pytest.raises(FlyRefusedError, match=words):
        scene.api.releases()
    assert scene.api.has_image("shop", GOOD.digest) is None


def test_a_token_that_may_read_and_not_change_is_reported() -> None:
    scene = Scene(READ_TOKEN)

    assert scene.fleet_summary() == "3/3 on v1"
    with pytest.raises(FlyRefusedError, match="may read but not change machines"):
        scene.api.start(scene.machine)
    assert scene.api.record_release(image="i", definition={}, strategy="rolling") is None


def test_the_registry_reports_what_was_pruned() -> None:
    scene = Scene()

    assert scene.api.has_image("registry.fly.io/shop", GOOD.digest) is True
    scene.world.prune(GOOD)
    assert scene.api.has_image("shop", GOOD.digest) is False


def test_a_release_record_of_a_rollback_makes_the_ledger_say_so() -> None:
    scene = Scene()
    scene.world.deploy(BAD, strategy="immediate")
    scene.world.passes(60)
    first = scene.api.releases()[-1]
    assert first.definition is not None

    release = scene.api.record_release(
        image=GOOD.pinned("shop"), definition=first.definition, strategy="rolling"
    )
    assert release
    assert scene.api.finish_release(release, "complete")

    ledger = scene.api.releases()
    assert (ledger[0].name, ledger[0].digest, ledger[0].status) == ("v3", GOOD.digest, "complete")
    with pytest.raises(PlatformError, match="a rollback is never rolled back"):
        choose_target(ledger, Release(version="v3", digest=GOOD.digest), past=[], before=None)
