"""What `check` found as SARIF 2.1.0, within the limits of GitHub's code scanning.

`primaryLocationLineHash` is left to `upload-sarif`, which makes it of the line itself, warns of any
other, and takes nothing else for the identity of an alert.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from slo_action.core.lint.rule import Edit, Finding, Rule
from slo_action.core.model import Level
from slo_action.render.text.escape import markdown, shortened, visible
from slo_action.render.text.source import Lines, Sources, line_at, lines_of

MOST_RESULTS = 5_000
"""GitHub takes 25,000 of a run and keeps 5,000."""
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LIMIT = 400
_LONGEST_ID = 255
_LONGEST_EDIT = 2_000
_LEVELS = {Level.NOTICE: "note", Level.WARNING: "warning", Level.ERROR: "error"}
_SEVERITIES = {Level.NOTICE: "recommendation", Level.WARNING: "warning", Level.ERROR: "error"}
_TAGS = ("reliability", "deployment")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")

Json = dict[str, Any]


def sarif(
    found: Sequence[Finding],
    *,
    tool_version: str,
    rules: Iterable[Rule[Any]] = (),
    sources: Sources | None = None,
    home: str = "",
) -> str:
    """Return one run as JSON text; findings quote files and targets, and none of it acts.

    `rules` are all that were looked at, whether found or not. `sources` have the lines.
    `home` is the URL below which the docs lie, as of this version; rules have no link without it.
    Only the worst 5,000 findings are kept.
    """
    by_name: dict[str, Rule[Any]] = {}
    for rule in (*rules, *(finding.rule for finding in found)):
        by_name.setdefault(rule.name, rule)
    index = {name: number for number, name in enumerate(by_name)}
    order = list(reversed(Level))
    kept = sorted(found, key=lambda one: order.index(one.rule.level))[:MOST_RESULTS]
    lines = lines_of(sources or {})
    results = [
        _result(finding, index[finding.rule.name], fingerprint, lines)
        for finding, fingerprint in zip(kept, _fingerprints(kept), strict=True)
    ]
    driver: Json = {
        "name": "slo-verify",
        "version": _plain(tool_version),
        "rules": [_descriptor(rule, home) for rule in by_name.values()],
    }
    if home:
        driver["informationUri"] = home
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, separators=(",", ":")) + "\n"


def _descriptor(rule: Rule[Any], home: str) -> Json:
    why, fix = _plain(rule.why), _plain(rule.fix)
    described: Json = {
        "id": _id(rule),
        "shortDescription": {"text": _plain(rule.title)},
        "fullDescription": {"text": f"{_plain(rule.title)}: {why}."},
        "help": {
            "text": f"Why: {why}.\nInstead: {fix}.",
            "markdown": f"**Why**: {_marked(rule.why)}.\n\n**Instead**: {_marked(rule.fix)}.",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
        "properties": {
            "tags": list(_TAGS),
            "precision": "high",
            "problem.severity": _SEVERITIES[rule.level],
        },
    }
    if home:
        described["helpUri"] = f"{home}/{quote(rule.page, safe='/#', errors='replace')}"
    return described


def _id(rule: Rule[Any]) -> str:
    return shortened(visible(rule.name), _LONGEST_ID)


def _result(finding: Finding, index: int, fingerprint: str, lines: Lines) -> Json:
    rule = finding.rule
    message = f"{_plain(finding.message)}: {_plain(rule.why)}.\nInstead: {_plain(rule.fix)}."
    result: Json = {
        "ruleId": _id(rule),
        "ruleIndex": index,
        "level": _LEVELS[rule.level],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(finding.path),
                    "region": _region(finding, lines),
                }
            }
        ],
        "partialFingerprints": {"sloVerifyFinding/v1": fingerprint},
    }
    if finding.edit and _is_safe(finding.edit):
        result["fixes"] = [_fix(finding.edit, rule)]
    return result


def _artifact(path: str) -> Json:
    """A path is never cut: it would be another one."""
    return {"uri": quote(path.lstrip("/"), errors="replace"), "uriBaseId": "%SRCROOT%"}


def _region(finding: Finding, lines: Lines) -> Json:
    """From the place to the end of its line, where that is known."""
    start = finding.place
    region = {"startLine": start.line, "startColumn": start.column, "endLine": start.line}
    line = line_at(lines, finding.path, start)
    if line is not None and start.column <= len(line):
        region["endColumn"] = len(line) + 1
    return region


def _is_safe(edit: Edit) -> bool:
    """A shortened or escaped edit would be another one, so it is kept as it is or not at all."""
    inert = all(line == visible(line) for line in re.split(r"[\n\t]", edit.text))
    return inert and len(edit.text) <= _LONGEST_EDIT


def _fix(edit: Edit, rule: Rule[Any]) -> Json:
    start, end = edit.start, edit.end
    region = {"startLine": start.line, "startColumn": start.column}
    region |= {"endLine": end.line, "endColumn": end.column}
    replacement = {"deletedRegion": region, "insertedContent": {"text": edit.text}}
    change = {"artifactLocation": _artifact(edit.path), "replacements": [replacement]}
    return {"description": {"text": _plain(rule.fix)}, "artifactChanges": [change]}


def _fingerprints(found: Sequence[Finding]) -> Iterator[str]:
    """Neither lines nor numbers count: what was measured again is the same finding."""
    seen: Counter[str] = Counter()
    for finding in found:
        message = _NUMBER.sub("0", finding.message)
        identity = json.dumps([finding.rule.name, finding.path, message])
        digest = sha256(identity.encode("ascii")).hexdigest()[:32]
        seen[digest] += 1
        yield f"{digest}:{seen[digest]}"


def _plain(text: str) -> str:
    """Return text in which a message's own links and placeholders are parted."""
    return shortened(re.sub(r"(\])(?=\()|(\{)(?=[0-9])", r"\1\2 ", visible(text)), _LIMIT)


def _marked(text: str) -> str:
    return markdown(shortened(text, _LIMIT))
