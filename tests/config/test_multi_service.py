"""Several services by one `service` input: who is meant, and every mistake at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from slo_action.config.multi_service import MOST_SERVICES, read_multi_service
from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import RunIdentity
from slo_action.errors import InputError, Mistake
from slo_action.system.clock import SystemClock

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
THREE = """\
services:
  - {service: shop, url: "https://shop.example", health_endpoint: /up}
  - {service: cart, url: "https://cart.example"}
  - {service: "tools misc", url: "https://tools.example"}
"""


def around(workspace: Path, matrix: str = THREE) -> RunEnvironment:
    if matrix:
        (workspace / ".github").mkdir(exist_ok=True)
        (workspace / ".github" / "slo.yml").write_text(matrix, encoding="utf-8")
    return RunEnvironment(
        run=RunIdentity(), workspace=workspace, now=NOW, check_runs_possible=False
    )


def read(
    given: Mapping[str, str], workspace: Path, matrix: str = THREE
) -> tuple[VerifyRequest, ...] | None:
    return read_multi_service(given, around(workspace, matrix))


def mistakes(given: Mapping[str, str], workspace: Path, matrix: str = THREE) -> tuple[Mistake, ...]:
    with pytest.raises(InputError) as caught:
        read(given, workspace, matrix)
    return caught.value.mistakes


def names(requests: tuple[VerifyRequest, ...] | None) -> list[str]:
    return [request.service for request in requests or ()]


def test_all_is_every_service_of_the_matrix_in_its_order(tmp_path: Path) -> None:
    requests = read({"service": "all"}, tmp_path)

    assert names(requests) == ["shop", "cart", "tools misc"]
    assert requests is not None
    assert [request.url for request in requests][:2] == [
        "https://shop.example",
        "https://cart.example",
    ]
    assert requests[0].probes[0].url == "https://shop.example/up"


@pytest.mark.parametrize("asked", ["shop, cart", "shop,cart,", "shop\ncart", "\n shop \n\n cart"])
def test_several_stand_between_commas_or_on_lines(asked: str, tmp_path: Path) -> None:
    assert names(read({"service": asked}, tmp_path)) == ["shop", "cart"]


@pytest.mark.parametrize("asked", ["shop", "tools misc", "", "nobody"])
def test_a_single_name_is_read_as_it_always_was(asked: str, tmp_path: Path) -> None:
    assert read({"service": asked}, tmp_path) is None


def test_all_without_a_matrix_is_a_service_that_is_called_so(tmp_path: Path) -> None:
    assert read({"service": "all", "url": "https://all.example"}, tmp_path, "") is None


@pytest.mark.parametrize("asked", [",", ", ,", "\n,\n"])
def test_commas_alone_are_no_name(asked: str, tmp_path: Path) -> None:
    given = {"service": asked, "url": "https://a.example", "grace": "x"}

    assert {mistake.field for mistake in mistakes(given, tmp_path)} == {"service", "grace"}


def test_all_of_an_empty_matrix_says_that_it_is_empty(tmp_path: Path) -> None:
    (mistake,) = mistakes({"service": "all"}, tmp_path, "policy: {grace: 5s}\n")

    assert mistake.field == "service"
    assert mistake.problem == "means every service of slo.yml, which has none"


def test_an_address_with_a_name_is_for_several_services(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_request(
            {"service": "shop", "url": "shop=https://u:pw1234@a.example"}, around(tmp_path)
        )

    (mistake,) = caught.value.mistakes
    assert mistake.field == "url"
    assert "NAME=URL is for several services" in mistake.accepted
    assert "pw1234" not in str(mistake)


@pytest.mark.parametrize("url", ["", "shop=https://a.example", "a=https://a.x\nb=https://b.x"])
def test_all_without_a_matrix_or_an_address_says_what_it_means(url: str, tmp_path: Path) -> None:
    (mistake,) = mistakes({"service": "all", "url": url}, tmp_path, "")

    assert mistake.field == "config"
    assert "every service of slo.yml" in mistake.accepted


def test_a_matrix_has_no_service_whose_name_could_mean_several(tmp_path: Path) -> None:
    """So `all` is read as a single name, and reading that tells what is wrong."""
    for name in ("all", "a, b"):
        matrix = f"services:\n  - {{service: '{name}', url: 'https://a.example'}}\n"
        surroundings = around(tmp_path, matrix)

        assert read_multi_service({"service": "all"}, surroundings) is None
        with pytest.raises(InputError, match="nor is all"):
            read_request({"service": "all"}, surroundings)


def test_every_service_has_the_same_clock(tmp_path: Path) -> None:
    requests = read({"service": "all"}, tmp_path) or ()

    assert {request.deployed_at for request in requests} == {NOW}


def test_an_address_may_be_overridden_by_name(tmp_path: Path) -> None:
    url = "cart = https://staging.example\ntools misc=https://t.example/a"

    requests = read({"service": "all", "url": url}, tmp_path) or ()

    assert [request.url for request in requests] == [
        "https://shop.example",
        "https://staging.example",
        "https://t.example/a",
    ]


def test_addresses_alone_are_enough_without_a_matrix(tmp_path: Path) -> None:
    url = "a=https://a.example\nb=https://b.example"

    assert names(read({"service": "a, b", "url": url}, tmp_path, "")) == ["a", "b"]


def test_a_name_may_hold_an_equals_sign(tmp_path: Path) -> None:
    url = "a=https://a.example\na=b=https://b.example"

    requests = read({"service": "a, a=b", "url": url}, tmp_path, "") or ()

    assert [request.url for request in requests] == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("url", "problem", "value", "accepted"),
    [
        ("https://u:s3cret@x.example", "names no service", None, "NAME=URL"),
        ("https://x.example/a=b", "names no service", None, "NAME=URL"),
        ("shpo=https://u:s3cret@x.example", "is of no service", "shpo", "shop"),
        ("tools misc=https://x.example", "`service` does not name", "tools misc", "NAME=URL"),
        ("shop=https://x.example\nshop=https://y.example", "given twice", "shop", "once"),
    ],
)
def test_an_address_of_no_service_is_refused_without_showing_it(
    url: str, problem: str, value: str | None, accepted: str, tmp_path: Path
) -> None:
    (mistake, *rest) = mistakes({"service": "shop, cart", "url": url}, tmp_path)

    assert rest == []
    assert (mistake.field, mistake.value) == ("url", value)
    assert problem in mistake.problem
    assert accepted in mistake.accepted
    assert "s3cret" not in str(mistake)


def test_a_mistake_of_all_is_reported_once_and_one_of_some_names_them(tmp_path: Path) -> None:
    given = {"service": "a, b, c", "url": "a=https://a.example?x=1", "grace": "30"}

    found = mistakes(given, tmp_path, "")

    assert sorted(mistake.field for mistake in found) == ["a: url", "b, c: url", "grace"]
    missing = next(mistake for mistake in found if mistake.field == "b, c: url")
    assert "NAME=URL" in missing.accepted


def test_an_unknown_service_is_reported_by_its_own_name(tmp_path: Path) -> None:
    found = mistakes({"service": "shop, carrt, xyzzy"}, tmp_path)

    assert [(mistake.field, mistake.value) for mistake in found] == [
        ("service", "carrt"),
        ("service", "xyzzy"),
    ]
    assert "cart" in found[0].accepted


def test_a_service_is_named_once(tmp_path: Path) -> None:
    (mistake,) = mistakes({"service": "shop, cart, shop"}, tmp_path)

    assert (mistake.problem, mistake.value) == ("named twice", "shop")


def test_too_many_are_reported_what_to_do_instead(tmp_path: Path) -> None:
    many = [f"s{number}" for number in range(MOST_SERVICES + 1)]
    url = "\n".join(f"{name}=https://{name}.example" for name in many)

    (mistake,) = mistakes({"service": ", ".join(many), "url": url}, tmp_path, "")

    assert "51 services" in mistake.problem
    assert "examples/workflows/matrix.yml" in mistake.accepted


def test_as_many_as_are_allowed_are_read(tmp_path: Path) -> None:
    many = [f"s{number}" for number in range(MOST_SERVICES)]
    url = "\n".join(f"{name}=https://{name}.example" for name in many)

    assert names(read({"service": "\n".join(many), "url": url}, tmp_path, "")) == many


@pytest.mark.parametrize("mode", ["prepare", "rollback"])
def test_a_mode_that_takes_one_service_says_how_to_do_several(mode: str, tmp_path: Path) -> None:
    (mistake,) = mistakes({"service": "all", "mode": mode}, tmp_path)

    assert mistake.field == "mode"
    assert mode in mistake.problem
    assert "matrix.yml" in mistake.accepted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app", "shop-app"),
        ("to-version", "v41"),
        ("prometheus-errors-query", "sum(increase(errors_total[{window}]))"),
    ],
)
def test_an_input_that_fits_one_service_only_is_refused(
    name: str, value: str, tmp_path: Path
) -> None:
    found = mistakes({"service": "all", name: value}, tmp_path)

    assert "would be the same for several services" in [
        mistake.problem for mistake in found if mistake.field == name
    ]


def test_a_query_that_selects_the_service_fits_all(tmp_path: Path) -> None:
    query = 'sum(increase(requests_total{job="{service}"}[{window}]))'
    given = {
        "service": "all",
        "prometheus-url": "https://prom.example",
        "prometheus-errors-query": query,
        "prometheus-requests-query": query,
    }

    assert names(read(given, tmp_path)) == ["shop", "cart", "tools misc"]


def test_counting_every_series_for_each_service_is_refused(tmp_path: Path) -> None:
    given = {
        "service": "shop, cart",
        "prometheus-url": "https://prom.example",
        "prometheus-service-label": "none",
    }

    (mistake,) = mistakes(given, tmp_path)

    assert mistake.field == "prometheus-service-label"


def test_what_is_wrong_with_the_matrix_is_reported_as_for_one_service(tmp_path: Path) -> None:
    """`all` is then read as a single name, whose reading tells everything."""
    assert read({"service": "all"}, tmp_path, "services: [") is None
    assert read({"service": "all", "config": "../slo.yml"}, tmp_path, "") is None


def test_a_rollback_command_is_each_services_own(tmp_path: Path) -> None:
    given = {"service": "shop, cart", "rollback-command": "roll {service}"}

    requests = read(given, tmp_path) or ()

    assert [request.commands.rollback for request in requests] == [("roll", "{service}")] * 2


def test_services_on_the_platform_are_apps_of_their_own(tmp_path: Path) -> None:
    given = {"service": "shop, cart", "fly-api-token": "FlyV1 fm2_abc"}

    requests = read(given, tmp_path) or ()

    assert [request.app for request in requests] == ["shop", "cart"]


def test_two_services_that_are_one_app_would_undo_each_others_rollback(tmp_path: Path) -> None:
    matrix = """\
