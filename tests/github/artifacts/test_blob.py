import re

import httpx
from hypothesis import given
from hypothesis import strategies as st

from slo_action.github.artifacts.blob import put_block, put_block_list

MOST_BLOCKS = 50_000
ENCODED = st.from_regex(r"([A-Za-z0-9._~=+/:@!-]|%[0-9A-Fa-f]{2}){1,60}", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from(["sv", "se", "sig", "rscd"]), ENCODED), min_size=1))
def test_a_signed_address_is_sent_byte_by_byte(fields: list[tuple[str, str]]) -> None:
    signed = "/results/a.zip?" + "&".join(f"{key}={value}" for key, value in fields)
    sent: list[httpx.Request] = []

    with _client(sent) as client:
        put_block(client, f"https://blob.example{signed}", 0, b"x")

    assert sent[0].url.raw_path.decode().startswith(f"{signed}&comp=block&blockid=")


def test_all_block_ids_are_equally_long_up_to_azures_limit() -> None:
    sent: list[httpx.Request] = []

    with _client(sent) as client:
        put_block_list(client, "https://blob.example/a.zip?sig=x", MOST_BLOCKS)

    ids = re.findall(r"<Latest>(.*?)</Latest>", sent[0].content.decode())
    assert len(set(ids)) == MOST_BLOCKS
    assert {len(block_id) for block_id in ids} == {16}


def _client(sent: list[httpx.Request]) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(201)

    return httpx.Client(transport=httpx.MockTransport(answer))
