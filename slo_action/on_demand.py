"""What only some runs use, imported when they do: the one table of late imports (ADR 0002).

Everything else is imported at the top of the module that uses it.
"""

from importlib import import_module
from typing import Any

ON_DEMAND = {
    # A mode, when it runs.
    "verify": "slo_action.modes.verify:verify",
    "prepare": "slo_action.modes.prepare:prepare",
    "rollback": "slo_action.modes.rollback:rollback",
    "check": "slo_action.wiring.check:run_check",
    "multi-service": "slo_action.wiring.multi_service:run_multi_service",
    "replay": "slo_action.wiring.offline:run_replay",
    "backtest": "slo_action.wiring.offline:run_backtest",
    "openslo": "slo_action.wiring.offline:run_openslo",
    # What comes after the last probe: 150 ms of pydantic and the artifact client.
    "publish": "slo_action.wiring.publish:publish",
    "publish-prepared": "slo_action.modes.publish_prepared:publish_prepared",
    "publish-all": "slo_action.wiring.publish:publish_all_services",
    "publish-services": "slo_action.modes.multi_service.publish:publish_services",
    "write-evidence": "slo_action.modes.multi_service.publish:write_service_evidence",
    # GitHub's API, 140 ms: after the local evidence is written.
    "ghapi": "ghapi.core:GhApi",
    "ghapi-error": "fasttransport.errors:APIError",
    # What only some inputs ask for.
    "slo.yml": "slo_action.config.slo.load:load_slo_yml",
    "workspace-files": "slo_action.config.files.workspace:WorkspaceFiles",
    "mistakes": "slo_action.render.mistakes",
    "publish-error": "slo_action.modes.publish_error:publish_error",
    "prepared": "slo_action.audit.prepared:find_prepared",
    "command": "slo_action.platforms.command:open_platform",
    "fly": "slo_action.platforms.fly.platform:open_platform",
    "prometheus": "slo_action.sources.prometheus.source:PrometheusSource",
    # Libraries that only some assertions and captures of slo.yml use.
    "jsonpath": "jsonpath",
    "jsonpath-functions": "jsonpath.function_extensions",
    "re2": "re2",
    "unescape": "html:unescape",
}
"""Name → module, or module:attribute."""


def on_demand(name: str) -> Any:  # noqa: ANN401 - the caller says what it takes from the table
    """Import what a name of the table stands for, and return it."""
    module, _, attribute = ON_DEMAND[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
