from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.verdicts.catalogue import CASES
from bench.verdicts.peers import PEERS
from bench.verdicts.score import Judged, seeded
from bench.verdicts.world import Label, Reply

GOOD, BAD = Reply(200, 0.1), Reply(503, 0.0)
SILENT, REFUSED = Reply(None, inf, "silent"), Reply(None, 0.0, "refused")
UNHEALTHY, PAGE = Reply(200, 0.1, body="unhealthy"), Reply(200, 0.1, body="maintenance")


@dataclass(slots=True)
class Scripted:
    """A deployment that answers by the clock, and whose users get what it says of them."""

    answer: Callable[[float, str], Reply] = lambda _at, _endpoint: GOOD
    failing: Callable[[float, float], float] = lambda _since, _until: 0.0
    user_seconds: float = 0.1
    rps: float = 10.0
    name: str = "scripted"
    group: str = "test"
    label: Label = Label.EITHER
    onset: float | None = None
    machines: int = 1
    expected: tuple[str, ...] = ()
    asked: list[float] = field(default_factory=list)

    def request(self, at: float, endpoint: str, rng: Random, machine: int | None = None) -> Reply:
        del rng, machine
        self.asked.append(at)
        return self.answer(at, endpoint)

    def control(self, at: float, rng: Random) -> bool:
        del at, rng
        return True

    def traffic(self, since: float, until: float, rng: Random) -> tuple[int, int, list[float]]:
        del rng
        total = round(self.rps * (until - since))
        return total, round(total * self.failing(since, until)), [self.user_seconds] * total

    def bad(self, at: float, endpoint: str) -> float:
        raise NotImplementedError

    def slow(self, at: float, endpoint: str) -> float:
        raise NotImplementedError


def judged(peer: str, deployment: Scripted) -> Judged:
    return PEERS[peer](deployment, Random(0))


def always(reply: Reply) -> Scripted:
    failing = 1.0 if reply.status is None or reply.status >= 500 else 0.0
    return Scripted(lambda _at, _endpoint: reply, lambda _since, _until: failing)


def down(start: float, end: float, reply: Reply = BAD) -> Scripted:
    return Scripted(lambda at, _endpoint: reply if start <= at < end else GOOD)


@pytest.mark.parametrize(
    ("peer", "at", "requests"),
    [
        ("curl_any", 0, 1),
        ("curl_3x", 31, 3),
        ("wait_for_response", 0, 1),
        ("jtalk_readme", 0, 1),
        ("jtalk_8x15", 0, 1),
        ("argo_web_dflt", 0, 1),
        ("argo_web_5m", 271, 10),
        ("argo_prom_doc", 1200, 0),
        ("argo_prom_1m", 300, 0),
        ("flagger", 330, 0),
        ("flagger_20rps", 330, 6600),
        ("gatus", 300, 12),
        ("blackbox_5m", 330, 23),
        ("k6_1m", 91, 55),
        ("k6_5m_tuned", 300, 246),
        ("codedeploy", 300, 0),
        ("doc_peek", 300, 21),
        ("doc_end", 300, 21),
    ],
)
def test_each_peer_passes_a_healthy_deployment_at_its_time(
    peer: str, at: float, requests: int
) -> None:
    told = judged(peer, always(GOOD))
    assert not told.rolled_back
    assert told.at == pytest.approx(at, abs=1)
    assert told.requests == requests


@pytest.mark.parametrize(
    ("peer", "at", "requests"),
    [
        ("curl_any", 105, 8),
        ("curl_3x", 125, 8),
        ("wait_for_response", 31, 31),
        ("jtalk_readme", 15, 4),
        ("jtalk_8x15", 105, 8),
        ("argo_web_dflt", 40, 5),
        ("argo_web_5m", 40, 5),
        ("argo_prom_doc", 1200, 0),
        ("argo_prom_1m", 60, 0),
        ("flagger", 600, 0),
        ("flagger_20rps", 600, 0),
        ("gatus", 120, 5),
        ("blackbox_5m", 330, 23),
        ("k6_1m", 40, 11),
        ("k6_5m_tuned", 40, 11),
        ("codedeploy", 180, 0),
        ("doc_peek", 125, 8),
        ("doc_end", 125, 8),
    ],
)
def test_each_peer_rolls_a_dead_deployment_back_at_its_time(
    peer: str, at: float, requests: int
) -> None:
    told = judged(peer, always(BAD))
    assert told.rolled_back
    assert told.at == pytest.approx(at, abs=0.01)
    assert told.requests == requests


