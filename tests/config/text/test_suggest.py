"""`did you mean`."""

from hypothesis import given
from hypothesis import strategies as st

from slo_action.config.text.suggest import did_you_mean


def test_the_nearest_name_leads() -> None:
    assert (
        did_you_mean("verfy", ["verify", "report"]) == "did you mean verify? known: report, verify"
    )


def test_far_from_everything_only_the_names_are_told() -> None:
    assert did_you_mean("zzz", ["verify", "report"]) == "known: report, verify"


def test_nothing_known_is_said() -> None:
    assert did_you_mean("zzz", []) == "known: none"


@given(st.text(), st.lists(st.text(min_size=1)))
def test_every_known_name_is_told(name: str, known: list[str]) -> None:
    told = did_you_mean(name, known)

    assert all(one in told for one in known)
