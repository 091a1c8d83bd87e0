"""Several services at once: each ends as it would alone, and all are told together."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo_action.core.model import Ending, Outcome, Verdict
from slo_action.core.record.multi_service import ServiceEnding, combined_exit_code
from slo_action.errors import GitHubError, PlatformError
from slo_action.modes.multi_service.worker_ports import LogLine
from slo_action.modes.verify import verify
from tests.builders import always
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.virtual_services import Releases, VirtualServices, virtual_services

WELL: Releases = ({"v1": always(Outcome.OK), "v2": always(Outcome.OK)}, "v2")
BAD: Releases = ({"v1": always(Outcome.OK), "v2": always(Outcome.HTTP_5XX)}, "v2")
HOPELESS: Releases = ({"v1": always(Outcome.HTTP_5XX), "v2": always(Outcome.HTTP_5XX)}, "v2")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> VirtualServices:
    """A healthy service and a bad one, verified; to be read only."""
    many = virtual_services(tmp_path_factory.mktemp("mixed"), shop=WELL, cart=BAD)
    many.verify()
    return many


def endings(ends: tuple[ServiceEnding, ...]) -> dict[str, Ending]:
    return {end.service: end.ending for end in ends}


def told(many: VirtualServices) -> dict[str, Any]:
    found = json.loads(many.outputs.values["services"])
    assert isinstance(found, dict)
    return found


def file_of(many: VirtualServices, service: str, name: str) -> str:
    return (many.works[service].evidence.directory / name).read_text(encoding="utf-8")


def restored_at(many: VirtualServices, service: str) -> float:
    """Return the virtual second at which a service's rollback was begun."""
    return next(
        second
        for second, name, message in many.processes.heard
        if name == service and isinstance(message, LogLine) and "journal: restore" in message.text
    )


def test_services_that_are_all_healthy_are_one_healthy_step(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL, search=WELL)

    ends = many.verify()

    assert set(endings(ends).values()) == {Ending.VERIFIED}
    assert combined_exit_code(ends) == 0
    assert many.outputs.values["verdict"] == "healthy"
    assert many.outputs.values["reason"] == "all 3 services are healthy"
    assert many.outputs.values["live-version"] == "v2"
    assert "all 3 services are verified healthy" in many.outputs.summary


def test_a_bad_one_is_rolled_back_as_early_as_if_it_were_alone_while_others_still_watch(
    tmp_path: Path,
) -> None:
    alone, many = (
        virtual_services(tmp_path, cart=BAD),
        virtual_services(tmp_path, shop=WELL, cart=BAD, search=WELL),
    )
    alone.verify()

    ends = many.verify()

    assert endings(ends)["cart"] is Ending.ROLLED_BACK_VERIFIED
    assert restored_at(many, "cart") == restored_at(alone, "cart")
    others = [second for second, name, _ in many.processes.heard if name != "cart"]
    assert restored_at(many, "cart") < max(others) - 60
    assert many.stages["cart"].deploy.live == "v1"
    assert many.stages["shop"].deploy.live == many.stages["search"].deploy.live == "v2"


def test_each_ends_when_it_would_alone(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=BAD)
    lone = VirtualRun(*BAD)
    record = verify(lone.request(), lone.ports)

    many.verify()

    assert many.works["cart"].record.finished_at == record.finished_at


@pytest.mark.parametrize(
    ("services", "code", "verdict", "ending"),
    [
        ({"shop": WELL, "cart": BAD}, 10, "unhealthy", "rolled-back-verified"),
        ({"cart": BAD, "old": HOPELESS}, 12, "unhealthy", "rolled-back-unhealthy"),
        ({"shop": WELL}, 0, "healthy", "verified"),
    ],
)
def test_the_worst_service_makes_the_step(
    tmp_path: Path, services: dict[str, Releases], code: int, verdict: str, ending: str
) -> None:
    many = virtual_services(tmp_path, **services)

    ends = many.verify()

    assert combined_exit_code(ends) == code
    assert many.outputs.values["verdict"] == verdict
    assert many.outputs.values["ending"] == ending


def test_the_reason_names_the_worst_and_counts_the_others(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=BAD, search=WELL)

    many.verify()

    reason = many.outputs.values["reason"]
    assert reason.startswith("cart: ")
    assert " health checks failed within " in reason
    assert reason.endswith("2 others healthy")
    assert many.outputs.values["rollback-triggered"] == "true"


