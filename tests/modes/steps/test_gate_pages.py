"""`verify` of a service whose health path answers with an HTML page."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from slo_action.core.journey.journeys import Assertion, Condition, Subject
from slo_action.core.model import Outcome, Verdict, VersionRule
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from slo_action.modes.verify import verify
from tests.builders import always
from tests.worlds.memory_ports import VirtualRun
from tests.worlds.mock_web import mock_prober

SHOP = "<!doctype html><html><head><title>Shop</title></head><div id=root></div></html>"
POLICY = Policy(rule=VersionRule(), window=WindowPolicy(length_seconds=0))
NOWHERE = "/slo-verify-no-such-path"


def page(body: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, html=body)


def run(
    answer: Callable[[str], httpx.Response],
    url: str = "https://dashboard.example/healthz",
    assertions: tuple[Assertion, ...] = (),
) -> tuple[AuditRecord, list[str], VirtualRun]:
    """Verify a service that answers each path so; return the record and the paths asked."""
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer(request.url.path)

    world = VirtualRun({"v1": always(Outcome.OK)}, live="v1")
    ports = replace(world.ports, prober=mock_prober(handler, world.clock))
    request = world.request(POLICY, control=False)
    probes = tuple(replace(one, url=url, assertions=assertions) for one in request.probes)
    return verify(replace(request, probes=probes), ports), asked, world


def test_a_page_that_every_path_gives_is_degraded_and_names_the_fix() -> None:
    record, asked, world = run(lambda _: page(SHOP))

    assert (record.judgement.verdict, record.judgement.row) == (Verdict.DEGRADED, "met-degraded")
    assert record.judgement.reason.endswith(
        'answers every path with the same HTML page titled "Shop": /healthz is not a health '
        "endpoint; set `health-path`, or assert in slo.yml what its body must hold"
    )
    assert asked == ["/healthz", NOWHERE, "/healthz", "/healthz"]
    outcomes = {attempt.deciding.outcome for attempt in record.gate.attempts}
    assert outcomes == {Outcome.DEGRADED_BODY}
    assert any("which cannot exist, returns it, too" in line for line in world.log.lines)


def test_a_page_with_a_nonce_of_its_own_is_the_same_by_its_title() -> None:
    numbers = iter(range(100))
    record, _, _ = run(lambda _: page(SHOP.replace("root", f"root nonce={next(numbers)}")))

    assert record.judgement.row == "met-degraded"


def test_a_page_that_shows_its_own_path_is_the_same_page() -> None:
    record, _, _ = run(lambda path: page(SHOP.replace("Shop", f"Shop {path}").replace("id=", path)))

    assert record.judgement.row == "met-degraded"


@pytest.mark.parametrize(
    "nowhere",
    [
        page("<html><title>Not found</title>", 404),
        page("<html><title>Not found</title>"),
        httpx.Response(200, json={"error": "no such path"}),
        httpx.Response(302, headers={"Location": "/login"}),
    ],
    ids=["404", "a page that says so", "JSON", "a redirect"],
)
def test_a_page_of_the_health_path_s_own_is_healthy_with_a_note(nowhere: httpx.Response) -> None:
    green = '<!DOCTYPE html><html><body style="background-color: green"></body></html>'
    record, asked, _ = run(lambda path: nowhere if path == NOWHERE else page(green))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert asked.count(NOWHERE) == 1
    notes = [note for attempt in record.gate.attempts for note in attempt.deciding.notes]
    own = "/healthz answers with an HTML page of its own"
    assert notes == [f"{own}: a path that does not exist answers otherwise ({nowhere.status_code})"]


def test_where_the_other_path_does_not_answer_the_doubt_stays_a_note() -> None:
    def answer(path: str) -> httpx.Response:
        if path == NOWHERE:
            raise httpx.ConnectError("refused")
        return page(SHOP)

    record, asked, _ = run(answer)

    assert record.judgement.verdict is Verdict.HEALTHY
    assert asked.count(NOWHERE) == 1
    assert "is this the right path" in record.gate.attempts[0].deciding.notes[0]


@pytest.mark.parametrize("path", ["", "/", "/index.html"])
def test_the_home_page_is_meant_as_a_page(path: str) -> None:
    record, asked, _ = run(lambda _: page(SHOP), f"https://dashboard.example{path}")

    assert record.judgement.verdict is Verdict.HEALTHY
    assert NOWHERE not in asked


def test_what_the_user_asserts_of_the_page_is_enough() -> None:
    root = Assertion(subject=Subject.BODY, condition=Condition.MATCHES, expected="id=root")
    record, asked, _ = run(lambda _: page(SHOP), assertions=(root,))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert NOWHERE not in asked


def test_the_other_path_lies_beside_the_health_path() -> None:
    _, asked, _ = run(lambda _: page(SHOP), "https://dashboard.example/api/v1/health/")

    assert asked[1] == f"/api/v1{NOWHERE}"


def test_no_other_path_is_asked_where_the_answer_is_no_page() -> None:
    record, asked, _ = run(lambda _: httpx.Response(200, json={"status": "ok"}))

    assert record.judgement.verdict is Verdict.HEALTHY
    assert set(asked) == {"/healthz"}
