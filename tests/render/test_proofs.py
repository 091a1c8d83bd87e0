"""Health proofs: the document's transcript form, redacted and capped."""

from dataclasses import replace
from datetime import UTC, datetime
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_action.core.model import Outcome, Response
from slo_action.core.observation.policy import WindowPolicy
from slo_action.core.stats.rate_test import RatePolicy
from slo_action.render.proofs import BODY_LIMIT, proofs, redacted, window_failures
from tests.builders import (
    DEPLOYED_AT,
    between,
    observation,
    observed,
    rolled_back,
    sample,
    watched,
)

DOCUMENT = """\
====== 2025-08-23T08:38:00Z https://sophiaai-dashboard-v2.fly.dev/healthz ======
HTTP/1.1 200 OK
Date: Fri, 23 Aug 2025 08:38:00 GMT
Content-Type: application/json
Content-Length: 85

{"status":"healthy","version":"v1.2.3","uptime":"15m42s","checks":{"db":"ok","redis":"ok"}}
"""
SECRET = "hunter22"


def response(body: str = "ok", *headers: tuple[str, str], **changes: object) -> Response:
    values: dict[str, object] = {
        "http_version": "HTTP/1.1",
        "status": 200,
        "reason": "OK",
        "headers": headers,
        "body": body,
        "body_bytes": len(body),
    }
    return Response(**{**values, **changes})  # type: ignore[arg-type] # a builder's overrides


def proof(answer: Response) -> str:
    return proofs((observation(response=answer),))


def test_a_proof_is_a_transcript_in_the_published_form() -> None:
    *_, body = DOCUMENT.splitlines()
    answer = response(
        body,
        ("Date", "Fri, 23 Aug 2025 08:38:00 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Length", "85"),
    )
    asked = sample(
        url="https://sophiaai-dashboard-v2.fly.dev/healthz",
        at=(datetime(2025, 8, 23, 8, 38, tzinfo=UTC) - DEPLOYED_AT).total_seconds(),
        response=answer,
    )

    assert proofs((replace(observation(), samples=(asked,)),)) == DOCUMENT


