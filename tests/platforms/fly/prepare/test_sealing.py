"""A restore copy opens for the token that sealed it, and for nobody and nothing else."""

import zlib
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox

from slo_action.core.text.secrets import Secret
from slo_action.errors import PlatformError
from slo_action.platforms.fly.prepare import sealing
from slo_action.platforms.fly.prepare.sealing import SALT_BYTES, seal, unsealed
from tests.platforms.fly.machines import machine

TOKEN = Secret("FlyV1 fm2_lJPEfirst,fm2_lJPEsecond")
OTHER = Secret("FlyV1 fm2_lJPEfirst,fm2_lJPEthird")
SALT = bytes(range(SALT_BYTES))
COPY: dict[str, Any] = {"app": "my-app", "machines": [machine()]}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain=st.dictionaries(st.text(), JSON), salt=st.binary(min_size=16, max_size=16))
def test_what_was_sealed_opens_as_it_was(plain: dict[str, object], salt: bytes) -> None:
    sealed = seal(TOKEN, plain, salt=salt)

    assert unsealed(TOKEN, sealed) == plain
    assert sealed.isascii()
    assert sealed.isprintable()
    assert unsealed(OTHER, sealed) is None


@pytest.mark.parametrize(
    "token",
    [
        "fm2_lJPEfirst,fm2_lJPEsecond",
        "Bearer FlyV1 fm2_lJPEfirst,fm2_lJPEsecond",
        " FlyV1 fm2_lJPEfirst,fm2_lJPEsecond\n",
    ],
)
def test_the_same_token_opens_it_however_it_is_written(token: str) -> None:
    assert unsealed(Secret(token), seal(TOKEN, COPY, salt=SALT)) == COPY


def test_nothing_of_it_can_be_read_from_outside() -> None:
    sealed = seal(TOKEN, COPY, salt=SALT)

    for told in ("s3cret", "my-app", "fm2_", "DATABASE_URL"):
        assert told not in sealed
        assert urlsafe_b64encode(told.encode()).decode().rstrip("=")[:-1] not in sealed


def test_the_same_copy_sealed_with_another_salt_is_another_text() -> None:
    one, other = seal(TOKEN, COPY, salt=SALT), seal(TOKEN, COPY, salt=SALT[::-1])

    assert one.split(".")[1] != other.split(".")[1]
    assert unsealed(TOKEN, one.rpartition(".")[0] + "." + other.rpartition(".")[2]) is None


@given(at=st.integers(0, 10_000), letter=st.sampled_from("Aa0-_=.x"))
def test_what_was_changed_does_not_open(at: int, letter: str) -> None:
    sealed = seal(TOKEN, COPY, salt=SALT)
    place = at % len(sealed)
    changed = sealed[:place] + letter + sealed[place + 1 :]

    assert changed == sealed or unsealed(TOKEN, changed) in (None, COPY)
    assert unsealed(TOKEN, sealed[:place]) is None


@pytest.mark.parametrize(
    "text",
    ["", "slo1", "slo1.", "slo1..", "slo1.AAAA.", "slo2.AAAA.BBBB", "slo1.é.B", "x" * 100, "{}"],
)
def test_what_is_no_sealed_copy_is_none(text: str) -> None:
    assert unsealed(TOKEN, text) is None


def sealed_bytes(packed: bytes) -> str:
    """Seal what `seal` never would."""
    salt = urlsafe_b64encode(SALT).decode()
    sealed = SecretBox(sealing._key(TOKEN, SALT)).encrypt(packed)
    return f"slo1.{salt}.{urlsafe_b64encode(sealed).decode()}"


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(b"[1]"),
        zlib.compress(b"null"),
        zlib.compress(b"{"),
        zlib.compress(b"\xff"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b"{}")[:-1],
        b"not compressed",
        b"",
    ],
)
def test_what_the_token_sealed_but_is_no_copy_is_none(packed: bytes) -> None:
    assert unsealed(TOKEN, sealed_bytes(packed)) is None


def test_a_little_that_unpacks_to_a_lot_is_not_unpacked() -> None:
    packer = zlib.compressobj(9)
    block = b" " * 1024 * 1024
    bomb = b"".join(packer.compress(block) for _ in range(80)) + packer.flush()

    assert len(bomb) < 100_000
    assert unsealed(TOKEN, sealed_bytes(bomb)) is None


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    assert unsealed(TOKEN, "slo1." + "A" * (16 * 1024 * 1024)) is None


@pytest.mark.parametrize("token", ["", "  ", "FlyV1 ", "Bearer"])
def test_without_a_token_nothing_is_sealed_or_opened(token: str) -> None:
    with pytest.raises(PlatformError) as caught:
        seal(Secret(token), COPY, salt=SALT)

    assert "fly-api-token" in caught.value.hint
    assert unsealed(Secret(token), seal(TOKEN, COPY, salt=SALT)) is None


def test_thirty_machines_fit_into_what_an_artifact_carries_easily() -> None:
    copy = {"machines": [machine(id=f"{number:014x}") for number in range(30)]}

    assert len(seal(TOKEN, copy, salt=SALT)) < 10_000
