"""An HTTP answer to one outcome, by one ordered table of rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses

from slo_action.core.answer.health_body import BodyHealth, HealthReading, read_health, read_page
from slo_action.core.answer.version import (
    VersionField,
    VersionJudgement,
    judge_version,
    version_fields_in_headers,
    version_fields_in_json,
    version_fields_in_line,
)
from slo_action.core.journey.journeys import Subject
from slo_action.core.model import Outcome, Probe, VersionRule, Witness
from slo_action.core.text.quoting import quoted
from slo_action.probing.answer import Answer, is_page, remarks, retry_after
from slo_action.probing.assertions import expects_status, looks_at_body, unmet
from slo_action.probing.body import parse_json
from slo_action.probing.intermediaries import cache_evidence, challenger
from slo_action.probing.redirects import advice, target_of, without_nonce

_LONGEST_LOCATION = 300
_LONGEST_STATUS_TEXT = 32
_CONFIG_FIXES = {
    401: "the path asks for credentials: put them into the url input, or open the path",
    403: "the path is forbidden to the probe: open it, or put credentials into the url input",
    404: "there is nothing at this path: check the URL",
    405: "the path does not take GET: name a path that does",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the answer means; `detail`, `version` and `notes` may quote the target: untrusted."""

    outcome: Outcome
    detail: str
    version: str | None = None
    retry_after_seconds: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at, worked out once."""

    answer: Answer
    probe: Probe
    total_seconds: float
    version: VersionJudgement
    names_version: bool
    health: HealthReading
    says: str
    expected: bool
    notes: tuple[str, ...] = field(default=())


_Found = tuple[Outcome, str] | None


def classify(answer: Answer, probe: Probe, total_seconds: float) -> Reading:
    """Return what `answer` means for `probe`; `total_seconds` is what `slow` is judged by.

    The first rule that fits decides: whoever stands between us and the service before the service,
    the status before the body, the version before the health, health before what the user asserts,
    that before slowness, and the days of a certificate last. Only status 200 can be good, unless
    another one is asserted; 429 never is. Another 2xx is `http_4xx`: like a 404 it says that the
    URL does not give the answer that is asked for, which is the configuration's fault; the classes
    that blame the service would roll a working release back.
    """
    facts = _facts(answer, probe, total_seconds)
    outcome, detail = next(found for rule in _RULES if (found := rule(facts)))
    return Reading(
        outcome=outcome,
        detail=detail,
        version=facts.version.version,
        retry_after_seconds=retry_after(answer) if outcome is Outcome.RATE_LIMITED else None,
        notes=facts.notes,
    )


def _facts(answer: Answer, probe: Probe, total_seconds: float) -> _Facts:
    text = answer.body.text
    is_json, document = parse_json(text)
    versions = _versions(answer, probe, document if is_json else None)
    line = text.strip()
    plain = line if not is_json and len(line) <= _LONGEST_STATUS_TEXT else None
    is_200 = answer.status == HTTPStatus.OK
    health = said = HealthReading(health=None)
    if probe.reads_health:
        said = read_health(document if is_json else plain)
        health = said if is_200 else health
    if is_200 and is_page(text) and probe.witness is not Witness.CONTROL:
        health = read_page(text)
    is_remarkable = is_200 and probe.witness is not Witness.CONTROL
    return _Facts(
        answer,
        probe,
        total_seconds,
        judge_version(probe.version_rule or VersionRule(), versions),
        bool(versions),
        health,
        f" and {said.detail}" if said.detail else "",
        expects_status(probe.assertions, answer.status),
        remarks(answer, health, is_json=is_json) if is_remarkable else (),
    )


def _versions(answer: Answer, probe: Probe, document: object) -> tuple[VersionField, ...]:
    """A plain line is read only on the version path; a page names no version."""
    found: tuple[VersionField, ...] = ()
    if document is not None and not isinstance(document, str):
        found = version_fields_in_json(document)
    if probe.witness is Witness.VERSION and answer.status == HTTPStatus.OK and not found:
        found = version_fields_in_line(document if isinstance(document, str) else answer.body.text)
    return (*found, *version_fields_in_headers(answer.headers))


def _challenged(facts: _Facts) -> _Found:
    answer = facts.answer
    firewall = challenger(answer.status, answer.headers, answer.body.text)
    detail = f"{firewall} challenged the probe ({answer.status}): let it pass by a header or token"
    return (Outcome.WAF_CHALLENGE, detail) if firewall else None


def _limited(facts: _Facts) -> _Found:
    if facts.answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    wait = retry_after(facts.answer)
    asked = "" if wait is None else f" and asks to wait {wait:.0f} s"
    return Outcome.RATE_LIMITED, f"answers 429{asked}: the probe is rate limited"


def _cached(facts: _Facts) -> _Found:
    """A journey may pass a page that is cached: it says nothing of the release."""
    evidence = cache_evidence(facts.answer.headers)
    passes = facts.expected or 200 <= facts.answer.status < 300  # noqa: PLR2004
    if evidence is None or (facts.probe.witness is Witness.JOURNEY and passes):
        return None
    return Outcome.CACHED, (
        f"answers {facts.answer.status} out of a cache ({quoted(evidence)}): send "
        f"`Cache-Control: no-store` on this path"
    )


def _redirected(facts: _Facts) -> _Found:
    answer = facts.answer
    if facts.expected or not 300 <= answer.status < 400:  # noqa: PLR2004
        return None
    location = answer.header("location")
    target = target_of(answer.url, location) if location else None
    if target is None:
        named = f"names no usable Location ({quoted(location)})" if location else "no Location"
        return Outcome.REDIRECT, f"answers {answer.status} and {named}"
    shown = quoted(without_nonce(target), _LONGEST_LOCATION)
    return Outcome.REDIRECT, f"answers {answer.status} to {shown}: {advice(answer.url, target)}"


_BY_STATUS = frozenset({Witness.API, Witness.SEARCH, Witness.STATS, Witness.JOURNEY})
"""Endpoints and steps whose bodies do not report health: any 2xx will do, however long."""


def _refusing(facts: _Facts) -> _Found:
    status = facts.answer.status
    is_any_2xx = facts.probe.witness in _BY_STATUS and 200 <= status < 300  # noqa: PLR2004
    if facts.expected or status == HTTPStatus.OK or is_any_2xx:
        return None
    answers = f"answers {status} {responses.get(status, '')}".rstrip()
    if 500 <= status < 600:  # noqa: PLR2004
        return Outcome.HTTP_5XX, f"{answers}{facts.says}"
    if 400 <= status < 500:  # noqa: PLR2004
        fix = None if facts.probe.witness is Witness.JOURNEY else _CONFIG_FIXES.get(status)
        return Outcome.HTTP_4XX, f"{answers}: {fix}" if fix else answers
    if 200 <= status < 300:  # noqa: PLR2004
        only = "only 200 is a healthy answer: name a path that answers 200"
        return Outcome.HTTP_4XX, f"{answers}, and {only}"
    return Outcome.PROTOCOL_ERROR, f"answers {status}, which is no status of a final answer"


def _unreadable(facts: _Facts) -> _Found:
    """A long body is no fault where it is not looked at."""
    looked_at = facts.probe.witness not in _BY_STATUS or looks_at_body(facts.probe.assertions)
    return facts.answer.body.problem if looked_at else None


def _misversioned(facts: _Facts) -> _Found:
    if facts.version.fits:
        return None
    if not facts.names_version and facts.health.health is BodyHealth.UNHEALTHY:
        return None  # that it is unhealthy says more than that it reports no version
    return Outcome.WRONG_VERSION, f"answers {facts.answer.status}, but {facts.version.detail}"


def _unhealthy(facts: _Facts) -> _Found:
    if facts.health.health is not BodyHealth.UNHEALTHY:
        return None
    return Outcome.UNHEALTHY_BODY, f"answers 200, but {facts.health.detail}"


def _asserted(facts: _Facts) -> _Found:
    return _failed(facts, Outcome.ASSERTION_FAILED, of_certificate=False)


def _expiring(facts: _Facts) -> _Found:
    """No release made the certificate, so whatever else is wrong goes before it."""
    return _failed(facts, Outcome.TLS_EXPIRING, of_certificate=True)


def _failed(facts: _Facts, outcome: Outcome, *, of_certificate: bool) -> _Found:
    asserted = facts.probe.assertions
    looked_at = (a for a in asserted if (a.subject is Subject.CERTIFICATE) is of_certificate)
    problem = unmet(looked_at, facts.answer)
    return (outcome, f"answers {facts.answer.status}, but {problem}") if problem else None


def _slow(facts: _Facts) -> _Found:
    limit = facts.probe.slow_after_seconds
    if limit is None or facts.total_seconds <= limit:
        return None
    return Outcome.SLOW, (
        f"answers {facts.answer.status}, but after {facts.total_seconds:.3f} s (limit {limit:g} s)"
    )


def _alive(facts: _Facts) -> _Found:
    is_degraded = facts.health.health is BodyHealth.DEGRADED
    says = f" and {facts.health.detail}" if facts.health.detail else ""
    outcome = Outcome.DEGRADED_BODY if is_degraded else Outcome.OK
    return outcome, f"answers {facts.answer.status}{says}"


_RULES: tuple[Callable[[_Facts], _Found], ...] = (
    _challenged,
    _limited,
    _cached,
    _redirected,
    _refusing,
    _unreadable,
    _misversioned,
    _unhealthy,
    _asserted,
    _slow,
    _expiring,
    _alive,
)