def test_each_services_values_are_in_one_output(mixed: VirtualServices) -> None:
    services = told(mixed)
    assert list(services) == ["shop", "cart"]
    assert services["shop"]["verdict"] == "healthy"
    assert services["shop"]["rollback-triggered"] is False
    assert services["cart"]["ending"] == "rolled-back-verified"
    assert services["cart"]["rolled-back-to"] == "v1"
    assert services["cart"]["rollback-triggered"] is True
    assert services["cart"]["exit-code"] == 10
    assert services["cart"]["audit-path"].endswith("/audit.json")


def test_what_differs_between_services_is_no_common_output(mixed: VirtualServices) -> None:
    assert mixed.outputs.values["live-version"] == ""
    assert mixed.outputs.values["rolled-back-to"] == ""


def test_a_signal_in_the_middle_leaves_every_service_its_audit(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL, search=WELL)
    many.stop_at(60)

    ends = many.verify()

    assert set(endings(ends).values()) == {Ending.UNDECIDED}
    assert combined_exit_code(ends) == 11
    for name in many.stages:
        assert json.loads(file_of(many, name, "audit.json"))["interrupted"] == "SIGTERM"


def test_a_signal_after_one_was_rolled_back_leaves_that_ending(tmp_path: Path) -> None:
    """The others are stopped in their windows."""
    many = virtual_services(tmp_path, shop=WELL, cart=BAD)
    many.stop_at(250)

    ends = many.verify()

    assert endings(ends) == {
        "shop": Ending.UNDECIDED,
        "cart": Ending.ROLLED_BACK_VERIFIED,
    }
    assert combined_exit_code(ends) == 10
    assert "restore v1 in place of v2" in file_of(many, "cart", "journal.jsonl")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("secret words"), 1, "this is a bug"),
        (PlatformError("the platform is away", hint="wait"), 5, "the platform is away; wait"),
    ],
)
def test_a_worker_that_breaks_stops_no_other_and_is_reported(
    tmp_path: Path, error: Exception, code: int, words: str
) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=BAD, search=WELL)
    many.broken["shop"] = error

    ends = many.verify()

    assert [end.verdict for end in ends] == [
        Verdict.INCONCLUSIVE,
        Verdict.UNHEALTHY,
        Verdict.HEALTHY,
    ]
    assert many.stages["cart"].deploy.live == "v1"
    assert told(many)["shop"]["exit-code"] == code
    assert told(many)["shop"]["cause"] == "observer"
    assert words in str(many.log.annotations)
    assert "shop was not judged" in many.outputs.summary.replace("&#45;", "-")
    assert "secret words" not in str((many.log.lines, many.log.annotations, many.outputs.summary))


def test_a_worker_that_breaks_fails_a_step_that_is_otherwise_healthy(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL)
    many.broken["shop"] = PlatformError("the platform is away", hint="wait")

    assert combined_exit_code(many.verify()) == 5
    assert many.outputs.values["verdict"] == "inconclusive"


def test_a_process_that_dies_is_one_that_has_no_result(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL)
    many.processes.dying.add("cart")

    ends = many.verify()

    assert ends[1].verdict is Verdict.INCONCLUSIVE
    assert combined_exit_code(ends) == 1
    assert "ended without a result" in str(many.log.annotations)
    assert ends[0].verdict is Verdict.HEALTHY


def test_a_process_that_dies_in_its_rollback_has_told_that_one_was_begun(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=BAD)
    many.processes.dying.add("cart")

    ends = many.verify()

    assert [end.rollback_begun for end in ends] == [False, True]
    assert many.outputs.values["rollback-triggered"] == "true"
    assert told(many)["cart"]["rollback-triggered"] is True
    assert "its rollback had been begun" in str(many.log.annotations)


def test_evidence_is_written_as_soon_as_a_service_ends(tmp_path: Path) -> None:
    """Whoever ends later may be killed."""
    many = virtual_services(tmp_path, shop=WELL, cart=BAD)
    seen: list[list[str]] = []

    def look(_: str) -> None:
        below = many.evidence.directory.glob("*/audit.json")
        seen.append(sorted(path.parent.name for path in below))

    many.log.line = look  # type: ignore[method-assign,assignment]

    many.verify()

    assert [names for i, names in enumerate(seen) if i == 0 or names != seen[i - 1]] == [
        [],
        ["cart"],
        ["cart", "shop"],
    ]


