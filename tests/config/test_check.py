"""What `check` is asked to look at, and why it cannot."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo_action.config.check import CheckRequest, read_check_request
from slo_action.config.inputs import mode_of
from slo_action.config.request import RunEnvironment, read_request
from slo_action.core.model import Mode, RunIdentity
from slo_action.errors import InputError, Mistake

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FLY_TOML = "app = 'shop'\n"


def around(workspace: Path) -> RunEnvironment:
    return RunEnvironment(run=RunIdentity(run_id="12345"), workspace=workspace, now=NOW)


def asked(workspace: Path, **given: str) -> CheckRequest:
    inputs = {name.replace("_", "-"): value for name, value in given.items()}
    return read_check_request({"mode": "check", **inputs}, around(workspace))


def refused(workspace: Path, **given: str) -> tuple[Mistake, ...]:
    with pytest.raises(InputError) as caught:
        asked(workspace, **given)
    return caught.value.mistakes


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    (place / "apps" / "shop").mkdir(parents=True)
    (place / "fly.toml").write_text(FLY_TOML, encoding="utf-8")
    (place / "apps" / "shop" / "fly.toml").write_text("app = 'inner'\n", encoding="utf-8")
    (tmp_path / "secret.toml").write_text("a = 1\n", encoding="utf-8")
    return place


def with_matrix(workspace: Path, text: str, name: str = ".github/slo.yml") -> None:
    path = workspace / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def service(name: str, more: str = "") -> str:
    return f"- service: {name}\n  url: https://{name}.example\n{more}"


def reported(request: CheckRequest) -> dict[str, list[str]]:
    """Return the services that each fly.toml is about."""
    files = request.fly_files
    return {one.document.path: [known.name for known in one.services] for one in files}


def test_neither_service_nor_address_is_needed(workspace: Path) -> None:
    request = asked(workspace)

    assert [one.document.content for one in request.fly_files] == [{"app": "shop"}]
    assert (request.config, request.loaded, request.services) == ("", None, ())


def test_what_other_modes_need_is_no_mistake(workspace: Path) -> None:
    request = asked(workspace, service="shop", url="https://shop.example", platform="fly")

    assert request.paths == ("fly.toml",)


@pytest.mark.parametrize(
    "named", ["apps/shop/fly.toml", "./apps/shop/fly.toml", "apps/../apps/shop/fly.toml"]
)
def test_a_file_is_named_as_it_lies_in_the_workspace(workspace: Path, named: str) -> None:
    request = asked(workspace, fly_config=named)

    assert request.texts == {"apps/shop/fly.toml": "app = 'inner'\n"}


def test_a_file_may_be_named_by_its_whole_path(workspace: Path) -> None:
    named = str(workspace / "apps" / "shop" / "fly.toml")

    assert asked(workspace, fly_config=named).paths == ("apps/shop/fly.toml",)


def test_a_link_within_the_workspace_leads_to_the_file_it_means(workspace: Path) -> None:
    (workspace / "link.toml").symlink_to("apps/shop/fly.toml")

    assert asked(workspace, fly_config="link.toml").paths == ("apps/shop/fly.toml",)


@pytest.mark.parametrize("named", ["./ops/slo.yml", "ops/../ops/slo.yml", "link.yml", "/"])
def test_slo_yml_is_named_as_it_lies_in_the_workspace(workspace: Path, named: str) -> None:
    with_matrix(workspace, service("shop"), "ops/slo.yml")
    (workspace / "link.yml").symlink_to("ops/slo.yml")
    given = f"{workspace}/ops/slo.yml" if named == "/" else named

    request = asked(workspace, config=given)

    assert (request.config, request.paths) == ("ops/slo.yml", ("ops/slo.yml", "fly.toml"))


def test_without_a_file_it_names_what_it_looked_for(workspace: Path) -> None:
    (workspace / "fly.toml").unlink()
    (mistake,) = refused(workspace)

    assert (mistake.field, mistake.problem) == ("config", "there is nothing to check")
    assert "neither .github/slo.yml nor fly.toml is there" in mistake.accepted


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("none.toml", "cannot be read: No such file or directory"),
        ("apps", "cannot be read: Is a directory"),
        ("../secret.toml", "lies outside of the workspace"),
        ("link.toml", "lies outside of the workspace"),
        ("/etc/passwd", "lies outside of the workspace"),
        ("round.toml", "cannot be followed"),
        ("x" * 5000, "cannot be followed"),
    ],
)
@pytest.mark.parametrize("field", ["fly_config", "config"])
def test_what_is_no_file_of_the_workspace_is_refused(
    workspace: Path, field: str, named: str, problem: str
) -> None:
    (workspace / "link.toml").symlink_to("../secret.toml")
    (workspace / "round.toml").symlink_to("round.toml")
    (mistake,) = refused(workspace, **{field: named})

    assert (mistake.problem, mistake.value) == (problem, named)
    assert ("fly.json and fly.yaml are not read" in mistake.accepted) is (field == "fly_config")


def test_mistakes_of_inputs_are_reported_with_that_of_a_file_that_is_not_there(
    workspace: Path,
) -> None:
    mistakes = refused(workspace, grace="30", colour="red", fly_config="none.toml")

    assert [mistake.field for mistake in mistakes] == ["colour", "grace", "fly-config"]


def test_mistaken_inputs_stop_it_though_the_files_are_well(workspace: Path) -> None:
    assert [mistake.field for mistake in refused(workspace, grace="30")] == ["grace"]


@pytest.mark.parametrize("field", ["sarif_file", "records"])
@pytest.mark.parametrize("value", ["/tmp/out", "../out", "a/../../out"])
def test_what_is_written_or_read_lies_below_the_workspace(
    workspace: Path, field: str, value: str
) -> None:
    (mistake,) = refused(workspace, **{field: value})

    assert "below the workspace" in mistake.accepted


@pytest.mark.parametrize("named", ["none", "fly.toml", "apps/none"])
def test_records_that_are_no_directory_are_a_mistake(workspace: Path, named: str) -> None:
    (mistake,) = refused(workspace, records=named)

    assert (mistake.field, mistake.problem, mistake.value) == (
        "records",
        "is not a directory",
        named,
    )
    assert asked(workspace, records="apps").records == workspace / "apps"


@pytest.mark.parametrize(
    "named",
    [
        "fly.toml",
        "./fly.toml",
        "apps/shop/fly.toml",
        "broken.toml",
        ".github/slo.yml",
        ".github/more.yml",
        "link.sarif",
    ],
)
def test_a_report_never_takes_the_place_of_a_file_that_was_read(
    workspace: Path, named: str
) -> None:
    (workspace / "link.sarif").symlink_to("fly.toml")
    (workspace / "broken.toml").write_text("[", encoding="utf-8")
    cart = service("cart", "  fly_config: apps/shop/fly.toml\n")
    pay = service("pay", "  fly_config: broken.toml\n")
    with_matrix(workspace, service("shop"), ".github/more.yml")
    services = f"{cart}{pay}".replace("\n", "\n  ").rstrip(" ")
    with_matrix(workspace, f"include: more.yml\nservices:\n  {services}")

    (mistake,) = (one for one in refused(workspace, sarif_file=named) if one.path is None)

    assert (mistake.field, mistake.value) == ("sarif-file", named)
    assert "would be overwritten" in mistake.problem
    assert asked(workspace, sarif_file="out/check.sarif").sarif_file == "out/check.sarif"


def test_mistakes_within_files_are_reported_on_their_lines_and_stop_nothing(
    workspace: Path,
) -> None:
    (workspace / "fly.toml").write_text("app = 'shop'\n[vm\n", encoding="utf-8")
    with_matrix(workspace, service("shop") + "- service: cart\n  uri: /\n")

    request = asked(workspace)

    (wrong,) = request.mistakes
    assert (wrong.path, wrong.line, wrong.column) == ("fly.toml", 2, 4)
    assert request.loaded
    assert [one.line for one in request.loaded.mistakes] == [3, 4]
    assert [one.name for one in request.services] == ["shop"]
    assert request.texts["fly.toml"] == "app = 'shop'\n[vm\n"
    assert request.paths == (".github/slo.yml", "fly.toml")


@pytest.mark.parametrize(
    ("matrix", "about"),
    [
        (service("shop"), {"fly.toml": ["shop"]}),
        (service("other"), {"fly.toml": ["other"]}),
        (service("other", "  platform: fly\n"), {"fly.toml": ["other"]}),
        (service("other", "  platform: command\n"), {"fly.toml": []}),
        (service("other", "  platform: none\n"), {"fly.toml": []}),
        (service("cart") + service("shop"), {"fly.toml": ["shop"]}),
        (service("cart") + service("store", "  app: shop\n"), {"fly.toml": ["store"]}),
        (service("cart") + service("pay"), {"fly.toml": []}),
        (
            service("cart", "  fly_config: fly.toml\n") + service("shop"),
            {"fly.toml": ["cart"]},
        ),
        (
            service("cart", "  fly_config: fly.toml\n")
            + service("pay", "  fly_config: fly.toml\n"),
            {"fly.toml": ["cart", "pay"]},
        ),
        (
            service("cart", "  fly_config: apps/shop/fly.toml\n") + service("shop"),
            {"apps/shop/fly.toml": ["cart"], "fly.toml": ["shop"]},
        ),
        (
            service("cart", "  fly_config: apps/shop/fly.toml\n"),
            {"apps/shop/fly.toml": ["cart"], "fly.toml": []},
        ),
    ],
)
def test_a_fly_toml_is_about_who_names_it_or_has_its_app_or_is_alone(
    workspace: Path, matrix: str, about: dict[str, list[str]]
) -> None:
    with_matrix(workspace, matrix)

    assert reported(asked(workspace)) == about


@pytest.mark.parametrize("named", ["./fly.toml", ".//fly.toml", "link.toml"])
def test_a_fly_toml_is_about_who_names_it_by_another_path(workspace: Path, named: str) -> None:
    (workspace / "link.toml").symlink_to("fly.toml")
    first, second = (
        service(name, f"  fly_config: {path}\n")
        for name, path in (("cart", named), ("pay", "fly.toml"))
    )
    with_matrix(workspace, first + second)

    assert reported(asked(workspace)) == {"fly.toml": ["cart", "pay"]}
    assert reported(asked(workspace, fly_config=named)) == {"fly.toml": ["cart", "pay"]}


def test_a_fly_toml_at_the_top_that_is_a_link_is_read_once(workspace: Path) -> None:
    (workspace / "fly.toml").unlink()
    (workspace / "fly.toml").symlink_to("apps/shop/fly.toml")
    with_matrix(workspace, service("cart", "  fly_config: apps/shop/fly.toml\n"))

    assert [one.document.path for one in asked(workspace).fly_files] == ["apps/shop/fly.toml"]


def test_an_input_comes_before_what_slo_yml_names(workspace: Path) -> None:
    with_matrix(workspace, service("shop", "  fly_config: fly.toml\n"))

    assert reported(asked(workspace, fly_config="apps/shop/fly.toml")) == {"apps/shop/fly.toml": []}


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("apps/none.toml", "No such file"),
        ("apps", "Is a directory"),
        ("link.toml", "lies outside of the workspace"),
    ],
)
def test_a_fly_config_that_cannot_be_read_is_reported_where_it_is_named(
    workspace: Path, named: str, problem: str
) -> None:
    (workspace / "link.toml").symlink_to("../secret.toml")
    with_matrix(workspace, service("cart") + service("shop", f"  fly_config: {named}\n"))

    (wrong,) = asked(workspace).mistakes

    assert (wrong.field, wrong.path, wrong.line) == ("fly_config", ".github/slo.yml", 5)
    assert problem in wrong.problem


def large(path: Path) -> None:
    path.write_bytes(b"#" * (64 * 1024 + 1))


def a_link_out(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


UNREADABLE = [
    (large, "cannot be read: it is larger than 64 KiB"),
    (a_link_out, "lies outside of the workspace"),
    (a_link_to_nothing, "cannot be read: No such file or directory"),
    (Path.mkdir, "cannot be read: Is a directory"),
]


@pytest.mark.parametrize(("make", "problem"), UNREADABLE)
def test_a_fly_toml_at_the_top_that_cannot_be_read_is_its_own_mistake(
    workspace: Path, make: Callable[[Path], None], problem: str
) -> None:
    (workspace / "fly.toml").unlink()
    make(workspace / "fly.toml")
    with_matrix(workspace, service("shop"))

    request = asked(workspace)

    (wrong,) = request.mistakes
    assert (wrong.path, wrong.line, wrong.wrong) == ("fly.toml", 1, f"fly.toml: {problem}")
    assert [one.name for one in request.services] == ["shop"]
    assert request.paths == (".github/slo.yml", "fly.toml")


@pytest.mark.parametrize(("make", "problem"), UNREADABLE[1:])
def test_a_slo_yml_that_cannot_be_read_is_reported(
    workspace: Path, make: Callable[[Path], None], problem: str
) -> None:
    (workspace / ".github").mkdir()
    make(workspace / ".github" / "slo.yml")

    (mistake,) = refused(workspace)

    assert (mistake.field, mistake.value) == ("config", ".github/slo.yml")
    assert mistake.problem == problem


def test_a_slo_yml_that_is_no_text_is_reported_at_its_byte_and_stops_nothing(
    workspace: Path,
) -> None:
    (workspace / "slo.yml").write_bytes(b"service: shop\nurl: \xff\n")
    loaded = asked(workspace, config="slo.yml").loaded

    assert loaded
    (mistake,) = loaded.mistakes
    assert (mistake.path, mistake.line, mistake.column) == ("slo.yml", 2, 6)


def test_a_mode_that_is_none_is_left_to_the_default_one_to_refuse() -> None:
    assert mode_of({"mode": "cheque"}) is Mode.VERIFY
    assert mode_of({"mode": " check "}) is Mode.CHECK


def test_the_file_is_of_no_use_to_other_modes(workspace: Path) -> None:
    given = {"service": "shop", "url": "https://shop.example", "fly-config": "fly.toml"}
    with pytest.raises(InputError) as caught:
        read_request({**given, "check-run": "false"}, around(workspace))

    (mistake,) = caught.value.mistakes
    assert (mistake.field, mistake.problem) == ("fly-config", "is for `mode: check`")
