"""Certificates for the servers of tests, and an authority that nobody else knows."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; ``file`` holds its own."""

    file: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        """Return a new authority, whose files are in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        authority = cls(folder / "ca.pem", _name("An authority of the tests"), ec.generate_private_key(ec.SECP256R1()))
        builder = _begin(authority.name, authority.name, authority.key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        key_id = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
        signed = builder.add_extension(key_id, critical=False).sign(authority.key, hashes.SHA256())
        authority.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return authority

    def sign(self, host: str) -> Path:
        """Return a file with a certificate for a host name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _begin(_name(host), self.name, key)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        signed = builder.add_extension(issuer, critical=False).sign(self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self.file.with_name(f"{host}.pem")
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        return file

    def serve(self, host: str) -> ssl.SSLContext:
        """Return what a server needs to be that host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.sign(host))
        return context

    def trust(self) -> ssl.SSLContext:
        """Return what a client needs to trust this authority and no other."""
        return ssl.create_default_context(cafile=str(self.file))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - LIFETIME).not_valid_after(now + LIFETIME)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs_certificates, crl_sign=True, decipher_only=False, **others
    )
