"""Inputs and slo.yml to how each probe is sent: who comes first, secrets and files filled in."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from slo_action.config.multi_service import read_multi_service
from slo_action.config.request import RunEnvironment, VerifyRequest, read_request
from slo_action.core.model import Probe, RunIdentity, Witness
from slo_action.core.observation.streams import machine_probe, stream_name
from slo_action.core.request_options import RequestOptions
from slo_action.core.text.secrets import Scrubber
from slo_action.errors import InputError, Mistake
from tests.config.test_request import NOW
from tests.core.release.test_fleet import machine

GIVEN = {"service": "shop", "token": "ghs_123456", "control-url": "http://127.0.0.1:9"}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBcert\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIBabcd+/0123==\nMIIBefgh+/4567==\n-----END PRIVATE KEY-----"
SLO_YML = """\
defaults:
  request: {proxy: 'http://proxy.example:3128', headers: {X-Region: eu, X-Tenant: all}}
services:
  - service: shop
    url: https://shop.example/app
    health_endpoint: /healthz?key=${secrets.BYPASS}
    build_endpoint: /__build
    search_endpoint: /search?q=a
    request:
      headers: {X-Tenant: shop, Authorization: 'Bearer ${secrets.TOKEN}'}
      method: POST
      body: '{"token": "${secrets.TOKEN}"}'
      expected_status: [200, 401]
    endpoints:
      - name: orders
        path: /orders?key=${secrets.BYPASS}
        request: {host: orders.example, headers: {X-Tenant: orders}, cache_buster: off}
    journeys: [{name: buy, steps: [{name: look, path: /}]}]
