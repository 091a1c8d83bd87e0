"""What a rollback restores: the policy's rules, each with the trap it is there for."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_action.core.model import Cause, Release, Verdict
from slo_action.core.release.track_record import PastVerdict
from slo_action.errors import PlatformError
from slo_action.platforms.fly.client.models import FlyRelease
from slo_action.platforms.fly.state.rollback_target import choose_target, named

PLAIN: dict[str, object] = {"app": "my-app", "env": {"A": "1"}}
OTHER: dict[str, object] = {"app": "my-app", "env": {"A": "2"}}


def row(version: int, image: str, **changes: Any) -> FlyRelease:
    """Return a complete release; its image is named by a letter."""
    made: dict[str, Any] = {
        "version": version,
        "status": "complete",
        "image": f"registry.fly.io/my-app:deployment-{image}",
        "digest": f"sha256:{image}",
        "definition": PLAIN,
    }
    return FlyRelease(**made | changes)


def ledger(images: str, first: int = 40) -> list[FlyRelease]:
    """Return a release for each letter, oldest first as written, newest first as told."""
    return [row(first + place, image) for place, image in enumerate(images)][::-1]


def verdict(version: int, image: str = "", **changes: Any) -> PastVerdict:
    made: dict[str, Any] = {
        "service": "my-app",
        "version": f"v{version}",
        "digest": f"sha256:{image}" if image else "",
        "verdict": Verdict.HEALTHY,
        "cause": Cause.NONE,
        "at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return PastVerdict(**made | changes)


def found_bad(version: int, image: str, cause: Cause = Cause.APP) -> PastVerdict:
    return verdict(version, image, verdict=Verdict.UNHEALTHY, cause=cause)


def chosen(rows: list[FlyRelease], current: int, **options: Any) -> Release:
    digest = next((one.digest for one in rows if one.version == current), "")
    given: dict[str, Any] = {"past": [], "before": None}
    return choose_target(rows, Release(version=f"v{current}", digest=digest), **given | options)


def problem(rows: list[FlyRelease], current: int, **options: Any) -> str:
    with pytest.raises(PlatformError) as caught:
        chosen(rows, current, **options)
    assert "to-version" in caught.value.hint
    return caught.value.message


# --- which one


def test_the_newest_release_that_was_found_healthy_is_the_target() -> None:
    past = [verdict(40, "a"), verdict(41, "b")]

    assert chosen(ledger("abcd"), 43, past=past) == Release(version="v41", digest="sha256:b")


def test_a_verified_release_comes_before_what_the_snapshot_saw() -> None:
    before = Release(version="v42", digest="sha256:c")

    assert chosen(ledger("abcd"), 43, past=[verdict(41, "b")], before=before).version == "v41"


def test_without_a_verified_release_it_is_what_ran_before_the_deploy() -> None:
    before = Release(version="v41", digest="sha256:b")

    assert chosen(ledger("abcd"), 43, before=before) == Release(
        version="v41",
        digest="sha256:b",
        remark="not verified: it is what ran before this deploy",
    )


def test_without_either_it_is_the_newest_complete_one_and_said_not_to_be_verified() -> None:
    found = chosen(ledger("abcd"), 43)

    assert found.version == "v42"
    assert found.remark == "not verified: no run found it healthy"


@pytest.mark.parametrize(
    "status", ["failed", "interrupted", "running", "pending", "dead", "", "strange"]
)
def test_a_release_whose_deploy_did_not_end_well_is_no_target(status: str) -> None:
    rows = [row(43, "d"), row(42, "c", status=status), row(41, "b")]

    assert chosen(rows, 43).version == "v41"


def test_a_release_from_the_days_of_nomad_is_complete() -> None:
    assert chosen([row(43, "b"), row(42, "a", status="succeeded")], 43).version == "v42"


def test_another_image_that_failed_before_is_never_a_target() -> None:
    past = [verdict(42, "c"), found_bad(42, "c")]

    assert chosen(ledger("abcd"), 43, past=past).version == "v41"


def test_the_snapshots_release_is_no_target_if_its_image_failed_before() -> None:
    before = Release(version="v42", digest="sha256:c")

    assert chosen(ledger("abcd"), 43, past=[found_bad(39, "c")], before=before).version == "v41"


@pytest.mark.parametrize("cause", [Cause.OBSERVER, Cause.PATH, Cause.PRE_EXISTING, Cause.CONFIG])
def test_a_failure_that_was_not_the_releases_fault_is_not_held_against_it(cause: Cause) -> None:
    assert chosen(ledger("abcd"), 43, past=[found_bad(42, "c", cause)]).version == "v42"


# --- what is the same


def test_a_release_of_secrets_only_is_no_way_back_from_the_image_that_fails() -> None:
    assert chosen(ledger("abb"), 42).version == "v40"


SERVICE: dict[str, object] = {"internal_port": 8080, "auto_stop_machines": "off"}
FROM_TOML: dict[str, object] = {"app": "my-app", "http_service": SERVICE}
WRITTEN_OTHERWISE: list[dict[str, object]] = [
    {**FROM_TOML, "deploy": {"strategy": "rolling"}},
    {**FROM_TOML, "deploy": {}},
    {"app": "my-app", "http_service": {**SERVICE, "auto_stop_machines": False}},
    {"app": "my-app", "http_service": {**SERVICE, "auto_stop_machines": "false"}},
]
"""What anybody's flyctl makes of `FROM_TOML`: its `--strategy` is stored, `"off"` is `false`."""


