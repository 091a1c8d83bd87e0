"""The prober over answers made up in memory: what it sends, what it keeps to itself."""

from base64 import b64encode
from dataclasses import replace
from threading import Event

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from slo_action import __version__
from slo_action.core.model import Outcome, Probe, VersionRule, Witness
from slo_action.core.text.secrets import Scrubber
from slo_action.probing.http1 import CutAnswerError, MalformedAnswerError
from slo_action.probing.prober import HttpProber
from slo_action.system.clock import SystemClock
from tests.worlds.mock_web import PROBE, URL, found, mock_prober
from tests.worlds.virtual_clock import VirtualClock


def test_a_request_asks_past_every_cache_and_says_who_asks() -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    probe = replace(PROBE, url=f"{URL}?deep=1#part", authorization="Bearer abcdef")
    (sample,) = mock_prober(handler).ask([probe])

    (request,) = sent
    assert str(request.url) == f"{URL}?deep=1&_slo=n1"
    assert request.method == "GET"
    assert request.headers["cache-control"] == "no-cache"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"] == f"slo-verify/{__version__}"
    assert request.headers["authorization"] == "Bearer abcdef"
    assert sample.url == probe.url


def test_samples_come_in_the_order_of_the_probes() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(int(request.url.path[1:]))

    probes = [
        Probe(witness=Witness.HEALTH, url=f"https://shop.example/{status}")
        for status in (500, 200, 404, 429)
    ]
    samples = mock_prober(handler).ask(probes)

    assert [sample.status for sample in samples] == [500, 200, 404, 429]
    assert [sample.url for sample in samples] == [probe.url for probe in probes]


def test_nothing_asked_is_nothing_found() -> None:
    assert mock_prober(lambda _: httpx.Response(200)).ask([]) == ()


def test_a_sample_holds_the_answer_for_the_proofs() -> None:
    sample = found(200, '{"status": "ok"}', {"Content-Type": "application/json"})

    response = sample.response
    assert response is not None
    assert response.header("content-type") == "application/json"
    assert (response.body, response.body_bytes) == ('{"status": "ok"}', 16)
    assert not response.body_truncated


@pytest.mark.parametrize(("seconds", "outcome"), [(5.0, Outcome.OK), (5.1, Outcome.SLOW)])
def test_a_200_above_the_limit_is_slow(seconds: float, outcome: Outcome) -> None:
    clock = VirtualClock()

    def handler(_: httpx.Request) -> httpx.Response:
        clock.advance(seconds)
        return httpx.Response(200, text="Degraded")

    (sample,) = mock_prober(handler, clock).ask([replace(PROBE, reads_health=False)])

    assert sample.outcome is outcome
    assert sample.total_seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionRefusedError(), Outcome.CONNECT_REFUSED),
        (TimeoutError(), Outcome.READ_TIMEOUT),
        (ConnectionResetError(), Outcome.RESET),
        (CutAnswerError(), Outcome.RESET),
        (MalformedAnswerError("boom"), Outcome.PROTOCOL_ERROR),
        (httpx.LocalProtocolError("secret"), Outcome.UNKNOWN),
        (RuntimeError("secret"), Outcome.UNKNOWN),
        (MemoryError(), Outcome.UNKNOWN),
    ],
)
def test_whatever_a_transport_raises_is_an_outcome(error: Exception, outcome: Outcome) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    (sample,) = mock_prober(handler).ask([PROBE])

    assert (sample.outcome, sample.response, sample.status) == (outcome, None, None)
    assert "secret" not in sample.detail


def test_a_bug_of_ours_is_no_fault_of_the_target() -> None:
    def redact(text: str) -> str:
        if text == "answers 200":
            raise LookupError("a bug")
        return text

    (sample,) = mock_prober(lambda _: httpx.Response(200), redact=redact).ask([PROBE])

    assert sample.outcome is Outcome.UNKNOWN
    assert sample.detail == "the probe itself failed: LookupError"


