"""The evidence engine against its definitions, its promises, and a slow twin."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, exp, inf, log, sqrt

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo_action.core.stats.binomial import (
    any_time_interval,
    binomial_at_most,
    enough_to_refute,
    log_e,
)
from slo_action.core.stats.blocks import OpenBlock, alternatives, block_rate, steps
from slo_action.core.stats.rate_test import (
    Breach,
    BreachRule,
    RatePolicy,
    RateTest,
)
from tests.sizes import sized
from tests.worlds.seeded import seeded

TABLE_RUNS = 1000
RUNS = sized(120, 400)
SIGMAS = 4.0
NULL = sqrt(0.01 * 0.05)
HARMLESS = (0.0, 0.001, 0.005, 0.01)
INTERVALS = st.sampled_from([1.0, 2.0, 2.5, 5.0, 10.0])


def rate_test(
    confidence: float = 0.99,
    *,
    seconds: float = 300.0,
    interval: float = 1.0,
    tests: int = 1,
    planned: int | None = 300,
    refute: float = 0.95,
) -> RateTest:
    return RateTest(
        RatePolicy(confidence=confidence, refute_confidence=refute),
        begun_seconds=0.0,
        ends_seconds=seconds,
        interval_seconds=interval,
        tests=tests,
        planned=planned,
    )


def feed(test: RateTest, answers: Iterable[bool | None], *, interval: float = 1.0) -> RateTest:
    """Send probes on a grid; each is answered at once. Stop at a breach."""
    for number, bad in enumerate(answers):
        test.sent(number * interval)
        test.answered(number * interval, number * interval, bad=bad)
        if test.breach:
            break
    return test


def failing(
    first: float, seconds: float, *, probes: int = 300, interval: float = 1.0
) -> list[bool]:
    """A stream that fails from `first` for so long and is well otherwise."""
    return [first <= number * interval < first + seconds for number in range(probes)]


# ---- the table of operating characteristics


@dataclass(frozen=True)
class Row:
    """Percentages, and the median and 95th percentile of the seconds to a rollback."""

    rate: float
    rolled_back: float
    inconclusive: float
    warned: float
    passed: float
    median: float | None = None
    late: float | None = None


ROWS = {
    0.99: (
        Row(0.001, 0, 0, 0, 100),
        Row(0.005, 0, 1.8, 5, 93),
        Row(0.01, 0, 20, 16, 64),
        Row(0.02, 0.2, 72, 13, 15),
        Row(0.03, 1.4, 93, 3, 2),
        Row(0.05, 47, 53, 0, 0, 246, 295),
        Row(0.1, 99.95, 0, 0, 0, 100, 213),
        Row(0.2, 100, 0, 0, 0, 31, 73),
        Row(0.33, 100, 0, 0, 0, 14, 33),
        Row(0.5, 100, 0, 0, 0, 11, 20),
        Row(1.0, 100, 0, 0, 0, 10, 10),
    ),
    0.95: (
        Row(0.001, 0, 0, 0, 100),
        Row(0.005, 0, 1.7, 4, 94),
        Row(0.01, 0.05, 18, 16, 66),
        Row(0.02, 0.3, 72, 12, 15),
        Row(0.03, 4.5, 90, 3, 2),
        Row(0.05, 48, 52, 0, 0, 195, 293),
        Row(0.1, 100, 0, 0, 0, 63, 191),
        Row(0.2, 100, 0, 0, 0, 21, 59),
        Row(0.33, 100, 0, 0, 0, 12, 27),
        Row(0.5, 100, 0, 0, 0, 11, 16),
        Row(1.0, 100, 0, 0, 0, 10, 10),
    ),
    0.0: (
        Row(0.001, 0, 0, 0, 100),
        Row(0.005, 0, 0, 7, 93),
        Row(0.01, 0, 0, 34, 66),
        Row(0.02, 0.05, 0, 85, 15),
        Row(0.03, 2.4, 0, 96, 2),
        Row(0.05, 43, 0, 57, 0, 258, 295),
        Row(0.1, 99.75, 0, 0, 0, 154, 224),
        Row(0.2, 100, 0, 0, 0, 78, 111),
        Row(0.33, 100, 0, 0, 0, 46, 65),
        Row(0.5, 100, 0, 0, 0, 30, 41),
        Row(1.0, 100, 0, 0, 0, 15, 15),
    ),
}


def told(test: RateTest, confidence: float) -> str:
    if test.breach:
        return "rolled_back"
    if confidence and test.refuted_seconds is None:
        return "inconclusive"
    return "warned" if test.bad > Fraction(1, 100) * test.valid else "passed"


def simulate(confidence: float, rate: float, runs: int = RUNS) -> tuple[Counter[str], list[float]]:
    chance = seeded(int(rate * 1e4) + int(confidence * 100))
    words: Counter[str] = Counter()
    delays: list[float] = []
    for _ in range(runs):
        test = feed(rate_test(confidence), (chance.random() < rate for _ in range(300)))
        words[told(test, confidence)] += 1
        if test.breach:
            delays.append(test.breach.heard_seconds)
    return words, delays


def slack(share: float, runs: int) -> float:
    """What chance explains between our runs and the table's, its rounding included."""
    variance = max(share * (1 - share), 1 / TABLE_RUNS)
    return SIGMAS * sqrt(variance * (1 / runs + 1 / TABLE_RUNS)) + 0.005