@pytest.mark.parametrize("definition", WRITTEN_OTHERWISE)
def test_the_bad_release_deployed_again_by_any_flyctl_is_no_target(
    definition: dict[str, object],
) -> None:
    rows = [row(42, "b", definition=definition), row(41, "b", definition=FROM_TOML), row(40, "a")]

    assert chosen(rows, 42).version == "v40"
    assert (
        chosen([rows[1], rows[0].model_copy(update={"version": 40}), row(39, "a")], 41).version
        == "v39"
    )


@pytest.mark.parametrize("definition", WRITTEN_OTHERWISE)
def test_a_rollback_by_any_flyctl_is_recognised_as_one(definition: dict[str, object]) -> None:
    rows = [row(42, "a", definition=definition), row(41, "b"), row(40, "a", definition=FROM_TOML)]

    assert "v42 is itself a rollback" in problem(rows, 42)


@pytest.mark.parametrize("definition", WRITTEN_OTHERWISE)
@pytest.mark.parametrize("image", ["b", ""])
def test_a_release_found_bad_excludes_what_any_flyctl_made_of_it(
    definition: dict[str, object], image: str
) -> None:
    rows = [
        row(43, "c"),
        row(42, "b", definition=definition),
        row(41, "b", definition=FROM_TOML),
        row(40, "a"),
    ]

    assert chosen(rows, 43, past=[found_bad(41, image)]).version == "v40"


@pytest.mark.parametrize(
    "definition",
    [
        {**FROM_TOML, "deploy": {"strategy": "rolling", "release_command": "migrate"}},
        {"app": "my-app", "http_service": {**SERVICE, "auto_stop_machines": "suspend"}},
        {"app": "my-app", "http_service": {**SERVICE, "auto_stop_machines": "stop"}},
        {**FROM_TOML, "env": {"auto": "off"}},
    ],
)
def test_a_definition_that_differs_in_anything_else_is_another(
    definition: dict[str, object],
) -> None:
    rows = [row(42, "b", definition=definition), row(41, "b", definition=FROM_TOML), row(40, "a")]

    assert chosen(rows, 42).version == "v41"


def test_the_values_of_other_settings_are_not_switches() -> None:
    written: dict[str, object] = {"app": "my-app", "env": {"CACHE": "off"}}
    other: dict[str, object] = {"app": "my-app", "env": {"CACHE": False}}

    rows = [row(42, "b", definition=written), row(41, "b", definition=other), row(40, "a")]

    assert chosen(rows, 42).version == "v41"


def test_releases_of_secrets_only_are_named_by_the_release_that_they_repeat() -> None:
    assert chosen(ledger("abbbc"), 44).version == "v41"