@pytest.mark.parametrize(
    ("peer", "at"),
    [
        ("curl_any", 105 + 8 * 10),
        ("curl_3x", 125 + 8 * 2),
        ("wait_for_response", 32),
        ("jtalk_readme", 15 + 4 * 60),
        ("argo_web_dflt", 40 + 5 * 10),
        ("k6_1m", 90),
        ("k6_5m_tuned", 40),
        ("blackbox_5m", 335),
    ],
)
def test_timeout_costs_each_peer_its_own_time_limit(peer: str, at: float) -> None:
    told = judged(peer, always(SILENT))
    assert told.rolled_back
    assert told.at == pytest.approx(at, abs=2)


@pytest.mark.parametrize(
    ("location", "passing"),
    [
        ("good", {"wait_for_response", "jtalk_readme", "argo_web_dflt", "gatus", "k6_1m"}),
        ("login", {"wait_for_response", "jtalk_readme", "k6_1m"}),
        ("loop", {"jtalk_readme", "k6_1m"}),
    ],
)
def test_a_redirect_is_followed_or_taken_for_success_as_each_client_does(
    location: str, passing: set[str]
) -> None:
    moved = Reply(302, 0.05, location=location)
    peers = ("curl_any", "curl_3x", "wait_for_response", "jtalk_readme", "argo_web_dflt")
    told = {
        peer for peer in (*peers, "gatus", "k6_1m") if not judged(peer, always(moved)).rolled_back
    }
    assert told == passing


def test_wait_for_response_never_passes_a_service_that_takes_longer_than_its_interval() -> None:
    assert judged("wait_for_response", always(Reply(200, 1.1))).rolled_back


def test_argo_never_fails_a_service_whose_every_second_answer_is_a_503() -> None:
    answers = iter([BAD, GOOD] * 20)
    told = judged("argo_web_5m", Scripted(lambda _at, _endpoint: next(answers)))
    assert not told.rolled_back
    assert told.requests == 20


def test_argo_fails_at_once_on_a_false_condition_and_retries_a_page() -> None:
    assert judged("argo_web_5m", always(UNHEALTHY)).requests == 1
    assert judged("argo_web_5m", always(PAGE)).requests == 5


def test_argo_aborts_after_five_windows_without_requests() -> None:
    told = judged("argo_prom_1m", Scripted(rps=0.0))
    assert (told.rolled_back, told.at) == (True, 60 + 4 * 10)


def test_argo_forgives_three_bad_windows_in_the_documented_example() -> None:
    three = Scripted(failing=lambda since, _until: 0.5 if since < 900 else 0.0)
    assert not judged("argo_prom_doc", three).rolled_back


def test_flagger_rolls_an_idle_service_back() -> None:
    told = judged("flagger", Scripted(rps=0.0))
    assert (told.rolled_back, told.at) == (True, 180)


def test_flagger_never_forgives_a_failed_check() -> None:
    spells = Scripted(failing=lambda since, _until: 0.5 if since in {0, 90, 180} else 0.0)
    assert judged("flagger", spells).rolled_back


def test_flagger_asks_the_pod_so_a_certificate_is_not_in_its_way() -> None:
    expired = Scripted(lambda _at, _endpoint: Reply(None, 0.1, "tls"))
    assert not judged("flagger", expired).rolled_back


def test_flagger_looks_at_the_slowest_hundredth() -> None:
    assert judged("flagger", Scripted(user_seconds=0.6)).rolled_back


def test_codedeploy_ignores_minutes_without_requests() -> None:
    assert not judged("codedeploy", Scripted(rps=0.0, failing=lambda *_: 1.0)).rolled_back


def test_codedeploy_needs_two_bad_minutes_in_a_row() -> None:
    every_other = Scripted(failing=lambda since, _until: 0.5 if since % 120 == 0 else 0.0)
    assert not judged("codedeploy", every_other).rolled_back


def test_gatus_forgives_two_in_a_row_and_watches_the_api_too() -> None:
    assert not judged("gatus", down(50, 170)).rolled_back
    api_dead = Scripted(lambda _at, endpoint: BAD if endpoint == "api" else GOOD)
    assert judged("gatus", api_dead).rolled_back