def check_quantile(delays: Sequence[float], share: float, seconds: float) -> None:
    """The table's quantile may be any second at which our distribution passes the share."""
    within = slack(share, len(delays))
    assert sum(delay < seconds for delay in delays) / len(delays) <= share + within
    assert sum(delay <= seconds for delay in delays) / len(delays) >= share - within


@pytest.mark.parametrize(
    ("confidence", "row"),
    [
        pytest.param(confidence, row, id=f"{confidence:g}-{row.rate:g}")
        for confidence, rows in ROWS.items()
        for row in rows
    ],
)
def test_the_engine_decides_as_its_table_of_operating_characteristics_says(
    confidence: float, row: Row
) -> None:
    words, delays = simulate(confidence, row.rate)
    for word in ("rolled_back", "inconclusive", "warned", "passed"):
        expected = getattr(row, word) / 100
        assert abs(words[word] / RUNS - expected) <= slack(expected, RUNS), (word, words)
    if row.median is not None and row.late is not None:
        check_quantile(delays, 0.5, row.median)
        check_quantile(delays, 0.95, row.late)


@pytest.mark.parametrize(
    ("interval", "rate", "rolled_back"), [(2.0, 0.1, 0.984), (15.0, 0.005, 0.0)]
)
def test_a_slower_stream_decides_as_published(
    interval: float, rate: float, rolled_back: float
) -> None:
    chance, probes = seeded(int(interval)), int(300 / interval)
    tests = [rate_test(interval=interval, planned=probes) for _ in range(RUNS)]
    for test in tests:
        feed(test, (chance.random() < rate for _ in range(probes)), interval=interval)
    convicted = sum(test.breach is not None for test in tests) / RUNS
    assert abs(convicted - rolled_back) <= slack(rolled_back, RUNS)
    if rate < 0.01:
        open_ended = sum(told(test, 0.99) == "inconclusive" for test in tests)
        assert open_ended / RUNS >= 0.96


# ---- promises


@pytest.mark.parametrize("interval", [1.0, 2.0, 7.0])
def test_evidence_at_the_null_rate_fails_no_more_often_than_alpha(interval: float) -> None:
    chance = seeded(int(interval) + 40)
    probes = int(300 / interval)

    def answer() -> bool | None:
        return None if chance.random() < 0.1 else chance.random() < NULL

    runs = sized(150, 600)
    tests = (rate_test(0.95, planned=None, interval=interval) for _ in range(runs))
    fed = [feed(test, (answer() for _ in range(probes)), interval=interval) for test in tests]
    assert sum(test.breach is not None for test in fed) / runs <= 0.05


@pytest.mark.parametrize(
    ("confidence", "probes"),
    [(0.95, (63, 127, 175, 219, 262, 304)), (0.99, (97, 163, 212, 257, 300, 342))],
)
def test_each_failure_costs_the_refutation_about_45_more_probes(
    confidence: float, probes: tuple[int, ...]
) -> None:
    for failures, expected in enumerate(probes):
        answers = [number < failures for number in range(400)]
        test = rate_test(0.0, planned=None, seconds=400, refute=confidence)
        feed(test, answers)
        assert test.refuted_seconds == expected - 1


