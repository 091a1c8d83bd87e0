"""What a service of slo.yml adds to a request: assertions, its own endpoints, journeys, secrets."""

from fractions import Fraction
from pathlib import Path

from slo_action.config.inputs import PlatformName
from slo_action.config.request import VerifyRequest
from slo_action.core.journey.journeys import Condition, Subject
from slo_action.core.model import Probe, Witness
from slo_action.core.observation.streams import stream_name
from tests.config.test_request import mistakes, request, with_matrix

WHOLE = """\
service: api
url: https://api.example/eu/
platform: none
health_endpoint: /up
build_endpoint: /__build
search_endpoint: /search
stats_endpoint: /stats
slo_targets: {stats_response_time_p95: 3s, search_response_time_p90: 4s}
assertions:
  health: [{json: $.status, equals: ok}]
  build: [{json: $.commit, exists: true}]
  search: [{status: 2xx}]
  stats: [{body_lacks: error}]
endpoints:
- {name: orders, path: /api/orders, response_time_p95: 1s, assertions: [{status: 200}]}
journeys:
- name: buy
  steps:
  - {name: login, path: /login, method: POST, json: {password: "${secrets.PASSWORD}"}}
"""


def whole(workspace: Path, **given: str) -> VerifyRequest:
    workspace = with_matrix(workspace, WHOLE)
    return request(workspace, url="", secrets="PASSWORD=hunter22", **given)


def named(made: VerifyRequest) -> dict[str, Probe]:
    return {stream_name(probe): probe for probe in (*made.probes, *made.endpoints)}


def test_every_endpoint_is_compared_with_its_own_assertions(tmp_path: Path) -> None:
    probes = named(whole(tmp_path))

    reported = {
        name: [(a.subject, a.condition) for a in probe.assertions] for name, probe in probes.items()
    }
    assert reported == {
        "health": [(Subject.JSON, Condition.EQUALS)],
        "version": [(Subject.JSON, Condition.EXISTS)],
        "search": [(Subject.STATUS, Condition.ONE_OF)],
        "stats": [(Subject.BODY, Condition.LACKS)],
        "/eu/api/orders": [(Subject.STATUS, Condition.ONE_OF)],
        "journey buy": [],
    }


def test_own_endpoints_and_journeys_lie_below_the_service_s_address(tmp_path: Path) -> None:
    probes = named(whole(tmp_path))

    assert probes["/eu/api/orders"].url == "https://api.example/eu/api/orders"
    assert probes["journey buy"].url == "https://api.example/eu"
    assert probes["health"].url == "https://api.example/eu/up"


def test_targets_of_single_endpoints_are_their_own_objectives(tmp_path: Path) -> None:
    made = whole(tmp_path)
    stats, orders = named(made)["stats"].objective, named(made)["/eu/api/orders"].objective
    search = made.policy.window.objective(Witness.SEARCH)

    assert stats
    assert orders
    assert search
    assert (stats.limit_seconds, orders.limit_seconds) == (3.0, 1.0)
    assert (search.quantile, search.limit_seconds) == (Fraction(9, 10), 4.0)


def test_an_endpoint_that_the_input_names_too_is_asked_once_as_the_file_says(
    tmp_path: Path,
) -> None:
    made = whole(tmp_path, api_paths="/api/orders\n/api/cart")

    urls = [probe.url for probe in made.endpoints]
    assert urls.count("https://api.example/eu/api/orders") == 1
    assert "https://api.example/eu/api/cart" in urls
    assert named(made)["/eu/api/orders"].assertions


def test_the_file_s_platform_and_app_are_taken_where_no_input_says_more(tmp_path: Path) -> None:
    text = "service: api\nurl: https://api.example\nplatform: fly\napp: api-prod\n"
    with_matrix(tmp_path, text)

    taken = request(tmp_path, url="", fly_api_token="fo1_x")
    said = request(tmp_path, url="", fly_api_token="fo1_x", platform="none", app="other")

    assert taken.platform is PlatformName.FLY
    assert taken.app == "api-prod"
    assert said.platform is PlatformName.NONE


def test_secrets_are_handed_to_journeys_and_are_secrets_of_the_run(tmp_path: Path) -> None:
    made = whole(tmp_path)

    assert {n: s.reveal() for n, s in made.journey_secrets.items()} == {"PASSWORD": "hunter22"}
    assert "hunter22" in [secret.reveal() for secret in made.secrets]
    assert "hunter22" not in repr(made)


def test_a_secret_that_a_journey_needs_and_is_not_given_is_a_mistake(tmp_path: Path) -> None:
    (found,) = mistakes(with_matrix(tmp_path, WHOLE), url="")

    assert found.field == "secrets"
    assert str(found) == (
        'secrets: PASSWORD is missing; journey "buy" uses it: add PASSWORD=${{ secrets.PASSWORD }}'
    )


def test_a_mistake_in_secrets_is_the_only_thing_said_of_them(tmp_path: Path) -> None:
    """Those that could not be read are not called missing, too."""
    (found,) = mistakes(
        with_matrix(tmp_path, WHOLE), url="", service="api", secrets="PASSWORD=hunter22\nOTHER="
    )

    assert "OTHER is empty" in found.accepted


def test_a_secret_that_cannot_be_masked_is_refused(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, secrets="PIN=123")

    assert "PIN is shorter than 4 characters, so no log can hide it" in found.accepted
    assert "123" not in str(found)


def test_mistaken_secrets_are_reported_without_their_values(tmp_path: Path) -> None:
    for given in ("hunter22", "A-B=hunter22", "A=hunter22\nA=hunter22", "A="):
        (found,) = mistakes(tmp_path, secrets=given)

        assert found.field == "secrets"
        assert "hunter22" not in str(found)


def test_an_unset_secret_is_named(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, secrets="PASSWORD=")

    assert "PASSWORD is empty: is the secret set in this repository?" in str(found)


def test_an_address_of_slo_yml_that_may_not_be_probed_is_a_mistake_on_its_line(
    tmp_path: Path,
) -> None:
    text = "services:\n- service: api\n  url: http://169.254.169.254\n"

    (mistake,) = mistakes(with_matrix(tmp_path, text), url="")

    assert (mistake.path, mistake.line) == (".github/slo.yml", 3)
    assert "allow-link-local" in mistake.accepted


def test_slo_yaml_is_found_at_the_usual_place(tmp_path: Path) -> None:
    with_matrix(tmp_path, WHOLE)
    usual = tmp_path / ".github" / "slo.yml"
    usual.rename(usual.with_suffix(".yaml"))

    assert request(tmp_path, url="", secrets="PASSWORD=hunter22").url == "https://api.example/eu"