def test_a_thread_that_outlives_its_probe_is_given_up() -> None:
    released = Event()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/stuck":
            released.wait(10)
        return httpx.Response(200)

    stuck = replace(PROBE, url="https://shop.example/stuck", timeout_seconds=0.01)
    samples = mock_prober(handler, SystemClock()).ask([stuck, replace(stuck, url=URL)])
    released.set()

    assert [sample.outcome for sample in samples] == [Outcome.UNKNOWN, Outcome.OK]


def test_a_signal_s_exception_is_not_swallowed() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mock_prober(handler).ask([PROBE])


@pytest.mark.parametrize("url", ["not a url", "http://[::1", "https://exa mple/", "ftp://x/"])
def test_a_url_that_cannot_be_asked_is_our_own_failure(url: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.UnsupportedProtocol("no")

    (sample,) = mock_prober(handler).ask([replace(PROBE, url=url)])

    assert sample.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("authorization", "secrets"),
    [
        ("Bearer s3cr3t-token", ["s3cr3t-token"]),
        ("Basic " + b64encode(b"ann:pass-word").decode(), ["pass-word", "YW5uOnBhc3Mtd29yZA"]),
        ("raw-api-key", ["raw-api-key"]),
    ],
)
def test_credentials_that_the_target_echoes_never_reach_the_sample(
    authorization: str, secrets: list[str]
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        echo = " ".join([request.headers["authorization"], *secrets])
        headers = {"X-Version": echo, "Location": f"https://x.example/?t={secrets[0]}"}
        return httpx.Response(302, headers=headers, json={"status": echo, "checks": {echo: "fail"}})

    (sample,) = mock_prober(handler).ask([replace(PROBE, authorization=authorization)])

    assert sample.outcome is Outcome.REDIRECT
    assert not [secret for secret in secrets if secret in repr(sample)]


def test_secrets_are_taken_out_and_cookies_are_never_kept() -> None:
    scrubber = Scrubber()
    scrubber.learn("query-token")

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"Set-Cookie": "session=1"}, json={"version": "query-token"}
        )

    probe = replace(
        PROBE, url=f"{URL}?t=query-token", version_rule=VersionRule(expected="query-token")
    )
    (sample,) = mock_prober(handler, redact=scrubber.scrub).ask([probe])

    assert sample.outcome is Outcome.OK
    assert "query-token" not in repr(sample)
    assert "session=1" not in repr(sample)


def test_a_secret_is_found_however_json_escapes_it() -> None:
    scrubber = Scrubber()
    scrubber.learn("query-token")
    body = b'{"status": "ok", "asked": "\\u0071uery\\u002Dtoken"}'

    (sample,) = mock_prober(lambda _: httpx.Response(200, content=body), redact=scrubber.scrub).ask(
        [PROBE]
    )

    assert sample.response is not None
    assert sample.response.body == '{"status": "ok", "asked": "***"}'


def test_texts_of_our_own_that_are_secret_do_not_blind_the_reader() -> None:
    scrubber = Scrubber()
    scrubber.learn("down")

    (sample,) = mock_prober(
        lambda _: httpx.Response(200, json={"status": "down"}), redact=scrubber.scrub
    ).ask([PROBE])

    assert sample.outcome is Outcome.UNHEALTHY_BODY
    assert "down" not in repr(sample)


def hops(*locations: str) -> list[str]:
    """Follow redirects from /0 on; return the URLs asked, the last one answering 200."""
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        number = len(asked) - 1
        if number < len(locations):
            return httpx.Response(302, headers={"Location": locations[number]})
        return httpx.Response(200)

    probe = replace(PROBE, url="http://shop.example/0", follows_same_host=True)
    mock_prober(handler).ask([probe])
    return asked


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("/1", True),
        ("http://shop.example/1", True),
        ("https://shop.example/1", True),
        ("http://SHOP.example:80/1", True),
        ("https://shop.example:8443/1", False),
        ("http://shop.example:8080/1", False),
        ("https://other.example/1", False),
        ("//other.example/1", False),
        ("http://user@shop.example/1", False),
        ("ftp://shop.example/1", False),
        ("http://[bad", False),
    ],
)
def test_only_the_same_server_or_its_https_side_is_followed(location: str, followed: bool) -> None:
    assert len(hops(location)) == (2 if followed else 1)