- {service: shop, url: "https://shop.example", app: both}
- {service: cart, url: "https://cart.example", app: both}
- {service: tools, url: "https://tools.example"}
"""
    given = {"service": "all", "fly-api-token": "FlyV1 fm2_abc"}

    (mistake,) = mistakes(given, tmp_path, matrix)

    assert (mistake.problem, mistake.value) == ("shop, cart are the same app", "both")
    assert names(read({"service": "all"}, tmp_path, matrix)) == ["shop", "cart", "tools"]


def test_a_file_of_ten_thousand_services_is_read_once_for_fifty(tmp_path: Path) -> None:
    """Reading it takes a second: fifty times that, and the deploy's first minute would be over."""
    many = "".join(f"- {{service: s{n}, url: 'https://s{n}.example'}}\n" for n in range(10_000))
    surroundings = around(tmp_path, many)
    asked = {"service": ", ".join(f"s{n}" for n in range(0, 10_000, 200))}
    clock = SystemClock()

    begun = clock.monotonic()
    found = names(read_multi_service(asked, surroundings))

    assert len(found) == 50
    assert clock.monotonic() - begun < 15


NAMES = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"], blacklist_characters=",\x85"),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip() and not text.startswith("-") and "://" not in text)


@given_by(st.lists(NAMES, min_size=2, max_size=5, unique=True))
def test_any_two_names_keep_their_own_address(found: list[str]) -> None:
    lines = [f"{name}=https://s{number}.example" for number, name in enumerate(found)]
    surroundings = RunEnvironment(
        run=RunIdentity(), workspace=Path("/nowhere"), now=NOW, check_runs_possible=False
    )

    requests = read_multi_service(
        {"service": ",".join(found), "url": "\n".join(lines)}, surroundings
    )

    assert names(requests) == found
    assert [request.url for request in requests or ()] == [
        f"https://s{number}.example" for number in range(len(found))
    ]
