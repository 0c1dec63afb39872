"""The local cloud's certificate authority: server certificates for the edge's host names and for databases.

It lies in the work folder, is made once, and is trusted by nobody but who is handed its certificate: no change to the
system. Whoever does import it into a browser is safe too: it can vouch for test names, AWS's own names and loopback
addresses only (name constraints, RFC 5280 section 4.2.1.10; OpenSSL, Java and browsers honour them).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.files import write_atomically

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90
RENEW_DAYS = 30
"""A certificate with less time left is replaced when it is next asked for."""

DOMAINS = ("test", "example", "example.com", "example.net", "example.org", "invalid", "localhost", "local", "internal",
           "cloudfront.net", "amazonaws.com")  # fmt: skip
"""What it may vouch for, with all below: names reserved for tests (RFC 2606, RFC 6761) and those that AWS gives."""
NETWORKS = ("127.0.0.0/8", "::1/128")


class NameNotAllowed(OpsctlError):
    """A host name or address that the local authority may not vouch for."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The local cloud's authority can't vouch for {name}.",
            next=f"Locally use a name below one of {', '.join(DOMAINS)}, or an address in {NETWORKS[0]}.",
        )


class Authority:
    """A certificate authority in a folder (0700); all files are 0600. Safe to share between threads."""

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self.folder = folder
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._own: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None

    @property
    def certificate_file(self) -> Path:
        """The authority's own certificate, PEM: what clients are told to trust. It is made when there is none."""
        with self._lock:
            self._authority()
            return self._certificate_at("authority")

    def issue(self, names: tuple[str, ...]) -> tuple[Path, Path]:
        """Certificate (with its chain) and key files for host names and addresses; the same ones the next time.

        Raises:
            NameNotAllowed: a name outside DOMAINS and NETWORKS; clients would refuse the certificate.
        """
        for name in names:
            if not may_vouch_for(name):
                raise NameNotAllowed(name)
        stem = f"{names[0].replace('*', 'any')[:80]}-{hashlib.sha256(repr(sorted(names)).encode()).hexdigest()[:12]}"
        with self._lock:
            issuer, issuer_key = self._authority()
            known = self._read(stem)
            if known is None or not _signed_by(known[0], issuer):
                certificate, key = self._sign(names, issuer, issuer_key)
                self._write(stem, (certificate, issuer), key)
            return self._certificate_at(stem), self._key_at(stem)

    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if self._own is None or self._ends_soon(self._own[0]):
            self._own = self._read("authority")
        if self._own is None:
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name(
                [x509.NameAttribute(NameOID.COMMON_NAME, f"opsctl local cloud ({self.folder.parent})"[:64])]
            )
            certificate = (
                self._builder(name, name, key.public_key(), AUTHORITY_DAYS)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(signs_certificates=True), critical=True)
                .add_extension(x509.NameConstraints(_names((*DOMAINS, *NETWORKS)), None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(key, hashes.SHA256())
            )
            self._write("authority", (certificate,), key)
            self._own = certificate, key
        return self._own

    def _sign(
        self, names: tuple[str, ...], issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        # Not the name itself: where a certificate has no DNS name, OpenSSL checks the common name as one, and an
        # address is none that the constraints allow.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"server {names[0]}"[:64])])
        issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            self._builder(subject, issuer.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        return certificate, key

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = self._clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))  # for clients whose clock is a little behind
            .not_valid_after(now + timedelta(days=days))
        )

    def _read(self, stem: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
        """A pair that was written whole and lasts a while yet."""
        try:
            certificate = x509.load_pem_x509_certificate(self._certificate_at(stem).read_bytes())
            key = load_pem_private_key(self._key_at(stem).read_bytes(), None)
        except (OSError, ValueError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or self._ends_soon(certificate):
            return None
        return (certificate, key) if certificate.public_key() == key.public_key() else None

    def _write(self, stem: str, chain: Iterable[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_atomically(self._key_at(stem), private, mode=0o600)
        certificates = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        write_atomically(self._certificate_at(stem), certificates, mode=0o600)

    def _ends_soon(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_after_utc - self._clock.now() < timedelta(days=RENEW_DAYS)

    def _certificate_at(self, stem: str) -> Path:
        return self.folder / f"{stem}.crt"

    def _key_at(self, stem: str) -> Path:
        return self.folder / f"{stem}.key"


def may_vouch_for(name: str) -> bool:
    """Whether a host name (`*.` in front is fine) or an address lies within the name constraints."""
    try:
        address = ip_address(name)
    except ValueError:
        host = name.lower().removeprefix("*.")
        return any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS)
    return any(address in ip_network(network) for network in NETWORKS)


def _names(names: Iterable[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_network(name) if "/" in name else ip_address(name))
    except ValueError:
        return x509.DNSName(name.lower())


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # the library names three kinds: not its issuer's name, algorithm or signature
        return False
    return True


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
