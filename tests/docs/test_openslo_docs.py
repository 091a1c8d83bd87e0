"""docs/openslo.md says of OpenSLO what the code does with it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo_action.config.openslo.annotations import is_field
from slo_action.config.openslo.read import openslo_services
from slo_action.config.text.units import parse_ratio

PAGE = (Path(__file__).parents[2] / "docs" / "openslo.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
ANNOTATIONS = sorted(set(re.findall(r"`slo-verify\.([a-z0-9_.]+)`", PAGE)) - {"objective", "unit"})


def test_the_example_becomes_what_the_page_says() -> None:
    openslo, ours = EXAMPLES
    result = openslo_services(list(yaml.safe_load_all(openslo)))

    assert (result.mistakes, result.skipped) == ((), ())
    (service,) = result.services
    assert exact(service) == exact(yaml.safe_load(ours))


def exact(service: dict[str, Any]) -> dict[str, Any]:
    targets = {name: parse_ratio(text) for name, text in service["slo_targets"].items()}
    return {**service, "slo_targets": targets}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_every_annotation_of_the_page_is_read(name: str) -> None:
    assert is_field(name)
