"""Who signs the access tokens that tests make by hand: a shared secret or a key pair, without the code under test.

``USUAL.signer`` is the one that is meant where a test names none: the secret, or with ``--key-pair`` the P-256 pair.
"""

import base64
import datetime as dt
import functools
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from shared.settings import SAMPLE_SECRETS

SECRET = SAMPLE_SECRETS["SECRET_KEY"]
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """Something that signs tokens; ``key`` is None where that is a shared secret."""

    algorithm: str
    kid: str
    sign: Callable[[bytes], bytes] = field(repr=False)
    key: PrivateKey | None = field(default=None, repr=False)

    @property
    def header(self) -> dict[str, object]:
        """The header of its access tokens."""
        return {"alg": self.algorithm, "typ": "at+jwt", "kid": self.kid}

    @property
    def pem(self) -> bytes:
        """Its private key in PEM."""
        assert self.key is not None
        return write_private(self.key)

    @property
    def public_pem(self) -> bytes:
        """Its public key in PEM."""
        assert self.key is not None
        return write_public(self.key)


@dataclass(slots=True)
class Usual:
    """Holds the signer that is meant where a test names none."""

    signer: Signer


def kid_of(secret: str) -> str:
    """Return the public name of a shared secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def sign_by(secret: str | bytes) -> Callable[[bytes], bytes]:
    """Return what signs with HMAC-SHA256."""
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda signed: hmac.digest(key, signed, hashlib.sha256)


def share(secret: str) -> Signer:
    """Return what signs with a shared secret."""
    return Signer("HS256", kid_of(secret), sign_by(secret))


def pair_up(key: PrivateKey) -> Signer:
    """Return what signs with a key pair, P-256 or RSA."""
    if isinstance(key, rsa.RSAPrivateKey):
        return Signer(
            "RS256", thumbprint_of(key), lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256()), key
        )

    def sign(text: bytes) -> bytes:
        numbers = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes((key.key_size + 7) // 8, "big") for number in numbers)

    return Signer("ES256", thumbprint_of(key), sign, key)


def thumbprint_of(key: PrivateKey) -> str:
    """Return a key's thumbprint (RFC 7638)."""
    members = jwk_of(key)
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return encode(hashlib.sha256(text.encode()).digest())


def jwk_of(key: PrivateKey) -> dict[str, str]:
    """Return the required members of a key's public half (RFC 7518, section 6)."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": encode_number(numbers.n), "e": encode_number(numbers.e)}
    point = key.public_key().public_numbers()
    length = (key.key_size + 7) // 8
    x, y = (encode(each.to_bytes(length, "big")) for each in (point.x, point.y))
    return {"kty": "EC", "crv": f"P-{key.key_size}", "x": x, "y": y}


def encode(value: bytes) -> str:
    """Return bytes in base64url."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def encode_number(number: int) -> str:
    """Return a number in base64url, without leading zeros."""
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def write_private(key: PrivateKey) -> bytes:
    """Return a private key in PEM."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form)


def write_public(key: PrivateKey, encoding: serialization.Encoding = serialization.Encoding.PEM) -> bytes:
    """Return the public half of a key, in PEM or DER."""
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def certify(key: PrivateKey) -> bytes:
    """Return a certificate that a key has signed for itself, in DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gatepost")])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=begins,
        not_valid_after=begins + dt.timedelta(days=36_500),
    )
    return certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@functools.cache
def make_ec_key(number: int = 1, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Return a key on P-256, or another curve: the same in each run for the same number."""
    secret = int.from_bytes(hashlib.sha256(f"a key for tests {number}".encode()).digest()[1:], "big")
    return ec.derive_private_key(secret, curve or ec.SECP256R1())


@functools.cache
def make_rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """Return an RSA key, one in each run."""
    return rsa.generate_private_key(exponent, bits)


@functools.cache
def signer_of(algorithm: str) -> Signer:
    """Return the signer that tests use with an algorithm."""
    if algorithm == "HS256":
        return share(SECRET)
    return pair_up(make_ec_key() if algorithm == "ES256" else make_rsa_key())


ALGORITHMS = ("HS256", "ES256", "RS256")
USUAL = Usual(signer_of("HS256"))