def test_gatus_takes_half_a_second_for_failure() -> None:
    assert judged("gatus", always(Reply(200, 0.5))).rolled_back


def test_blackbox_forgives_one_of_twenty_probes_but_not_two() -> None:
    assert not judged("blackbox_5m", down(100, 110)).rolled_back
    assert judged("blackbox_5m", down(100, 125)).rolled_back


def test_k6_aborts_no_sooner_than_ten_seconds_in() -> None:
    assert judged("k6_5m_tuned", down(30, 32)).at == 40


def test_k6_forgives_late_failures_that_early_ones_of_the_same_length_were_not() -> None:
    assert judged("k6_5m_tuned", down(35, 40)).rolled_back
    assert not judged("k6_5m_tuned", down(250, 255)).rolled_back


def test_the_document_takes_one_failed_probe_for_more_than_five_percent() -> None:
    blip = down(100, 110, REFUSED)
    peeked, ended = judged("doc_peek", blip), judged("doc_end", blip)
    assert (peeked.rolled_back, ended.rolled_back) == (True, True)
    assert peeked.at < 120 < ended.at


def test_the_document_declares_a_service_down_after_eight_in_a_row() -> None:
    told = judged("doc_end", down(120, 300))
    assert told.rolled_back
    assert told.at < 250


@given(st.lists(st.floats(0, 300), max_size=3), st.floats(0, 60))
def test_peeking_changes_when_the_document_decides_but_never_what(
    starts: list[float], length: float
) -> None:
    def answer(at: float, _endpoint: str) -> Reply:
        return BAD if any(start <= at < start + length for start in starts) else GOOD

    peeked, ended = judged("doc_peek", Scripted(answer)), judged("doc_end", Scripted(answer))
    assert peeked.rolled_back == ended.rolled_back
    assert peeked.at <= ended.at


@given(
    st.sampled_from(sorted(PEERS)),
    st.lists(
        st.sampled_from([GOOD, BAD, SILENT, REFUSED, UNHEALTHY, PAGE, Reply(302, 0.1)]), min_size=1
    ),
    st.sampled_from([0.0, 0.02, 1.0]),
    st.sampled_from([0.0, 0.03, 1.0]),
)
def test_every_peer_ends_asks_forward_in_time_and_repeats_itself(
    peer: str, replies: list[Reply], rps: float, failing: float
) -> None:
    def deployment() -> Scripted:
        return Scripted(
            lambda at, _endpoint: replies[int(at / 7) % len(replies)],
            lambda _since, _until: failing,
            rps=rps,
        )

    once = deployment()
    told = judged(peer, once)
    assert told == judged(peer, deployment())
    assert once.asked == sorted(once.asked)
    assert 0 <= told.at <= 1300


@pytest.mark.parametrize(
    ("peer", "name", "low", "high"),
    [
        ("curl_3x", "crash loop up20/down15", 1, 1),
        ("curl_3x", "warm-up 80s refused", 0, 0),
        ("curl_3x", "err 50% 1rps", 0.4, 0.8),
        ("wait_for_response", "warm-up 60s 503", 1, 1),
        ("wait_for_response", "dies at 40s", 0, 0),
        ("argo_web_5m", "200 body unhealthy", 1, 1),
        ("argo_web_5m", "flap 50% (10s of 20)", 0, 0),
        ("argo_web_5m", "dies at 240s", 1, 1),
        ("flagger", "tail p99 .9s, p95<500", 1, 1),
        ("flagger", "warm-up 180s", 0, 0),
        ("k6_5m_tuned", "hangs from 100s", 1, 1),
        ("k6_5m_tuned", "blip 3s refused", 0.05, 0.45),
        ("doc_peek", "good redirect 301->200", 1, 1),
        ("doc_peek", "err 10% 10rps", 0.65, 1),
        ("codedeploy", "DNS never", 0, 0),
        ("codedeploy", "warm-up 80s refused", 1, 1),
        ("codedeploy", "dies at 240s", 0, 0),
    ],
)
def test_a_peer_rolls_a_catalogue_scenario_back_as_often_as_published(
    peer: str, name: str, low: float, high: float
) -> None:
    case = next(case for case in CASES if case.name == name)
    runs = 40
    back = sum(
        PEERS[peer](case.build(seed), seeded(seed, name, peer)).rolled_back for seed in range(runs)
    )
    assert low <= back / runs <= high