def test_one_directory_holds_what_all_have_left(mixed: VirtualServices) -> None:
    assert mixed.outputs.values["evidence-dir"] == "slo-verify/several-1"
    services = json.loads((mixed.evidence.directory / "services.json").read_text(encoding="utf-8"))
    assert services["cart"]["audit-path"] == "slo-verify/several-1/cart/audit.json"
    assert json.loads(mixed.outputs.values["audit"])["cart"] == services["cart"]["audit-path"]
    assert (mixed.root / services["cart"]["audit-path"]).is_file()
    assert (mixed.evidence.directory / "summary.md").is_file()


def test_the_provisional_verdict_waits_for_every_service(tmp_path: Path) -> None:
    healthy, mixed = (
        virtual_services(tmp_path, shop=WELL, cart=WELL),
        virtual_services(tmp_path, shop=WELL, cart=BAD),
    )

    healthy.verify()
    mixed.verify()

    assert healthy.outputs.values["provisional-verdict"] == "healthy"
    assert "provisional-verdict" not in mixed.outputs.values


def test_each_line_of_the_log_names_its_service_and_the_policy_appears_once(
    tmp_path: Path,
) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL)

    many.verify()

    own = [line for line in many.log.lines if line.startswith(("shop: ", "cart: "))]
    policy = many.requests()[0].policy.sentences()[0]
    assert [line for line in many.log.lines if policy in line] == [policy]
    assert "Policy of shop, cart" in many.log.lines
    assert any("attempt 3/8" in line for line in own)
    assert "cart: ended: verified, exit 0; 0 still running" in own


def test_each_service_has_a_check_run_and_all_healthy_ones_share_one_notice(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=BAD, search=WELL)

    many.verify()

    assert [(run.name, run.conclusion) for run in many.check_runs.published] == [
        ("slo-verify / cart", "failure"),
        ("slo-verify / shop", "success"),
        ("slo-verify / search", "success"),
    ]
    titles = [note.title for note in many.log.annotations]
    assert titles[0].startswith("↩️ cart")
    assert titles[1] == "✅ 2 services are verified healthy"


def test_a_token_that_may_not_make_check_runs_is_reported_once(tmp_path: Path) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL, search=WELL)
    many.check_runs.error = GitHubError("no", hint="give it more", forbidden=True)

    many.verify()

    assert [line for line in many.log.lines if line.startswith("no check run")] == [
        "no check run: no; give it more"
    ]


def test_an_audit_that_cannot_be_written_is_a_warning_and_the_verdict_stands(
    tmp_path: Path,
) -> None:
    many = virtual_services(tmp_path, shop=WELL, cart=WELL)
    many.is_full.add("cart")

    ends = many.verify()

    assert {end.verdict for end in ends} == {Verdict.HEALTHY}
    assert many.outputs.values["verdict"] == "healthy"
    assert "Not published: evidence of cart" in [note.title for note in many.log.annotations]
    assert json.loads(file_of(many, "shop", "audit.json"))["service"] == "shop"


def test_what_each_found_is_kept_for_later_runs(mixed: VirtualServices) -> None:
    kept = {name: worked.history for name, worked in mixed.works.items()}
    assert {name: [v.version for v in h.verdicts(name)] for name, h in kept.items() if h} == {
        "shop": ["v2"],
        "cart": ["v2", "v1"],
    }


def test_names_that_want_to_be_more_than_names_are_names(tmp_path: Path) -> None:
    names = ("../../etc", "a/b", "a-b", "::error::x", "</td>", "ünï", "x" * 300, "$(touch x)")
    many = virtual_services(tmp_path, **dict.fromkeys(names, WELL))

    many.verify()

    assert set(told(many)) == set(names)
    places = [many.root / one["audit-path"] for one in told(many).values()]
    assert len(set(places)) == len(names)
    for place in places:
        assert place.is_file()
        assert place.parent.parent == many.evidence.directory
    assert "</td>" not in many.outputs.summary


def test_a_dozen_services_are_reported_within_the_limits(tmp_path: Path) -> None:
    many = virtual_services(
        tmp_path, **{f"service-{n}": BAD if n % 6 == 0 else WELL for n in range(12)}
    )

    ends = many.verify()

    assert combined_exit_code(ends) == 10
    assert len(many.outputs.summary.encode()) <= 700 * 1024
    assert len(many.outputs.values["services"]) <= 100 * 1024
    assert len(told(many)) == 12
    assert many.outputs.summary.count("<details><summary>✅") == 10
    assert len(many.check_runs.published) == 12