def test_a_later_failure_takes_a_refutation_back_until_enough_probes_outweigh_it() -> None:
    test = rate_test()
    since: list[float | None] = []
    for second in range(127):
        test.sent(second)
        test.answered(second, second, bad=second == 63)
        since.append(test.refuted_seconds)
    assert since == [None] * 62 + [62] + [None] * 63 + [126]


@pytest.mark.parametrize(("good", "refuted"), [(125, None), (126, 62)])
def test_a_failure_that_enough_probes_outweigh_already_takes_no_refutation_back(
    good: int, refuted: float | None
) -> None:
    assert feed(rate_test(), [*[False] * good, True]).refuted_seconds == refuted


@pytest.mark.parametrize(("bad", "valid"), [(0, 59), (1, 93), (2, 124), (3, 153)])
def test_an_end_fixed_in_advance_needs_fewer_probes_than_any_time(bad: int, valid: int) -> None:
    for probes, refuted in ((valid - 1, False), (valid, True)):
        test = feed(rate_test(planned=None), [number < bad for number in range(probes)])
        assert test.refuted_at_end() is refuted
        assert test.refuted_seconds is None


@pytest.mark.parametrize(
    ("valid", "upper"),
    [(3, 0.75), (20, 0.22), (59, 0.091), (100, 0.057), (300, 0.021), (1000, 0.0070)],
)
def test_no_failures_leave_the_published_upper_bound(valid: int, upper: float) -> None:
    assert any_time_interval(0, valid) == pytest.approx((0.0, upper), rel=0.03)


def test_nothing_answered_leaves_every_rate() -> None:
    assert rate_test().interval() == (0.0, 1.0)


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_holds_what_was_seen_and_is_mirrored(bad: int, more: int) -> None:
    valid = bad + more
    lower, upper = any_time_interval(bad, valid)
    assert lower <= bad / valid <= upper
    assert any_time_interval(more, valid) == pytest.approx((1 - upper, 1 - lower), abs=1e-9)
    assert any_time_interval(bad, valid, 0.99)[1] >= upper


@pytest.mark.parametrize(("rate", "missed"), [(0.01, 0.018), (0.05, 0.020), (0.3, 0.038)])
def test_an_interval_watched_all_along_misses_the_rate_as_rarely_as_published(
    rate: float, missed: float
) -> None:
    chance, runs = seeded(int(rate * 100)), sized(80, 250)

    def misses() -> bool:
        bad = 0
        for valid in range(300):
            # The upper bound is lowest just before a failure, the lower one highest after it.
            fails = chance.random() < rate
            if fails and any_time_interval(bad, valid)[1] < rate:
                return True
            bad += fails
            if fails and any_time_interval(bad, valid + 1)[0] > rate:
                return True
        return any_time_interval(bad, 300)[1] < rate

    assert abs(sum(misses() for _ in range(runs)) / runs - missed) <= slack(missed, runs)


# ---- bursts and deaths


@pytest.mark.parametrize("confidence", [0.99, 0.95])
def test_a_burst_of_five_seconds_fails_nowhere(confidence: float) -> None:
    for first in range(296):
        assert feed(rate_test(confidence), failing(first, 5)).breach is None


def test_a_restart_of_twelve_seconds_fails_only_at_the_very_start() -> None:
    convicted = [
        first for first in range(300) if feed(rate_test(), failing(first, 12)).breach is not None
    ]
    assert max(convicted, default=0) < 10
    assert len(convicted) <= 0.02 * 300


@pytest.mark.parametrize("confidence", [0.99, 0.95, 0.0])
def test_a_death_halfway_is_found_within_fifteen_seconds_and_dated(confidence: float) -> None:
    breach = feed(rate_test(confidence), failing(150, 150)).breach
    assert breach is not None
    assert breach.heard_seconds <= 165
    assert breach.bad_since_seconds == 150