def test_a_verdict_on_a_release_of_secrets_only_is_one_on_what_it_repeats() -> None:
    found = chosen(ledger("abbc"), 43, past=[verdict(42)])

    assert found == Release(version="v41", digest="sha256:b")


def test_a_repeated_release_found_unhealthy_excludes_all_its_repetitions() -> None:
    assert chosen(ledger("abbc"), 43, past=[found_bad(42, "")]).version == "v40"


def test_the_same_image_with_another_definition_is_another_release() -> None:
    rows = [row(42, "a", definition=OTHER), row(41, "a")]

    assert chosen(rows, 42).version == "v41"


def test_the_order_of_a_definitions_keys_means_nothing() -> None:
    rows = [row(42, "a", definition=dict(reversed(PLAIN.items()))), row(41, "a")]

    assert "no older release that is complete differs from v42" in problem(rows, 42)


def test_where_definitions_are_not_available_the_images_alone_are_compared() -> None:
    rows = [row(43, "a", definition=None), row(42, "a", definition=OTHER), row(41, "b")]

    assert chosen(rows, 43).version == "v41"


def test_a_failed_release_between_two_does_not_make_the_older_one_newer() -> None:
    rows = [row(43, "c"), row(42, "b", status="failed"), row(41, "b"), row(40, "a")]

    assert chosen(rows, 43).version == "v41"


# --- rollbacks


def test_an_earlier_rollback_is_named_by_the_release_that_it_brought_back() -> None:
    assert chosen(ledger("abac"), 43).version == "v40"


def test_a_rollback_is_never_rolled_back() -> None:
    assert problem(ledger("aba"), 42) == (
        "v42 is itself a rollback, and a rollback is never rolled back."
    )


def test_secrets_that_were_set_after_a_rollback_leave_it_one() -> None:
    assert "itself a rollback" in problem(ledger("abaa"), 43)


def test_a_rollback_from_a_failed_deploy_is_one_too() -> None:
    rows = [row(42, "a"), row(41, "b", status="failed"), row(40, "a")]

    assert "itself a rollback" in problem(rows, 42)


def seen(version: int, image: str, newest: int | None = None) -> dict[str, Release]:
    """Return what `prepare` saw: what ran, and the newest release."""
    before = Release(version=f"v{version}", digest=f"sha256:{image}")
    return {"before": before, "newest": Release(version=f"v{newest or version}")}


def test_a_failed_image_that_a_job_deploys_again_is_rolled_back_to_what_prepare_saw() -> None:
    """v41 failed, v42 is our rollback, and the job is run again."""
    assert "v43 is itself a rollback" in problem(ledger("abab"), 43)
    assert chosen(ledger("abab"), 43, **seen(42, "a")).version == "v42"


def test_secrets_that_were_set_since_prepare_change_nothing_of_that() -> None:
    assert chosen(ledger("abaab"), 44, **seen(42, "a")).version == "v42"


def test_a_rollback_after_the_deploy_that_was_prepared_is_one() -> None:
    """v42 ran, v43 was deployed, and v44 brought v42's predecessor back."""
    assert "v44 is itself a rollback" in problem(ledger("xabca", 40), 44, **seen(42, "b"))
    assert "v43 is itself a rollback" in problem(ledger("xaba", 40), 43, **seen(41, "a"))


@given(
    images=st.text("abc", min_size=1, max_size=6),
    deployed=st.sampled_from("abcd"),
    verdicts=st.lists(st.tuples(st.integers(40, 46), st.sampled_from("abc"), st.booleans())),
    status=st.sampled_from(["complete", "failed"]),
)
def test_what_prepare_names_is_what_verify_restores(
    images: str, deployed: str, verdicts: list[tuple[int, str, bool]], status: str
) -> None:
    """Whatever is deployed next, unless that is what was to be restored, or runs already."""
    rows = ledger(images)
    rows = [rows[0].model_copy(update={"status": status if rows[1:] else "complete"}), *rows[1:]]
    running = next(one for one in rows if one.is_complete)
    past = [verdict(v, image) if ok else found_bad(v, image) for v, image, ok in verdicts]
    options: dict[str, Any] = seen(running.version, running.digest[7:], rows[0].version)
    options = {**options, "past": past}
    number = rows[0].version + 1
    try:
        named_before = choose_target(rows, Release(version=f"v{number}"), **options)
    except PlatformError:
        named_before = None
    made = row(number, deployed)
    if made.digest in {running.digest, named_before.digest if named_before else ""}:
        return
    try:
        restored = chosen([made, *rows], number, **options)
    except PlatformError:
        restored = None

    assert restored == named_before


