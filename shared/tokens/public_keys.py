"""Public keys: which are taken, what each is called (RFC 7638), and how they are published (RFC 7517, RFC 7518).

Taken are P-256 for ES256 and RSA of 2048 to 4096 bits for RS256. The ``kid`` is the key's thumbprint, so that no two
keys have one name and nobody can publish a key under the name of another.

``read_jwks`` reads what the auth service publishes. What is not understood is left out, as RFC 7517 (section 5) wants,
and so is a key that is not right: a later release may publish others, such as longer ones. But a set with a private
key, or with nothing of use, is none of ours: it is refused as a whole, and whoever asked keeps the keys they have.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.tokens.compact_form import decode_segment, encode_segment, read_object
from shared.tokens.keys import ES256, RS256, PublicKey, construct_key

KEYS_PATH = "/.well-known/jwks.json"
LONGEST_SET = 65_536  # bytes
MOST_KEYS = 16
RSA_BITS = range(2048, 4097)
RSA_EXPONENT = 65_537  # of all others some are weak, and none has a use
CURVE = "P-256"
COORDINATE = 32  # bytes
_KINDS = {"EC": ES256, "RSA": RS256}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeyNotTaken(ValueError):
    """A key that is not taken; the text says why, about "a key"."""


class KeySetRefused(ValueError):
    """A text that is no key set of ours; the text says why, and nothing of what it holds."""


def name_public_key(key: object) -> PublicKey:
    """Return a public key of ``cryptography`` with its name; raises KeyNotTaken."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        members, algorithm = _describe_point(key), ES256
    elif isinstance(key, rsa.RSAPublicKey):
        members, algorithm = _describe_modulus(key), RS256
    else:
        raise KeyNotTaken("a key that is neither EC nor RSA")
    return PublicKey(compute_thumbprint(members), algorithm, construct_key(key, algorithm).verify, members)


def compute_thumbprint(members: Mapping[str, str]) -> str:
    """Return the thumbprint of a key with these required members (RFC 7638, section 3)."""
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return encode_segment(hashlib.sha256(text.encode()).digest())


def write_jwks(keys: Iterable[PublicKey]) -> bytes:
    """Return the key set of these keys, in their order."""
    described = [{**key.members, "kid": key.kid, "alg": key.algorithm, "use": "sig"} for key in keys]
    return json.dumps({"keys": described}, separators=(",", ":")).encode()


def read_jwks(text: bytes) -> tuple[PublicKey, ...]:
    """Return the keys of a key set; raises KeySetRefused."""
    try:
        listed = read_object(text).get("keys") if len(text) <= LONGEST_SET else None
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise KeySetRefused("no key set")
    keys = [key for each in listed if (key := _read_key(each)) is not None]
    if not keys:
        raise KeySetRefused("a key set without a key of use")
    return tuple(keys)


def _read_key(described: object) -> PublicKey | None:
    """Return a key of the set, or None where it is none that is taken; raises KeySetRefused."""
    if not isinstance(described, dict):
        return None
    kind, use = described.get("kty"), described.get("use", "sig")
    algorithm = _KINDS.get(kind) if isinstance(kind, str) else None
    if algorithm is None or use != "sig" or described.get("alg", algorithm) != algorithm:
        return None
    if kind == "EC" and described.get("crv") != CURVE:
        return None
    if not _PRIVATE.isdisjoint(described):
        raise KeySetRefused("a key set with a private key")
    try:
        key = name_public_key(_read_point(described) if kind == "EC" else _read_modulus(described))
    except ValueError:
        return None
    return key if described.get("kid") == key.kid else None


def _describe_point(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    if not isinstance(key.curve, ec.SECP256R1):
        raise KeyNotTaken(f"a key on the curve {key.curve.name}, where only P-256 is taken")
    numbers = key.public_numbers()
    x, y = (encode_segment(number.to_bytes(COORDINATE, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": CURVE, "x": x, "y": y}


def _describe_modulus(key: rsa.RSAPublicKey) -> dict[str, str]:
    if key.key_size not in RSA_BITS:
        raise KeyNotTaken(f"an RSA key of {key.key_size} bits, where 2048 to 4096 are taken")
    numbers = key.public_numbers()
    if numbers.e != RSA_EXPONENT:
        raise KeyNotTaken(f"an RSA key with another exponent than {RSA_EXPONENT}")
    return {"kty": "RSA", "n": _encode_number(numbers.n), "e": _encode_number(numbers.e)}


def _read_point(members: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    x, y = _decode(members, "x"), _decode(members, "y")
    if len(x) != COORDINATE or len(y) != COORDINATE:
        raise ValueError("a coordinate has one length")
    # A point that is not on the curve is refused here.
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    return numbers.public_key()


def _read_modulus(members: Mapping[str, object]) -> rsa.RSAPublicKey:
    n, e = _decode(members, "n"), _decode(members, "e")
    if len(n) > RSA_BITS[-1] // 8 or n[:1] == b"\0" or e != RSA_EXPONENT.to_bytes(3, "big"):
        raise ValueError("a number has one spelling")
    return rsa.RSAPublicNumbers(RSA_EXPONENT, int.from_bytes(n, "big")).public_key()


def _decode(members: Mapping[str, object], name: str) -> bytes:
    value = members.get(name)
    if not isinstance(value, str):
        raise ValueError("a member is missing")  # noqa: TRY004 - what was read, and no argument of ours
    return decode_segment(value)


def _encode_number(number: int) -> str:
    return encode_segment(number.to_bytes((number.bit_length() + 7) // 8, "big"))