@pytest.mark.parametrize("confidence", [0.99, 0.95])
def test_a_death_in_a_small_stream_is_found_by_the_restarted_process(confidence: float) -> None:
    breach = feed(rate_test(confidence, planned=None), failing(150, 150)).breach
    assert breach is not None
    assert breach.rule is BreachRule.CHANGE
    assert breach.heard_seconds == (175 if confidence == 0.99 else 170)
    assert breach.bad_since_seconds == 150


def test_a_stray_failure_long_before_does_not_date_the_death() -> None:
    answers = failing(150, 150)
    answers[10] = True
    breach = feed(rate_test(), answers).breach
    assert breach is not None
    assert breach.bad_since_seconds == 150


@pytest.mark.parametrize(("share", "median"), [(0.5, 25), (0.33, 35), (0.2, 56)])
def test_a_partial_death_halfway_is_found_about_as_fast_as_published(
    share: float, median: float
) -> None:
    chance = seeded(7)
    delays = []
    for _ in range(200):
        answers = [second >= 150 and chance.random() < share for second in range(300)]
        breach = feed(rate_test(), answers).breach
        delays.append(breach.heard_seconds - 150 if breach else inf)
    assert sorted(delays)[100] == pytest.approx(median, abs=6)


# ---- the plain rule


def test_the_plain_rule_fails_with_the_failure_that_makes_it_certain() -> None:
    answers = [second % 10 == 0 for second in range(300)]
    breach = feed(rate_test(0.0), answers).breach
    assert breach == Breach(
        rule=BreachRule.PLAIN, heard_seconds=150, bad=16, valid=151, bad_since_seconds=0
    )


def test_five_percent_itself_is_not_more_than_five_percent() -> None:
    test = feed(rate_test(0.0), failing(0, 15))
    assert test.breach is None
    assert not test.over_trigger()


def test_confidence_zero_without_a_plan_leaves_the_verdict_to_the_end() -> None:
    test = feed(rate_test(0.0, planned=None), failing(100, 16))
    assert test.breach is None
    assert test.over_trigger()


def test_more_tests_side_by_side_ask_for_more_evidence() -> None:
    alone = feed(rate_test(planned=None), [True] * 60).breach
    among = feed(rate_test(planned=None, tests=50), [True] * 60).breach
    assert alone is not None
    assert among is not None
    assert among.heard_seconds > alone.heard_seconds


def test_a_breach_stays_whatever_follows() -> None:
    test = rate_test()
    feed(test, [True] * 20)
    first = test.breach
    for second in range(20, 300):
        test.sent(second)
        test.answered(second, second, bad=False)
    assert first is not None
    assert test.breach is first


def test_neutral_answers_count_neither_way() -> None:
    test = feed(rate_test(), [None] * 300)
    assert (test.valid, test.bad, test.neutral, test.pending) == (0, 0, 300, 0)
    assert test.breach is None
    assert test.refuted_seconds is None
    assert not test.refuted_at_end()


def test_blocks_of_nothing_but_neutral_answers_do_not_exist() -> None:
    silent = [None] * 150 + [True] * 60
    late = feed(rate_test(planned=None), silent).breach
    early = feed(rate_test(planned=None), [True] * 60).breach
    assert late is not None
    assert early is not None
    assert late.heard_seconds == early.heard_seconds + 150


@pytest.mark.parametrize(
    "policy",
    [
        {"slo": Fraction(0)},
        {"slo": Fraction(1, 10)},
        {"trigger": Fraction(1)},
        {"confidence": 1.0},
        {"refute_confidence": 0.0},
    ],
)
def test_a_policy_that_can_prove_nothing_is_refused(policy: dict[str, Fraction]) -> None:
    with pytest.raises(ValueError, match="a rate policy needs"):
        RatePolicy(**policy)  # type: ignore[arg-type]


def test_a_stream_too_fast_for_blocks_is_left_to_the_plain_rule() -> None:
    test = rate_test(interval=0.05, planned=6000)
    breach = feed(test, (number >= 2000 for number in range(6000)), interval=0.05).breach
    assert breach is not None
    assert breach.rule is BreachRule.PLAIN
    assert breach.bad == 301
    assert breach.bad_since_seconds == 100