"""
SECRETS = "BYPASS=a/b c\nTOKEN=abcdefgh"


def request(workspace: Path, given: Mapping[str, str], slo_yml: str = "") -> VerifyRequest:
    if slo_yml:
        path = workspace / ".github" / "slo.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(slo_yml, encoding="utf-8")
    environment = RunEnvironment(run=RunIdentity(), workspace=workspace, now=NOW)
    return read_request({**GIVEN, **given}, environment)


def mistakes(workspace: Path, given: Mapping[str, str], slo_yml: str = "") -> dict[str, Mistake]:
    with pytest.raises(InputError) as caught:
        request(workspace, given, slo_yml)
    return {mistake.field: mistake for mistake in caught.value.mistakes}


def probes(made: VerifyRequest) -> dict[str, Probe]:
    return {stream_name(probe): probe for probe in (*made.probes, *made.endpoints)}


def test_slo_yml_says_how_a_service_and_its_endpoints_are_asked(tmp_path: Path) -> None:
    found = probes(request(tmp_path, {"secrets": SECRETS}, SLO_YML))
    health, orders = found["health"], found["/app/orders"]
    headers = (("X-Region", "eu"), ("X-Tenant", "shop"), ("Authorization", "Bearer abcdefgh"))

    assert health.url == "https://shop.example/app/healthz?key=a%2Fb%20c"
    assert health.request == RequestOptions(
        headers=headers,
        method="POST",
        body='{"token": "abcdefgh"}',
        expected_status=("200", "401"),
        proxy="http://proxy.example:3128",
    )
    assert health.assertions[0].expected == ("200", "401")
    for name in ("version", "search", "journey buy"):
        assert found[name].request == health.request.of_every_request
    assert orders.url == "https://orders.example/app/orders?key=a%2Fb%20c"
    assert orders.request.headers == (*headers[:1], headers[2], ("X-Tenant", "orders"))
    assert (orders.request.verb, orders.request.busts_cache) == ("GET", False)
    assert (orders.request.host, orders.request.stands_for) == ("orders.example", "shop.example")


def test_an_input_comes_before_slo_yml_and_the_control_takes_the_connection(tmp_path: Path) -> None:
    made = request(
        tmp_path,
        {
            "secrets": SECRETS,
            "method": "HEAD",
            "proxy": "http://other.example:1",
            "headers": "x-region: us",
        },
        SLO_YML,
    )
    health = probes(made)["health"].request

    assert (health.method, health.proxy) == ("HEAD", "http://other.example:1")
    assert ("x-region", "us") in health.headers
    assert ("X-Region", "eu") not in health.headers
    assert made.control is not None
    assert made.control.request == RequestOptions(proxy="http://other.example:1")


def test_a_service_that_is_asked_as_usual_is_not_listed(tmp_path: Path) -> None:
    assert request(tmp_path, {"url": "https://shop.example"}).asked == {}
    assert set(request(tmp_path, {"secrets": SECRETS}, SLO_YML).asked) == {
        "health",
        "version",
        "search",
        "/app/orders",
        "journey buy",
    }


@pytest.mark.parametrize("source", ["inputs", "files", "secrets"])
def test_certificates_are_given_as_text_as_files_or_as_secrets(source: str, tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text(CERTIFICATE, encoding="utf-8")
    (tmp_path / "client.key").write_text(KEY, encoding="utf-8")
    given = {
        "inputs": {"client-cert": CERTIFICATE, "client-key": KEY},
        "files": {"client-cert": "client.pem", "client-key": "client.key"},
        "secrets": {
            "client-cert": "client.pem",
            "client-key": "${secrets.KEY}",
            "secrets": f"KEY={KEY}\nOTHER=abcd",
        },
    }[source]
    made = request(tmp_path, {"url": "https://shop.example", **given})
    asked = made.probes[0].request
    scrubber = Scrubber()
    for secret in made.secrets:
        scrubber.learn(secret)

    assert (asked.client_cert, asked.client_key) == (CERTIFICATE, KEY)
    for line in KEY.splitlines()[1:3]:
        assert scrubber.scrub(f"<{line}>") == "<***>"
    assert "MIIBcert" in scrubber.scrub(CERTIFICATE)


def test_every_mistake_names_its_field_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing", encoding="utf-8")
    found = mistakes(
        tmp_path,
        {
            "url": "https://${HOST}",
            "health-path": "/a?t=${secrets.LOST}",
            "version-path": "/${VERSION}",
            "expected-version": "${GITHUB_SHA}",
            "api-paths": "/${secrets.DOTS}/x",
            "secrets": "DOTS=....\nMARK=\N{SNOWMAN}\N{SNOWMAN}\N{SNOWMAN}\N{SNOWMAN}",
            "headers": "X-A: ${secrets.MARK}",
            "body": "${{ secrets.BODY }}",
            "ca-bundle": "empty.pem",
            "client-cert": "lost.pem",
            "prometheus-headers": "X-Scope-OrgID: shop",
        },
    )

    assert "nothing fills in ${…} in an address" in str(found["url"])
    assert found["secrets"].description == (
        "secrets: LOST is missing; health-path uses it: add LOST=${{ secrets.LOST }}"
    )
    assert 'got "/${VERSION}"); nothing fills in ${VERSION}' in str(found["version-path"])
    assert "nothing fills in ${GITHUB_SHA} here" in str(found["expected-version"])
    assert str(found["headers"]).startswith("headers: the value of X-A cannot be sent;")
    assert "nothing fills in ${{ secrets.BODY }}: write ${secrets.NAME}" in str(found["body"])
    assert "contains no certificate or key" in str(found["ca-bundle"])
    assert "cannot be read: No such file" in str(found["client-cert"])
    assert "prometheus-headers would have no effect" in str(found["prometheus-url"])


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"client-key": KEY}, "client-cert", "is missing; give the certificate"),
        ({"client-cert": CERTIFICATE}, "client-key", "is missing; give the private key"),
    ],
)
def test_a_certificate_and_its_key_belong_together(
    given: dict[str, str], field: str, says: str, tmp_path: Path
) -> None:
    assert says in str(mistakes(tmp_path, {"url": "https://shop.example", **given})[field])


@pytest.mark.parametrize(
    ("written", "field", "says"),
    [
        ("request: {header: {A: b}}", "services[0].request.header", "did you mean headers"),
        (
            "request: {method: FETCH}",
            "services[0].request.method",
            'got "FETCH"); write one of GET',
        ),
        ("request: {headers: {A: '${TOKEN}'}}", "services[0].request.headers", "${TOKEN}"),
        ('request: {headers: {A: "b\\nC: d"}}', "services[0].request.headers", "one line of text"),
        ("request: {cache_buster: ''}", "services[0].request.cache_buster", "write a value"),
        ("health_endpoint: /a?${{ secrets.T }}", "services[0].health_endpoint", "without spaces"),
        ("health_endpoint: '/a?${T}'", "services[0].health_endpoint", "nothing fills in ${T}"),
        (
            "endpoints: [{name: a, path: /a, request: {body: '${T}'}}]",
            "services[0].endpoints[0].request.body",
            "${T}",
        ),
        ("endpoints: [{name: a, path: '/a?${secrets.T}'}]", "secrets", "endpoint a: path uses it"),
        ("request: {proxy: 'http://${secrets.P}@p:1'}", "secrets", "proxy uses it"),
        (
            "journeys: [{name: j, steps: [{name: s, path: '/?a=${{T}}'}]}]",
            "journeys[0].steps[0].path",
            "uses ${{T}}",
        ),
    ],
)
def test_a_mistake_in_slo_yml_stands_at_its_key(
    written: str, field: str, says: str, tmp_path: Path
) -> None:
    text = f"services:\n  - service: shop\n    url: https://shop.example\n    {written}\n"

    assert says in str(mistakes(tmp_path, {}, text)[field])


def test_what_is_likely_to_be_secret_is_masked_wherever_it_is_written_out(tmp_path: Path) -> None:
    slo_yml = SLO_YML.replace("${secrets.BYPASS}", "Bypass0123456789").replace(
        "${secrets.TOKEN}", "plain-token"
    )
    scrubber = Scrubber()
    for secret in request(tmp_path, {"proxy": "http://bob:passwd@p.example:1"}, slo_yml).secrets:
        scrubber.learn(secret)

    sent = "Bypass0123456789 plain-token bob:passwd shop eu"
    assert scrubber.scrub(sent) == "*** *** *** shop eu"


def test_one_host_is_not_meant_for_several_services(tmp_path: Path) -> None:
    environment = RunEnvironment(run=RunIdentity(), workspace=tmp_path, now=NOW)
    given = {
        "service": "a, b",
        "url": "a=https://a.example\nb=https://b.example",
        "host": "c.example",
    }
    with pytest.raises(InputError) as caught:
        read_multi_service({**GIVEN, **given}, environment)

    assert [mistake.field for mistake in caught.value.mistakes] == ["host"]


def test_machines_are_asked_as_the_health_endpoint_is(tmp_path: Path) -> None:
    health = request(tmp_path, {"secrets": SECRETS}, SLO_YML).probes[0]

    assert health.witness is Witness.HEALTH
    assert machine_probe(machine(), health).request == health.request
