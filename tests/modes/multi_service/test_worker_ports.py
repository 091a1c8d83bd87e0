"""What one service's process posts: lines without secrets, in order, and never to the stream."""

import pickle

from slo_action.core.model import Annotation, Level, Verdict
from slo_action.core.text.secrets import Scrubber
from slo_action.modes.multi_service.worker_ports import (
    LogLine,
    PostedLog,
    PostedOutputs,
    ProvisionalVerdict,
    SecretFound,
)
from slo_action.modes.verify import POLICY


def test_a_secret_is_posted_before_any_line_and_taken_out_of_it() -> None:
    posted: list[object] = []
    log = PostedLog(posted.append, Scrubber())

    log.mask("s3cr3t-value")
    log.line("it is s3cr3t-value")

    assert posted == [SecretFound(secret="s3cr3t-value"), LogLine(text="it is ***")]


def test_groups_are_lines_since_others_come_in_between() -> None:
    posted: list[object] = []
    log = PostedLog(posted.append, Scrubber())

    with log.group("Rollback"):
        log.line("restored")

    assert posted == [LogLine(text="Rollback"), LogLine(text="restored")]


def test_the_policy_is_left_out_since_it_was_reported_for_all() -> None:
    posted: list[object] = []
    log = PostedLog(posted.append, Scrubber())

    with log.group(POLICY):
        log.line("Healthy: 3 attempts")
    log.line("attempt 1")

    assert posted == [LogLine(text="attempt 1")]


def test_annotations_are_lines_until_the_end() -> None:
    posted: list[object] = []
    note = Annotation(level=Level.NOTICE, title="shop: healthy for now", message="3 in a row")

    PostedLog(posted.append, Scrubber()).annotate([note])

    assert posted == [LogLine(text="notice: shop: healthy for now: 3 in a row")]


def test_of_the_outputs_only_the_provisional_verdict_is_posted() -> None:
    posted: list[object] = []
    outputs = PostedOutputs(posted.append)

    outputs.set({"verdict": "inconclusive"})
    outputs.set({"provisional-verdict": "healthy"})
    outputs.summarize("# one of many")

    assert posted == [ProvisionalVerdict(verdict=Verdict.HEALTHY)]
    assert pickle.loads(pickle.dumps(posted)) == posted  # noqa: S301 - our own
