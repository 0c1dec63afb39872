"""The local certificate authority, judged by OpenSSL's own handshake."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from opsctl.local.authority import Authority, NameNotAllowed


class At:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def handshake(certificate: Path, key: Path, trusted: Path, name: str) -> None:
    """A TLS handshake in memory, as a client that asks for `name` and trusts `trusted` only."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(trusted))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize("name", ["local.opsctl.test", "d1.cloudfront.net", "127.4.5.6"])
def test_a_client_that_trusts_the_authority_accepts_each_name_of_a_certificate(authority: Authority, name: str) -> None:
    certificate, key = authority.issue(("local.opsctl.test", "d1.cloudfront.net", "127.4.5.6"))
    handshake(certificate, key, authority.certificate_file, name)


def test_a_certificate_for_an_address_alone_is_accepted(authority: Authority) -> None:
    certificate, key = authority.issue(("127.4.5.6",))
    handshake(certificate, key, authority.certificate_file, "127.4.5.6")


def test_another_name_than_the_certificates_is_refused_by_the_client(authority: Authority) -> None:
    certificate, key = authority.issue(("local.opsctl.test",))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(certificate, key, authority.certificate_file, "other.opsctl.test")


def test_a_client_that_trusts_another_authority_refuses_ours(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue(("local.opsctl.test",))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificate, key, Authority(tmp_path / "other").certificate_file, "local.opsctl.test")


@pytest.mark.parametrize("name", ["bank.com", "10.0.0.1", "attest"])
def test_it_vouches_for_test_names_and_loopback_only(authority: Authority, name: str) -> None:
    with pytest.raises(NameNotAllowed, match=name):
        authority.issue((name,))


def test_clients_refuse_a_name_outside_the_constraints_even_if_it_were_signed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsctl.local.authority.may_vouch_for", lambda name: True)
    certificate, key = authority.issue(("bank.com",))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(certificate, key, authority.certificate_file, "bank.com")


def test_the_same_names_get_the_same_certificate_even_after_a_restart(authority: Authority) -> None:
    before = [path.read_bytes() for path in authority.issue(("a.test", "b.test"))]
    again = Authority(authority.folder).issue(("a.test", "b.test"))
    assert [path.read_bytes() for path in again] == before


def test_a_certificate_near_its_end_is_replaced(tmp_path: Path) -> None:
    clock = At()
    authority = Authority(tmp_path, clock=clock)
    first = x509.load_pem_x509_certificate(authority.issue(("a.test",))[0].read_bytes())
    clock.sleep(61 * 86400)
    second = x509.load_pem_x509_certificate(authority.issue(("a.test",))[0].read_bytes())
    assert second.not_valid_after_utc - first.not_valid_after_utc == timedelta(days=61)


def test_a_new_authority_signs_anew_what_the_old_one_had_signed(authority: Authority) -> None:
    authority.issue(("a.test",))
    (authority.folder / "authority.key").unlink()
    remade = Authority(authority.folder)
    certificate, key = remade.issue(("a.test",))
    handshake(certificate, key, remade.certificate_file, "a.test")


def test_nobody_else_can_read_the_files(authority: Authority) -> None:
    authority.issue(("a.test",))
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in authority.folder.iterdir()} == {0o600}
