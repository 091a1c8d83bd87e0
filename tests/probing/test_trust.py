"""Where the trusted certificates come from."""

import ssl
from pathlib import Path
from typing import cast

import trustme

from slo_action.probing.trust import OnceContext, system_trust

CA = trustme.CA()


def places(cafile: Path | None, capath: Path | None, own: str = "") -> ssl.DefaultVerifyPaths:
    """What OpenSSL reports where `own` is the bundle that it was built to read."""
    return ssl.DefaultVerifyPaths(
        cast("str", str(cafile) if cafile else None),  # None, whatever typeshed says
        cast("str", str(capath) if capath else None),
        "SSL_CERT_FILE",
        own,
        "SSL_CERT_DIR",
        str(capath),
    )


def test_a_hashed_directory_is_read_only_as_far_as_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(CA.cert_pem.bytes())

    context = system_trust(places(None, tmp_path))

    assert context.cert_store_stats()["x509"] == 0
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_directory_without_hashes_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("no certificates here")

    assert system_trust(places(None, tmp_path)).verify_mode is ssl.CERT_REQUIRED


def test_a_host_without_a_store_trusts_certifi_s_list() -> None:
    assert system_trust(places(None, None)).cert_store_stats()["x509"] > 50


def test_the_system_s_roots_are_read_once_and_host_names_are_checked() -> None:
    context = OnceContext(system_trust)

    assert context() is context()
    assert context().check_hostname


def test_nothing_is_stricter_than_a_browser() -> None:
    assert not system_trust().verify_flags & ssl.VERIFY_X509_STRICT
