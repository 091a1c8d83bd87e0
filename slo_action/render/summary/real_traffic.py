"""What the job summary shows of real users' traffic."""

from slo_action.core.observation.real_traffic import (
    OnNoData,
    TrafficFinding,
    TrafficReading,
    TrafficVerdict,
)
from slo_action.core.observation.window import Window
from slo_action.render.text.escape import code, markdown, shortened
from slo_action.render.text.markdown import table

_LIMIT = 600
_MEANINGS = {
    TrafficVerdict.BREACH: "❌ Above the rollback trigger",
    TrafficVerdict.ELEVATED: "⚠️ Above the SLO, not surely above the trigger",
    TrafficVerdict.FINE: "✅ Within the SLO",
    TrafficVerdict.PRE_EXISTING: "⚠️ It failed as much before the deploy",
    TrafficVerdict.TOO_FEW: "Too few requests to say anything; our own probes decide",
    TrafficVerdict.NO_DATA: "No data",
}
_NO_DATA = {
    OnNoData.SYNTHETIC: "No data, so our own probes decide alone",
    OnNoData.INCONCLUSIVE: "No data, and without it nothing is called healthy",
    OnNoData.FAIL: "No data, which this policy takes for a failure",
    OnNoData.PASS: "No data, which this policy takes for a pass",
}


def traffic_section(window: Window) -> str:
    """Return the newest look as Markdown; empty where no source was asked."""
    if not window.readings:
        return ""
    finding, newest = window.traffic, window.readings[-1]
    told = markdown(shortened(finding.sentence, _LIMIT))
    parts = ["### Real traffic", f"{_meaning(window, finding)}: {told}."]
    if newest.requests is not None:
        parts.append(_numbers(newest))
    elif finding.verdict is not TrafficVerdict.NO_DATA:
        parts.append("The newest look saw no numbers; the sentence is of the one before it.")
    return "\n\n".join(parts)


def _meaning(window: Window, finding: TrafficFinding) -> str:
    if finding.verdict is TrafficVerdict.NO_DATA:
        return f"**{_NO_DATA[window.policy.traffic.on_no_data]}**"
    return f"**{_MEANINGS[finding.verdict]}**"


def _numbers(reading: TrafficReading) -> str:
    header = ("newest look", "state", "failed", "before the deploy", "p95", "lag", "clock skew")
    return table(header, [_row(reading)])


def _row(reading: TrafficReading) -> tuple[str, ...]:
    newest = reading.newest_scrape_seconds
    skew = reading.clock_skew_seconds
    return (
        f"at {reading.at_seconds:.0f}\u00a0s",
        code(reading.state),
        _share(reading.errors, reading.requests),
        _share(reading.errors_before, reading.requests_before),
        "unknown" if reading.p95_seconds is None else f"{1000 * reading.p95_seconds:.0f}\u00a0ms",
        "unknown" if newest is None else f"{reading.at_seconds - newest:.0f}\u00a0s",
        "unknown" if skew is None else f"{skew:+.0f}\u00a0s",
    )


def _share(errors: float | None, requests: float | None) -> str:
    if errors is None or requests is None:
        return "unknown"
    share = f" ({100 * errors / requests:.1f}\u00a0%)" if requests > 0 else ""
    return f"{errors:.0f} of {requests:.0f}{share}"
