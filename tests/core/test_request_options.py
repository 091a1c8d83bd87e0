"""How a service is asked: what comes before what, what is shown, and where it leads."""

import pytest

from slo_action.core.request_options import DEFAULT_OPTIONS, RequestOptions

SHOP = RequestOptions(
    headers=(("X-Tenant", "shop"), ("X-Key", "abcdefgh")),
    method="POST",
    body="{}",
    expected_status=("204",),
    resolve=("a.example:443:192.0.2.1",),
    proxy="http://bob:pass@proxy.example:3128",
    cache_buster=False,
)


def test_what_is_set_nearer_wins_and_headers_are_put_together_by_name() -> None:
    own = RequestOptions(headers=(("x-tenant", "own"),), method="GET", cache_buster=True)
    whole = own.over(SHOP)

    assert whole.headers == (("X-Key", "abcdefgh"), ("x-tenant", "own"))
    assert (whole.method, whole.cache_buster, whole.body) == ("GET", True, "{}")
    assert DEFAULT_OPTIONS.over(SHOP) == SHOP == SHOP.over(DEFAULT_OPTIONS)
    assert (
        RequestOptions(cache_buster=False).over(RequestOptions(cache_buster=True)).busts_cache
        is False
    )


def test_another_endpoint_has_a_request_of_its_own_and_another_host_only_the_connection() -> None:
    other = SHOP.of_every_request
    assert (other.verb, other.body, other.expected_status) == ("GET", "", ())
    assert other.headers == SHOP.headers

    assert SHOP.of_connection == RequestOptions(resolve=SHOP.resolve, proxy=SHOP.proxy)


def test_only_names_are_shown_of_what_may_be_secret() -> None:
    assert SHOP.shown == (
        "headers X-Tenant, X-Key",
        "method POST",
        "body",
        "expected-status 204",
        "resolve a.example:443:192.0.2.1",
        "proxy",
        "cache-buster off",
    )
    assert "abcdefgh" not in repr(SHOP)
    assert "pass" not in repr(SHOP)


@pytest.mark.parametrize(
    ("options", "place", "found"),
    [
        (DEFAULT_OPTIONS, ("a", 80), (("a",), 80)),
        (RequestOptions(resolve=("a:80:::1,192.0.2.1",)), ("a", 80), (("::1", "192.0.2.1"), 80)),
        (RequestOptions(resolve=("a:80:[::1]",)), ("a", 443), (("a",), 443)),
        (RequestOptions(resolve=("*:80:192.0.2.1",)), ("a", 80), (("192.0.2.1",), 80)),
        (RequestOptions(host="b", stands_for="a:8080"), ("b", 80), (("a",), 8080)),
        (RequestOptions(host="b:81", stands_for="[::1]"), ("b", 81), (("::1",), 81)),
        (RequestOptions(host="b", stands_for="a"), ("c", 443), (("c",), 443)),
        (
            RequestOptions(host="b", stands_for="a:8080", resolve=("a:8080:192.0.2.1",)),
            ("b", 80),
            (("192.0.2.1",), 8080),
        ),
    ],
)
def test_where_a_request_is_sent_to(
    options: RequestOptions, place: tuple[str, int], found: tuple[tuple[str, ...], int]
) -> None:
    assert options.destination(*place) == found