def test_https_never_leads_back_to_http() -> None:
    asked = hops("https://shop.example/1", "http://shop.example/2")

    assert asked[1:] == ["https://shop.example/1?_slo=n2"]


def test_a_redirect_is_not_followed_unless_wished() -> None:
    sample = found(302, "", {"Location": "/1"})

    assert sample.outcome is Outcome.REDIRECT


def test_a_loop_ends_after_five_redirects_and_says_so() -> None:
    requests: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(str(request.url))
        return httpx.Response(302, headers={"Location": str(request.url)})

    (sample,) = mock_prober(handler).ask([replace(PROBE, follows_same_host=True)])

    assert sample.outcome is Outcome.REDIRECT
    assert len(set(requests)) == len(requests) == 6
    assert "gave up after 5 redirects" in sample.notes
    assert f"followed 302 from {URL} to {URL}" in sample.notes


def test_the_times_of_followed_redirects_add_up_but_only_the_last_can_be_slow() -> None:
    clock = VirtualClock()

    def handler(request: httpx.Request) -> httpx.Response:
        clock.advance(3)
        return httpx.Response(
            302 if request.url.path == "/health" else 200, headers={"Location": "/b"}
        )

    (sample,) = mock_prober(handler, clock).ask([replace(PROBE, follows_same_host=True)])

    assert sample.outcome is Outcome.OK
    assert sample.total_seconds == pytest.approx(6)


def test_a_respx_world_of_health_and_version() -> None:
    router = respx.Router(assert_all_called=True)
    router.get("https://shop.example/health").respond(200, json={"status": "ok"})
    router.get("https://shop.example/version").respond(200, text="2.0.0")
    prober = HttpProber(
        VirtualClock(),
        nonces=lambda: "n",
        transport=httpx.MockTransport(router.handler),
        redact=str,
    )
    rule = VersionRule(expected="v2.0.0")

    samples = prober.ask(
        [
            PROBE,
            Probe(
                witness=Witness.VERSION,
                url="https://shop.example/version",
                version_rule=rule,
                reads_health=False,
            ),
        ]
    )

    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.OK]
    assert samples[1].version == "2.0.0"


_NAMES = st.sampled_from(
    [
        b"Content-Type",
        b"Content-Encoding",
        b"Retry-After",
        b"Location",
        b"Date",
        b"Age",
        b"X-Cache",
        b"Cache-Status",
        b"X-Version",
    ]
)
_VALUES = (
    st.sampled_from([b"gzip", b"deflate", b"application/json", b"text/html; charset=utf-16"])
    | st.binary(max_size=40)
    | st.text(alphabet="0123456789 ,;:=/-GMT", max_size=30).map(str.encode)
)


@given(
    st.integers(100, 999),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=5),
    st.binary(max_size=300),
    st.sampled_from(Witness),
)
def test_no_answer_makes_the_prober_raise_or_say_what_cannot_be_written(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, witness: Witness
) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    probe = replace(
        PROBE,
        witness=witness,
        body_limit_bytes=200,
        version_rule=VersionRule(expected="1"),
        follows_same_host=True,
    )
    (sample,) = mock_prober(handler).ask([probe])

    repr(sample).encode()
    "".join((sample.detail, sample.version or "", *sample.notes)).encode()
    assert sample.outcome is not Outcome.UNKNOWN
    by_status = witness in (Witness.API, Witness.SEARCH, Witness.STATS, Witness.JOURNEY)
    accepted = 200 <= status < 300 if by_status else status == 200
    assert sample.outcome.is_good <= accepted