def test_a_repeated_deploy_is_no_rollback() -> None:
    assert chosen(ledger("abb"), 42).version == "v40"


# --- by digest, never by tag


def test_a_release_that_is_known_by_its_tag_only_is_no_target() -> None:
    rows = [row(43, "c"), row(42, "b", digest=""), row(41, "a")]

    assert chosen(rows, 43).version == "v41"


def test_a_machine_may_have_the_digest_that_the_releases_lack() -> None:
    rows = [row(43, "c"), row(42, "b", digest="")]

    assert chosen(rows, 43, digests={"v42": "sha256:b"}).digest == "sha256:b"


def test_a_digest_in_the_images_name_is_one() -> None:
    rows = [row(43, "c"), FlyRelease(version=42, status="complete", image="r/a@sha256:b")]

    assert chosen(rows, 43).digest == "sha256:b"


def test_a_snapshot_without_a_digest_leads_nowhere_alone() -> None:
    rows = [row(43, "c"), row(42, "b", digest="")]

    assert "known by tags only" in problem(rows, 43, before=Release(version="v42"))


def test_a_snapshot_lends_its_digest_to_a_verified_release_of_the_same_name() -> None:
    rows = [row(43, "c"), row(42, "b", digest="")]
    before = Release(version="v42", digest="sha256:b")

    assert chosen(rows, 43, before=before, past=[verdict(42, "b")]) == before


# --- the snapshot's own word


def test_a_target_that_the_snapshot_holds_has_the_snapshots_name() -> None:
    before = Release(version="v42", digest="sha256:b")

    assert chosen(ledger("abbc"), 43, past=[verdict(41, "b")], before=before) == before


def test_what_the_snapshot_saw_may_be_older_than_the_ledger_reaches() -> None:
    before = Release(version="v7", digest="sha256:z")

    assert chosen([row(43, "c")], 43, before=before).version == "v7"


def test_an_image_of_which_the_snapshot_knows_no_release_is_a_target_too() -> None:
    before = Release(version="", digest="sha256:z")

    assert chosen(ledger("ab"), 41, before=before) == Release(
        version="", digest="sha256:z", remark="not verified: it is what ran before this deploy"
    )


def test_what_the_snapshot_saw_is_no_target_if_its_own_deploy_failed() -> None:
    rows = [row(43, "c"), row(42, "b", status="failed"), row(41, "a")]
    before = Release(version="v42", digest="sha256:b")

    assert chosen(rows, 43, before=before).version == "v41"
    assert chosen(rows, 43, before=before, past=[verdict(42, "b")]) == before


def test_a_snapshot_of_what_runs_now_is_no_way_back() -> None:
    before = Release(version="v41", digest="sha256:b")

    assert chosen(ledger("ab"), 41, before=before).version == "v40"


# --- nothing


@pytest.mark.parametrize(
    ("rows", "current", "options", "words"),
    [
        ([], 42, {}, "v42 is the first release that Fly.io lists"),
        (ledger("a"), 40, {}, "v40 is the first release that Fly.io lists"),
        (ledger("aa"), 41, {}, "no older release that is complete differs from v41"),
        (
            ledger("ab"),
            41,
            {"past": [found_bad(40, "a")]},
            "the image of every older release failed before",
        ),
        (
            [row(41, "b"), row(40, "a", digest="")],
            41,
            {},
            "the images of the older releases are known by tags only",
        ),
    ],
)
def test_where_there_is_nothing_to_go_back_to_the_reason_is_given(
    rows: list[FlyRelease], current: int, options: dict[str, Any], words: str
) -> None:
    assert problem(rows, current, **options).startswith("there is no release to roll back to: ")
    assert words in problem(rows, current, **options)


