"""How long a service matrix of many services takes to read: ours, and what others would give."""

import argparse
import gc
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import jsonschema
import yaml

from bench.figures import table
from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.config.slo.json_schema import SCHEMA_PATH
from slo_action.config.slo.load import load_slo_yml
from slo_action.core.lint.rule import findings
from slo_action.core.lint.slo.rules import SLO_RULES, SloEntry

_SERVICE = """\
- service: shop-{n}
  url: https://shop-{n}.example.com
  health_endpoint: /healthz
  search_endpoint: /search
  slo_targets:
    availability: 99.9%
    response_time_p95: 500ms
    search_response_time_p90: 5000ms
    error_rate: <1%
  monitoring:
    health_interval: 15s
    health_timeout: 2s
    search_interval: 60s
    search_timeout: 10s
    grace_period: 30s
"""
"""The document's longest form of a service."""


def main() -> None:
    """Print the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    text = "".join(_SERVICE.format(n=n) for n in range(options.services))
    with TemporaryDirectory(prefix="slo-verify-matrix-") as folder:
        (Path(folder) / "slo.yml").write_text(text, encoding="utf-8")
        contestants = _contestants(Path(folder), text)
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(options.rounds):
            for name, run in contestants.items():
                gc.collect()
                begun = perf_counter()
                run()
                times[name].append(perf_counter() - begun)
    ours = median(times["ours: read, validated, every place known"])
    rows = [
        [
            name,
            f"{median(taken):.2f}",
            f"{min(taken):.2f}–{max(taken):.2f}",
            f"{median(taken) / ours:.2f}",
        ]
        for name, taken in times.items()
    ]
    print("## Reading slo.yml\n")
    print(
        f"{options.services:,} services in the document's longest form ({len(text) / 1e6:.1f} MB), "
        f"{options.rounds} rounds in turn, in one process."
    )
    print()
    print(table(["", "median, s", "all, s", "of ours"], rows))


def _contestants(folder: Path, text: str) -> dict[str, Callable[[], object]]:
    files = WorkspaceFiles(folder)
    documents = yaml.load(text, yaml.CSafeLoader)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    return {
        "ours: read, validated, every place known": lambda: load_slo_yml(
            files, "slo.yml", "config"
        ),
        "ours, and held against its rules": lambda: _checked(files),
        "PyYAML's loader on libyaml: values alone": lambda: yaml.load(text, yaml.CSafeLoader),
        "PyYAML's composer on libyaml: places, no values": lambda: yaml.compose(
            text, yaml.CSafeLoader
        ),
        "jsonschema, of what is loaded already": lambda: list(validator.iter_errors(documents)),
    }


def _checked(files: WorkspaceFiles) -> int:
    loaded = load_slo_yml(files, "slo.yml", "config")
    return sum(
        len(
            findings(
                SLO_RULES,
                SloEntry(service=loaded.slo_yml.services[name], table=origin.table),
                origin.document.below(*origin.roots),
            )
        )
        for name, origin in loaded.origins.items()
    )


if __name__ == "__main__":
    main()