def test_fifty_probes_a_second_for_an_hour_leave_only_the_open_blocks_behind() -> None:
    test = rate_test(seconds=3600, interval=0.02, planned=180_000)
    most = 0
    for number in range(20_000):
        test.sent(number * 0.02)
        if number >= 300:
            test.answered((number - 300) * 0.02, number * 0.02, bad=number % 50 == 0)
        most = max(most, len(test._open))
    assert most <= 3
    assert test.pending == 300


# ---- formulas


def test_the_formula_matches_its_definition() -> None:
    ratios = [(q / 0.05) ** 2 * ((1 - q) / 0.95) ** 98 for q in HARMLESS]
    assert log_e(2, 100, 0.05, HARMLESS) == pytest.approx(log(sum(ratios) / 4))
    assert log_e(1, 1, 0.05, (0.0,)) == -inf
    assert log_e(0, 1, 0.5, (1.0,)) == -inf


def test_alternatives_that_a_failure_rules_out_never_refute() -> None:
    assert enough_to_refute(0, 0.05, (0.0,), 0.95) == 59
    assert enough_to_refute(1, 0.05, (0.0,), 0.95) == 2**30


@given(st.integers(-1, 60), st.integers(0, 60), st.fractions(0, 1, max_denominator=100))
@example(3, 5, Fraction(1))
def test_the_binomial_tail_is_exact(k: int, n: int, p: Fraction) -> None:
    terms = (comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(min(k, n) + 1))
    assert binomial_at_most(k, n, float(p)) == pytest.approx(float(sum(terms)), abs=1e-12)


def test_the_binomial_tail_of_a_big_stream_is_stable() -> None:
    below = binomial_at_most(9_999, 200_000, 0.05)
    above = binomial_at_most(190_000, 200_000, 0.95)
    assert below + above == pytest.approx(1.0, abs=1e-9)
    assert binomial_at_most(9_800, 200_000, 0.05) == pytest.approx(0.0201, abs=2e-4)


@given(st.integers(1, 100), st.floats(0, NULL), INTERVALS)
def test_no_block_of_any_size_gains_on_average_at_or_below_the_null(
    size: int, rate: float, interval: float
) -> None:
    against = alternatives(NULL, max(1.0, 5 / interval), by_probes=True)
    gains = [0.0] * len(against)
    for failed in range(size + 1):
        chance = comb(size, failed) * rate**failed * (1 - rate) ** (size - failed)
        step = steps(against, size, failed, size, size)
        gains = [gain + chance * exp(one) for gain, one in zip(gains, step, strict=True)]
    assert max(gains) <= 1 + 1e-9


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 10), st.integers(0, 10))
def test_what_is_still_out_can_only_add_to_the_evidence_by_probes(
    heard: int, failed: int, good: int, neutral: int
) -> None:
    """However the answers turn out that are awaited, they were counted as the weakest."""
    against, failed = alternatives(NULL, 2.5, by_probes=True), min(failed, heard)
    first, usable = len(against.blocks), heard + good + neutral
    before = steps(against, usable, failed, heard, usable)[first:]
    after = steps(against, usable, failed, heard + good, heard + good)[first:]
    assert all(x <= y + 1e-9 for x, y in zip(before, after, strict=True))


def test_a_burst_is_worth_a_bad_block_however_densely_it_was_probed() -> None:
    against = alternatives(NULL, 5.0, by_probes=True)
    worth = -log(block_rate(NULL, 5))
    for probes in (5, 20, 25):
        assert max(steps(against, probes, probes, probes, probes)) <= worth + 1e-9


def test_failures_that_a_rate_explains_are_found_sooner_the_more_probes_there_are() -> None:
    def delay(interval: float) -> float:
        chance, found = seeded(11), []
        for _ in range(60):
            test = rate_test(planned=None)
            answers = (chance.random() < 0.1 for _ in range(int(300 / interval)))
            breach = feed(test, answers, interval=interval).breach
            found.append(breach.heard_seconds if breach else inf)
        return sorted(found)[30]

    assert delay(0.25) < 0.45 * delay(1.0)