def test_attempts_follow_each_other_oldest_first() -> None:
    text = proofs(tuple(observation(at=at, response=response()) for at in (0.0, 5.0, 10.0)))
    heads = [line for line in text.split("\n") if line.startswith("======")]

    assert [head.split()[1] for head in heads] == [
        datetime(2026, 11, 23, 10, 0, s, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for s in (0, 5, 10)
    ]
    assert "ok\n\n======" in text


def test_failures_of_a_window_follow_the_gate_s_with_what_was_answered() -> None:
    window = watched({"/api": between(100.0, 104.0)}, response=response("broken"))
    failures = window_failures(observed(window))
    text = proofs((observation(response=response("fine")),), failures)
    heads = [line for line in text.split("\n") if line.startswith("======")]

    assert len(failures) == window.stream_stats["/api"].rate.bad
    assert "/healthz" in heads[0]
    assert all("https://dashboard.example/api" in head for head in heads[1:])
    assert heads[1:] == sorted(heads[1:])
    assert text.count("broken") == len(failures)


def test_of_very_many_failures_the_first_and_the_last_are_kept() -> None:
    policy = WindowPolicy(outage_seconds=200.0, rates=RatePolicy(confidence=0.0))
    window = watched({"/api": between(20.0, 150.0)}, policy=policy, begun=0.0)
    for number in range(50):
        window.failures.append(sample(at=200.0 + number))
    kept = window_failures(observed(window))

    assert kept[0] is window.first_failure
    assert kept[-1] is window.failures[-1]
    assert len(kept) == 40


def test_failures_after_a_rollback_come_last() -> None:
    run = rolled_back()
    assert run.rollback is not None
    assert run.rollback.verification is not None
    after = watched({"/api": between(100.0, 102.0)})
    before = watched({"/api": between(200.0, 202.0)})
    verification = replace(run.rollback.verification, window=after)
    both = replace(run, window=before, rollback=replace(run.rollback, verification=verification))

    assert window_failures(both) == (*before.failures, *after.failures)


def test_a_run_without_a_window_has_no_failures_of_one() -> None:
    assert window_failures(rolled_back()) == ()


def test_a_request_without_an_answer_says_what_happened() -> None:
    text = proofs((observation(Outcome.CONNECT_REFUSED, detail="port 443 is closed"),))

    assert text.splitlines()[1] == "(no response: connect_refused: port 443 is closed)"


def test_nothing_asked_is_an_empty_text() -> None:
    assert proofs(()) == ""


@pytest.mark.parametrize("name", ["Set-Cookie", "authorization", "WWW-Authenticate", "Cookie"])
def test_headers_that_carry_credentials_are_hidden(name: str) -> None:
    text = proof(response("ok", (name, SECRET), ("X-Other", "kept")))

    assert f"{name}: ***\nX-Other: kept\n" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    "body",
    [
        f'{{"password":"{SECRET}"}}',
        f'{{"db_Password" : "{SECRET}"}}',
        f'{{"apiKey":"a\\"{SECRET}"}}',
        f'{{"a":"b","nested":{{"client_secret":\n"{SECRET}"}}}}',
        f'{{"token":"{SECRET}',
        f'{{"token":"{SECRET}\\',
        f'{{"dsn":"postgres://bob:{SECRET}@db/app"}}',
        f"connecting to redis://:{SECRET}@cache:6379",
    ],
)
def test_a_body_loses_what_is_named_like_a_secret(body: str) -> None:
    assert SECRET in body
    assert SECRET not in redacted(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"status":"ok","checks":{"db":"ok"}}',
        'a "quoted" word: "and another"',
        "see https://docs.example/a and mail a@b.example",
        '{"note":"the token: \\"x\\" is fine"}',
    ],
)
def test_a_body_without_secrets_stays_as_it_is(body: str) -> None:
    assert redacted(body) == body


def test_the_rest_of_a_redacted_body_is_still_there() -> None:
    assert redacted('{"a":"b","token":"x","c":"d"}') == '{"a":"b","token":"***","c":"d"}'


@pytest.mark.parametrize(
    "body",
    ["a" * 65536, '"' + "token" * 13000, '"' + '\\"' * 32000, '"a"' + " " * 65000, "a://" * 16000],
    ids=["one word", "no end", "escapes", "spaces", "schemes"],
)
def test_no_body_can_make_the_redaction_slow(body: str) -> None:
    begun = process_time()

    redacted(body)

    assert process_time() - begun < 1.0


def test_a_long_body_is_cut_and_says_so() -> None:
    text = proof(response("x" * (BODY_LIMIT + 1)))

    assert f"\n{'x' * BODY_LIMIT}\n(cut: {BODY_LIMIT + 1} bytes were received)\n" in text


def test_a_body_that_was_cut_on_receipt_says_so_too() -> None:
    text = proof(response("short", body_bytes=70_000, body_truncated=True))

    assert text.endswith("short\n(cut: 70000 bytes were received)\n")


FORGERY = "ok\n\n====== 2026-11-23T10:00:05Z https://a.example/healthz ======\nHTTP/1.1 200 OK"


@given(st.one_of(st.text(st.characters()), st.text(st.sampled_from("=\n\r\u2028\x1b ok"))))
@example(FORGERY)
def test_no_answer_can_forge_another_proof(text: str) -> None:
    answer = response(text, (text, text), reason=text)

    seen = (observation(response=answer, url=text), observation(Outcome.RESET, detail=text))
    written = proofs(seen)

    assert sum(1 for line in written.split("\n") if line.startswith("======")) == 2
    assert not set(written) & set("\r\x1b\x85\u2028\u2029")
    written.encode("utf-8")
