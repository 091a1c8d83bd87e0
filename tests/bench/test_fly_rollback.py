from itertools import pairwise

import httpx
import pytest

from bench import fly_rollback
from bench.fly_peers import (
    CONTESTANTS,
    IMMEDIATE,
    ONE_BY_ONE,
    OURS,
    POOLS,
    ROLLING,
    SMOKE_SECONDS,
    Roll,
)
from bench.fly_rollback import Row
from bench.fly_stage import DOWN_SECONDS, FORMER, LATENCY_SECONDS, SITUATIONS, Stage
from bench.fly_watch import Measured, Watch, measured

FAILING, PASSING, LATE = SITUATIONS


def staged(machines: int = 3, seed: int = 1) -> Stage:
    return Stage(seed=seed, machines=machines, situation=PASSING)


def updates(stage: Stage) -> list[float]:
    return [deed.at for deed in stage.world.deeds(action="update", since=stage.begun)]


def rolled(stage: Stage, roll: Roll) -> Measured:
    watch, before = Watch(stage.world), len(stage.world.requests)
    roll(stage)
    return measured(stage, watch, stage.world.requests[before:])


def never(run: Measured) -> float | None:
    return run.well


def test_the_stage_is_an_app_whose_machines_all_run_the_bad_image() -> None:
    stage = staged(machines=4)

    assert set(stage.world.running().values()) == {"1.1"}
    assert all(stage.world.well().values())
    assert not stage.world.leases()
    assert {config["image"] for config in stage.former.values()} == {FORMER.ref("shop")}


def test_in_the_other_situation_no_machine_gets_traffic() -> None:
    stage = Stage(seed=1, machines=2, situation=FAILING)

    assert not any(stage.world.well().values())
    assert stage.world.edge.serve("/").status == 503


def test_answers_and_starts_take_what_the_ranges_say() -> None:
    stage = staged(machines=1)
    (machine,) = stage.world.machines
    least, most = LATENCY_SECONDS

    latencies = [stage.world.latencies.of("get") for _ in range(200)]
    down = stage.bound - FORMER.pull_seconds - PASSING.grace_seconds + FORMER.boot_seconds

    assert least <= min(latencies) < max(latencies) <= most
    assert DOWN_SECONDS[0] <= down <= DOWN_SECONDS[1]
    assert stage.world.machine(machine.id).state == "started"


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_peer_restores_all_and_none_is_quicker_than_the_platform(name: str) -> None:
    run = fly_rollback.run(2, 3, PASSING, name)

    assert run.well is not None
    assert run.well > run.bound
    assert run.changed is not None
    assert run.served is not None
    assert run.changed < run.served <= run.well
    assert (run.asked["update"], run.refused) == (3, 0)


def test_the_same_seed_gives_the_same_twice() -> None:
    assert fly_rollback.run(3, 3, LATE, OURS) == fly_rollback.run(3, 3, LATE, OURS)


def test_one_after_the_other_waits_for_the_smoke_check_before_the_next() -> None:
    stage = staged()

    run = rolled(stage, ONE_BY_ONE)

    at = updates(stage)
    assert all(later - earlier > SMOKE_SECONDS for earlier, later in pairwise(at))
    assert run.rounds == 3
    assert run.asked["graphql"] == 0


@pytest.mark.parametrize(
    ("machines", "sizes"), [(1, [1]), (3, [1, 1, 1]), (10, [4, 4, 2]), (30, [8, 8, 8, 6])]
)
def test_pools_are_a_third_and_eight_at_most(machines: int, sizes: list[int]) -> None:
    names = [str(number) for number in range(machines)]

    assert [len(pool) for pool in POOLS.pools(names)] == sizes


def test_a_pool_is_updated_side_by_side() -> None:
    stage = staged(machines=7)

    run = rolled(stage, POOLS)

    assert (run.rounds, len(updates(stage))) == (3, 7)


def test_the_program_has_a_release_to_make_and_to_close() -> None:
    stage = staged(machines=1)

    alone, program = rolled(staged(machines=1), POOLS), rolled(stage, ROLLING)

    assert stage.world.releases[-1].status == "complete"
    assert stage.world.releases[-1].image.digest == FORMER.digest
    assert program.changed is not None
    assert alone.changed is not None
    assert program.changed > alone.changed


def test_immediate_says_that_it_is_done_before_it_is() -> None:
    stage = staged()

    run = rolled(stage, IMMEDIATE)

    assert run.well is not None
    assert run.ended < run.well


def test_a_lease_that_a_smoke_check_outlasts_is_refreshed_and_given_back() -> None:
    stage = staged(machines=1)

    run = rolled(stage, ONE_BY_ONE)

    assert run.asked["lease"] > 1
    assert not stage.world.leases()


def test_a_peer_that_is_rate_limited_asks_again() -> None:
    stage = staged(machines=1)
    stage.world.fails("update", 429, times=2)

    run = rolled(stage, ONE_BY_ONE)

    assert (run.asked["update"], run.refused) == (3, 2)
    assert run.well is not None


def test_a_peer_that_is_refused_ends_the_benchmark() -> None:
    stage = staged(machines=1)
    stage.world.fails("update", 400)

    with pytest.raises(httpx.HTTPStatusError):
        rolled(stage, ONE_BY_ONE)


def test_bad_is_the_time_in_which_users_get_errors_until_all_is_well() -> None:
    alone = fly_rollback.run(1, 1, PASSING, OURS)
    three = fly_rollback.run(1, 3, PASSING, OURS)

    assert alone.well is not None
    assert alone.bad_seconds == pytest.approx(alone.well, abs=0.2)
    assert three.served is not None
    assert three.well is not None
    assert three.served < three.bad_seconds < three.well


def test_well_is_taken_back_where_a_machine_falls_ill_again() -> None:
    stage = staged(machines=1)
    watch = Watch(stage.world)
    IMMEDIATE(stage)
    stage.world.passes(20.0)
    assert watch.well is not None

    stage.world.sickens(stage.world.machines[0].id)
    stage.world.passes(20.0)

    assert watch.well is None


def test_an_app_that_is_never_well_is_said_so() -> None:
    stage = staged(machines=1)
    run = measured(stage, Watch(stage.world), [])
    row = Row(situation=PASSING.name, machines=1, name=OURS, runs=(run,))

    assert run.well is None
    assert (row.worst, row.middle(never)) == (None, None)


def test_the_page_has_every_contestant_and_the_aim() -> None:
    page = fly_rollback.section(fly_rollback.tried(1, [3]), 1)

    assert all(page.count(f"| 3 | {name} |") == len(SITUATIONS) for name in CONTESTANTS)
    assert page.count("**met**") + page.count("**missed**") == len(SITUATIONS)