def test_what_runs_but_is_in_no_ledger_has_no_way_back() -> None:
    with pytest.raises(PlatformError, match="lists no release for what runs now"):
        choose_target(ledger("ab"), Release(version="", digest="sha256:z"), past=[], before=None)


def test_what_runs_may_be_known_by_its_image_only() -> None:
    current = Release(version="", digest="sha256:b")

    assert choose_target(ledger("ab"), current, past=[], before=None).version == "v40"


def test_the_order_in_which_releases_are_listed_means_nothing() -> None:
    assert chosen(ledger("abcd")[::-1], 43).version == "v42"


@given(
    images=st.text("abc", min_size=1, max_size=8),
    statuses=st.lists(st.sampled_from(["complete", "failed", "interrupted"]), min_size=8),
    failed=st.sampled_from(["", "a", "b"]),
    healthy=st.sampled_from(["", "a", "b", "c"]),
)
def test_a_target_is_always_an_older_complete_other_image_that_never_failed(
    images: str, statuses: list[str], failed: str, healthy: str
) -> None:
    rows = [
        row(40 + place, image, status=status)
        for place, (image, status) in enumerate(zip(images, statuses, strict=False))
    ]
    newest = rows[-1]
    past = [
        *([found_bad(1, failed)] if failed else []),
        *([verdict(1, healthy)] if healthy else []),
    ]
    current = Release(version=newest.name, digest=newest.digest)
    try:
        target = choose_target(rows, current, past=past, before=None)
    except PlatformError:
        return
    found = next(one for one in rows if one.name == target.version)
    assert found.version < newest.version
    assert found.is_complete
    assert found.digest == target.digest != newest.digest
    assert target.digest != f"sha256:{failed}"
    verified = [one for one in rows[:-1] if one.digest == f"sha256:{healthy}" and one.is_complete]
    if verified and healthy not in {failed, images[-1]}:
        assert target.digest == f"sha256:{healthy}"


# --- by name


@pytest.mark.parametrize(
    "wanted",
    [
        "v41",
        "41",
        " v41 ",
        "sha256:b",
        "registry.fly.io/my-app@sha256:b",
        "registry.fly.io/my-app:deployment-b",
        "my-app:deployment-b",
        "deployment-b",
    ],
)
def test_a_person_names_a_release_by_number_digest_or_image(wanted: str) -> None:
    assert named(ledger("abc"), wanted) == Release(version="v41", digest="sha256:b")


def test_of_several_releases_with_an_image_the_newest_that_ended_well_is_meant() -> None:
    rows = [row(43, "b", status="failed"), *ledger("abb")]

    assert named(rows, "sha256:b").version == "v42"


def test_a_release_that_is_not_there_is_answered_with_what_is() -> None:
    with pytest.raises(PlatformError) as caught:
        named(ledger("abc"), "v411")

    assert caught.value.message.startswith('no release is "v411": did you mean')
    assert "known: v40, v41, v42" in caught.value.message


@pytest.mark.parametrize("wanted", ["", "v", "²", "-1", "\x1b[31m", "sha256:", "x" * 500])
def test_what_names_no_release_names_none(wanted: str) -> None:
    with pytest.raises(PlatformError) as caught:
        named([*ledger("abc"), FlyRelease(version=39)], wanted)

    assert "\x1b" not in caught.value.message


def test_in_an_empty_ledger_there_is_nothing_to_name() -> None:
    with pytest.raises(PlatformError, match="known: none"):
        named([], "v41")


def test_a_release_whose_deploy_failed_may_be_named_and_says_so() -> None:
    assert named([row(41, "b", status="failed")], "v41").remark == 'its own deploy is "failed"'


def test_a_release_without_a_digest_cannot_be_restored_exactly() -> None:
    rows = [row(41, "b", digest="")]

    with pytest.raises(PlatformError, match="by a tag only"):
        named(rows, "v41")
    assert named(rows, "v41", {"v41": "sha256:b"}).digest == "sha256:b"