def test_an_open_block_counts_as_the_weakest_that_it_can_become() -> None:
    block = OpenBlock(0, 0.0)
    block.sent, block.neutral, block.pending = 5, 1, 2
    assert block.probes(least_sent=0) == 2
    block.pending = 4
    assert block.probes(least_sent=0) == 1
    block.failed, block.pending = 1, 2
    assert block.probes(least_sent=0) == 4
    assert block.probes(least_sent=7) == 6


def test_a_late_good_answer_can_complete_the_evidence_of_a_block_still_open() -> None:
    answers: list[tuple[bool | None, float]] = [(True, 0.0)] * 3 + [(None, 0.0)] * 2
    answers += [(False, 14.0), (True, 14.0), (None, 0.0), (None, 0.0)]
    answers += [(False, 0.0), (True, 0.0), (None, 0.0), (None, 0.0)]
    test = of_twin(Twin(1.0))
    play(test, probes_of(answers, 1.0), lambda _: None)
    assert test.breach is not None
    assert int(test.breach.heard_seconds) == 20


# ---- a slow twin that starts again at every moment


@dataclass(frozen=True)
class Probe:
    at: float
    heard: float
    bad: bool | None


RATES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)
PROBE_RATES = (0.08, 0.14, 0.3)


@dataclass(frozen=True)
class Block:
    """What is known of a block at one moment: its size as a block, and its probes."""

    size: int
    failed: int
    heard: int
    usable: int


