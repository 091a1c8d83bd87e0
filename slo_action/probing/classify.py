"""An HTTP answer to one outcome, by one ordered table of rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses

from slo_action.core.answer.health_body import (
    HealthReading,
    is_page,
    page_title,
    read_health,
    read_page,
)
from slo_action.core.answer.health_words import BodyHealth
from slo_action.core.answer.version import (
    VersionField,
    VersionJudgement,
    judge_version,
    version_fields_in_headers,
    version_fields_in_json,
    version_fields_in_lines,
    version_fields_in_page,
)
from slo_action.core.journey.journeys import Subject
from slo_action.core.model import Outcome, Probe, VersionRule, Witness
from slo_action.core.text.quoting import LONGEST_ADDRESS, quoted
from slo_action.probing.answer import Answer, remarks, retry_after
from slo_action.probing.assertions import expects_status, looks_at_body, unmet
from slo_action.probing.body import parse_json
from slo_action.probing.intermediaries import cache_evidence, challenger
from slo_action.probing.redirects import advice, target_of, without_nonce

_CONFIG_FIXES = {
    401: "the path asks for credentials: send them by `headers` or in `url`, or open the path",
    403: "the path is forbidden to the probe: open it, or send what it asks for by `headers`",
    404: "there is nothing at this path: check the URL",
    405: "the path does not take {method}: set `method`, or name a path that does",
    407: "a proxy asks for credentials: write them in `proxy`",
    421: "the server serves another host name: set `host`",
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
    another one is asserted; 429 by name. Another 2xx is `http_4xx`: like a 404 it says that the
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
    is_2xx = 200 <= answer.status < 300  # noqa: PLR2004
    health = said = HealthReading(health=None)
    if probe.reads_health:
        said = read_health(document if is_json else text)
        health = said if is_2xx else health
    if is_2xx and is_page(text) and probe.witness is not Witness.CONTROL:
        health = read_page(text)
    version = judge_version(probe.version_rule or VersionRule(), versions)
    is_remarkable = is_2xx and probe.witness is not Witness.CONTROL
    return _Facts(
        answer,
        probe,
        total_seconds,
        version,
        bool(versions),
        health,
        f" and {said.detail}" if said.detail else "",
        expects_status(probe.assertions, answer.status),
        (*(remarks(answer, health, is_json=is_json) if is_remarkable else ()), *version.notes),
    )


def _versions(answer: Answer, probe: Probe, document: object) -> tuple[VersionField, ...]:
    """Plain lines are read only on the version path, and pages where health is, too."""
    found: tuple[VersionField, ...] = ()
    if document is not None and not isinstance(document, str):
        found = version_fields_in_json(document)
    is_200, text = answer.status == HTTPStatus.OK, answer.body.text
    if is_200 and probe.witness in {Witness.HEALTH, Witness.VERSION} and is_page(text):
        found = version_fields_in_page(text)
    elif is_200 and probe.witness is Witness.VERSION and not found:
        found = version_fields_in_lines(_lines(document, text))
    return (*found, *version_fields_in_headers(answer.headers))


def _lines(document: object, text: str) -> str:
    """Return a JSON text, or a list of texts, as lines; else the body itself."""
    if isinstance(document, list):
        return "\n".join(one for one in document if isinstance(one, str))
    return document if isinstance(document, str) else text


def _challenged(facts: _Facts) -> _Found:
    answer = facts.answer
    firewall = challenger(answer.status, answer.headers, answer.body.text)
    detail = (
        f"{firewall} challenged the probe ({answer.status}): let it pass by a token in `headers`"
    )
    return (Outcome.WAF_CHALLENGE, detail) if firewall else None


def _limited(facts: _Facts) -> _Found:
    asserted = (one for one in facts.probe.assertions if one.subject is Subject.STATUS)
    is_meant = facts.expected and any("429" in str(one.expected) for one in asserted)
    if facts.answer.status != HTTPStatus.TOO_MANY_REQUESTS or is_meant:
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
        f"answers {facts.answer.status} from a cache ({quoted(evidence)}): send "
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
    shown = quoted(without_nonce(target), LONGEST_ADDRESS)
    return Outcome.REDIRECT, f"answers {answer.status} to {shown}: {advice(answer.url, target)}"


_BY_STATUS = frozenset({Witness.API, Witness.SEARCH, Witness.STATS, Witness.JOURNEY})
"""Endpoints and steps whose bodies do not report health: any 2xx will do, however long."""


def _refusing(facts: _Facts) -> _Found:
    status = facts.answer.status
    is_any_2xx = facts.probe.witness in _BY_STATUS and 200 <= status < 300  # noqa: PLR2004
    if facts.expected or status == HTTPStatus.OK or is_any_2xx:
        return None
    phrase = responses.get(status, "")
    titled = _title(facts.answer.body.text, f"{status} {phrase}")
    answers = f"answers {status} {phrase}".rstrip()
    if 500 <= status < 600:  # noqa: PLR2004
        return Outcome.HTTP_5XX, f"{answers}{facts.says or titled}"
    if 400 <= status < 500:  # noqa: PLR2004
        fix = None if facts.probe.witness is Witness.JOURNEY else _CONFIG_FIXES.get(status)
        fix = fix and fix.format(method=facts.probe.request.verb)
        return Outcome.HTTP_4XX, f"{answers}{titled}: {fix}" if fix else f"{answers}{titled}"
    if 200 <= status < 300:  # noqa: PLR2004
        only = (
            "only 200 is a healthy answer: set `expected-status`, or name a path that answers 200"
        )
        return Outcome.HTTP_4XX, f"{answers}, and {only}"
    return Outcome.PROTOCOL_ERROR, f"answers {status}, which is not a final status"


def _title(text: str, status: str) -> str:
    """A page often says who refuses and why, such as a proxy that was asked over plain HTTP."""
    title = page_title(text) if is_page(text) else ""
    said = title.lower()
    for part in status.lower().split(maxsplit=1):
        said = said.replace(part, "")
    return f" with a page titled {quoted(title)}" if any(map(str.isalpha, said)) else ""


def _unreadable(facts: _Facts) -> _Found:
    """A body that is long, or in a foreign encoding, is no fault where it is not looked at."""
    body, rule = facts.answer.body, facts.probe.version_rule
    needed = looks_at_body(facts.probe.assertions)
    if body.is_opaque:
        needed |= bool(rule and rule.expected) and not facts.names_version
    else:
        needed |= facts.probe.witness not in _BY_STATUS
    return body.problem if needed else None


def _misversioned(facts: _Facts) -> _Found:
    if facts.version.fits:
        return None
    if not facts.names_version and facts.health.health is BodyHealth.UNHEALTHY:
        return None  # that it is unhealthy says more than that it reports no version
    return Outcome.WRONG_VERSION, f"answers {facts.answer.status}, but {facts.version.detail}"


def _unhealthy(facts: _Facts) -> _Found:
    return None if facts.health.of_checks else _failing_check(facts)


def _failing_check(facts: _Facts) -> _Found:
    """What the user asserts of a check is looked at before what is concluded from it."""
    if facts.health.health is not BodyHealth.UNHEALTHY:
        return None
    return Outcome.UNHEALTHY_BODY, f"answers {facts.answer.status}, but {facts.health.detail}"


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
    """Where the user asserts what the body must be, a status that is unclear is no matter."""
    is_asserted = facts.health.is_unclear and looks_at_body(facts.probe.assertions)
    is_degraded = facts.health.health is BodyHealth.DEGRADED and not is_asserted
    says = f" and {facts.health.detail}" if facts.health.detail and not is_asserted else ""
    unverified = "" if facts.version.is_comparable else f"; {facts.version.detail}"
    outcome = Outcome.DEGRADED_BODY if is_degraded else Outcome.OK
    return outcome, f"answers {facts.answer.status}{says}{unverified}"


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
    _failing_check,
    _slow,
    _expiring,
    _alive,
)
