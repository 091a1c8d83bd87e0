"""`make size`: the package's lines by feature, into bench/SIZE.md."""

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "slo_action"
PAGE = ROOT / "bench" / "SIZE.md"
FEATURES = {
    "Health gate": ("core/gate", "modes/steps/gate"),
    "Observation window": ("core/observation", "modes/steps/window"),
    "Statistics": ("core/stats",),
    "Verdict, decision, policy": ("core/verdict", "core/decision", "core/policy"),
    "HTTP probing": ("probing", "core/answer", "config/probes"),
    "Journeys": ("core/journey", "probing/journey"),
    "Fly.io: API client and state": ("platforms/fly", "core/release/fleet"),
    "Fly.io: rollback and restart": ("platforms/fly/rollback", "core/release/rollback_plan"),
    "Prepare: baseline, rollback target": (
        "platforms/fly/prepare",
        "core/release",
        "modes/prepare",
        "modes/publish_prepared",
        "render/summary/prepared",
        "audit/prepared",
    ),
    "Other platforms": ("platforms",),
    "Prometheus": ("sources", "config/settings/prometheus"),
    "slo.yml": ("config/slo", "core/slo/", "config/files"),
    "Weakened slo.yml in a pull request": (
        "core/slo_diff",
        "modes/check/slo_diff",
        "modes/check/slo_impact",
        "render/lint/slo_diff",
    ),
    "OpenSLO": ("config/openslo", "core/slo/openslo", "render/openslo"),
    "check: rules and fixes": ("core/lint", "modes/check", "config/check", "render/lint"),
    "Several services": (
        "modes/multi_service",
        "config/multi_service",
        "core/record/multi_service",
        "render/summary/multi_service",
        "system/workers",
    ),
    "Backtest and replay": ("modes/backtest", "modes/replay", "render/backtest"),
    "Audit, evidence, history": ("audit", "core/record", "evidence", "history"),
    "GitHub and inputs": ("github", "config/inputs", "config/request"),
    "Summary, annotations, metrics": ("render",),
    "Modes": ("modes",),
    "Text, numbers, secrets": ("core/text", "config/text"),
    "Wiring, command line, clock": ("",),
}
"""Paths below the package, by the feature they are there for; the longest prefix decides."""


def feature_of(path: str) -> str:
    """Return the feature of a module, by its path below the package."""
    _, found = max(
        (len(prefix), feature)
        for feature, prefixes in FEATURES.items()
        for prefix in prefixes
        if path.startswith(prefix)
    )
    return found


def lines_by_feature() -> Counter[str]:
    """Count the lines of every module."""
    counted: Counter[str] = Counter(dict.fromkeys(FEATURES, 0))
    for path in sorted(PACKAGE.rglob("*.py")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        counted[feature_of(path.relative_to(PACKAGE).as_posix())] += lines
    return counted


def page() -> str:
    """Return what bench/SIZE.md should be."""
    counted = lines_by_feature()
    rows = [f"| {feature} | {count:,} |" for feature, count in counted.items()]
    return "\n".join(
        [
            "# Size",
            "",
            "Lines of `slo_action` by feature, written by `make size`. A change that makes one of",
            "them longer says what users get for it.",
            "",
            "| feature | lines |",
            "|---|---:|",
            *rows,
            f"| **all** | **{counted.total():,}** |",
            "",
        ]
    )


def unused() -> list[str]:
    """Return the prefixes that no module has any more."""
    paths = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    every = [prefix for prefixes in FEATURES.values() for prefix in prefixes]
    return [one for one in every if not any(path.startswith(one) for path in paths)]


def main() -> int:
    """Write the page and print it; a table that is not the package's any more is an error."""
    stale = unused()
    if stale:
        print("scripts/size.py names what is not there:", *stale)
        return 1
    text = page()
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