@dataclass(frozen=True)
class Twin:
    """All rules, from the raw list of what is known at one moment."""

    interval: float
    seconds: float = 100.0
    confidence: float = 0.9
    planned: int | None = None

    @property
    def length(self) -> float:
        return max(5.0, self.interval)

    @property
    def nominal(self) -> int:
        return -int(-self.length // self.interval)

    @property
    def rates(self) -> list[float]:
        return [q for q in RATES if q > 1.5 * (1 - (1 - NULL) ** (self.length / self.interval))]

    def verdict(self, sent: Sequence[Probe], now: float) -> BreachRule | None:
        told = [p for p in sent if p.heard <= now]
        if self.planned is not None and sum(p.bad is True for p in told) > 0.05 * self.planned:
            return BreachRule.PLAIN
        blocks = self.blocks(sent, now)
        for end in range(len(blocks) + 1):
            rule = self.evidence(blocks[:end])
            if rule:
                return rule
        return None

    def blocks(self, sent: Sequence[Probe], now: float) -> list[Block]:
        """Each block, up to the last one that may count."""
        found: list[Block] = []
        counted = 0
        latest = max((int(p.at // self.length) for p in sent), default=0)
        for number in range(latest + 1):
            own = [p for p in sent if int(p.at // self.length) == number]
            told = [p for p in own if p.heard <= now]
            neutral = sum(p.bad is None for p in told)
            failed, heard = sum(p.bad is True for p in told), len(told) - neutral
            known = failed, heard, len(own) - neutral
            if failed:
                size = len(own) if number < latest else max(len(own), self.nominal)
                found.append(Block(size - neutral, *known))
                counted = len(found)
            elif len(told) < len(own):
                found.append(Block(max(1, heard), *known))
            elif len(own) > neutral:
                found.append(Block(len(own) - neutral, *known))
        return found[:counted]

    def evidence(self, blocks: Sequence[Block]) -> BreachRule | None:
        alpha = 1 - self.confidence
        if not blocks or not self.rates:
            return None
        of_blocks = [[self.ratio(q, block) for block in blocks] for q in self.rates]
        of_probes = [[self.ratio_by_probes(r, block) for block in blocks] for r in PROBE_RATES]
        means = [sum(map(product, ratios)) / len(ratios) for ratios in (of_blocks, of_probes)]
        if sum(means) / 2 >= 2 / alpha:
            return BreachRule.EVIDENCE
        rows = of_blocks + of_probes
        limit = 2 * len(rows) * (self.seconds / self.length) / alpha
        best = max(product(row[start:]) for row in rows for start in range(len(blocks)))
        return BreachRule.CHANGE if best >= limit else None

    @staticmethod
    def ratio(rate: float, block: Block) -> float:
        null = 1 - (1 - NULL) ** block.size
        rate = max(rate, null)
        return rate / null if block.failed else (1 - rate) / (1 - null)

    def ratio_by_probes(self, rate: float, block: Block) -> float:
        counted = min(block.failed, max(1, -int(-rate * block.heard // 1)))
        good = ((1 - rate) / (1 - NULL)) ** (block.usable - counted)
        usual = 1 - (1 - NULL) ** (self.length / self.interval)
        return float(min(1 / usual, (rate / NULL) ** counted * good))


def product(factors: Iterable[float]) -> float:
    whole = 1.0
    for factor in factors:
        whole *= factor
    return whole


ANSWERS = st.sampled_from([False, False, False, True, None])
DELAYS = st.sampled_from([0.0, 0.1, 0.4, 2.1, 6.0, 14.0])
STREAMS = st.lists(st.tuples(ANSWERS, DELAYS), min_size=1, max_size=50)
DEADLY = st.lists(
    st.tuples(st.sampled_from([True, True, True, None, False]), DELAYS), min_size=10, max_size=50
)


def probes_of(answers: Sequence[tuple[bool | None, float]], interval: float) -> list[Probe]:
    return [
        # A share of a microsecond apart, so that no two things happen at once.
        Probe(n * interval, n * interval + delay + 0.01 + n * 1e-7, bad)
        for n, (bad, delay) in enumerate(answers)
    ]


def play(test: RateTest, probes: Sequence[Probe], check: Callable[[float], None]) -> None:
    """Send and answer in order of time; `check` looks at each moment."""
    moments = [(p.at, 0, p) for p in probes] + [(p.heard, 1, p) for p in probes]
    for now, kind, probe in sorted(moments, key=lambda m: m[:2]):
        if kind == 0:
            test.sent(probe.at)
        else:
            test.answered(probe.at, now, bad=probe.bad)
        check(now)


def of_twin(twin: Twin) -> RateTest:
    return rate_test(
        twin.confidence, seconds=twin.seconds, interval=twin.interval, planned=twin.planned
    )


@settings(max_examples=sized(25, 120))
@given(STREAMS | DEADLY, INTERVALS, st.sampled_from([None, 100]))
def test_every_moment_agrees_with_the_twin(
    answers: list[tuple[bool | None, float]], interval: float, planned: int | None
) -> None:
    probes, twin = probes_of(answers, interval), Twin(interval, planned=planned)
    test = of_twin(twin)

    def check(now: float) -> None:
        if test.breach is None or test.breach.heard_seconds == now:
            rule = twin.verdict([p for p in probes if p.at <= now], now)
            assert (test.breach.rule if test.breach else None) == rule

    play(test, probes, check)


@settings(max_examples=sized(25, 100))
@given(STREAMS | DEADLY, INTERVALS)
def test_answers_out_of_order_end_in_the_same_state_as_answers_in_order(
    answers: list[tuple[bool | None, float]], interval: float
) -> None:
    probes = [*probes_of(answers, interval), Probe(1000.0, 1000.0, None)]
    late, prompt = of_twin(Twin(interval)), of_twin(Twin(interval))
    play(late, probes, lambda _: None)
    for probe in probes:
        prompt.sent(probe.at)
        prompt.answered(probe.at, probe.at, bad=probe.bad)
    for name in ("valid", "bad", "neutral", "pending"):
        assert getattr(late, name) == getattr(prompt, name)
    assert (late.breach is None) == (prompt.breach is None)
    assert late.refuted_at_end() == prompt.refuted_at_end()
    assert late.interval() == prompt.interval()


@settings(max_examples=sized(25, 100))
@given(DEADLY, INTERVALS, st.sampled_from([False, None]))
def test_what_failed_early_stays_failed_if_all_open_answers_turn_out_harmless(
    answers: list[tuple[bool | None, float]], interval: float, harmless: bool | None
) -> None:
    probes = probes_of(answers, interval)
    test, moment = of_twin(Twin(interval)), [inf]

    def check(now: float) -> None:
        if test.breach is not None:
            moment[0] = min(moment[0], now)

    play(test, probes, check)
    known = [p.bad if p.heard <= moment[0] else harmless for p in probes]
    replayed = feed(of_twin(Twin(interval)), [*known, *[harmless] * 5], interval=interval)
    assert test.breach is None or replayed.breach is not None
