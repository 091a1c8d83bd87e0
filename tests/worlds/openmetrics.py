"""A reader of OpenMetrics that takes nothing the grammar does not allow."""

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = rf'({_NAME})="((?:[^"\\\n]|\\["\\n])*)"'
_SAMPLE = re.compile(rf"({_NAME})\{{((?:{_LABEL},?)+)\}} (-?\d+(?:\.\d+)?)")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass
class Family:
    """A metric family as its metadata and samples declare it."""

    kind: str
    unit: str = ""
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)


def parsed(text: str) -> dict[str, Family]:
    """Return the families; fails on anything the grammar does not allow."""
    *lines, end, last = text.split("\n")
    assert (end, last) == ("# EOF", "")
    families: dict[str, Family] = {}
    current = ""
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in families, "a family's lines must stand together"
            families[current] = Family(kind)
        elif line.startswith("# UNIT "):
            _, _, name, unit = line.split(" ")
            assert name == current
            assert name.endswith(f"_{unit}")
            families[name].unit = unit
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            suffix = "_total" if families[current].kind == "counter" else ""
            assert match[1] == current + suffix
            labels = {n: _unescaped(v) for n, v in re.findall(_LABEL, match[2])}
            families[current].samples.append((match[1], labels, float(match[5])))
    series = [(n, tuple(sorted(ls.items()))) for f in families.values() for n, ls, _ in f.samples]
    assert len(series) == len(set(series))
    return families


def _unescaped(value: str) -> str:
    return re.sub(r"\\[\\\"n]", lambda match: _UNESCAPED[match[0]], value)
