"""Other people's keys (RFC 7517) and what they sign: the one door to joserfc.

python-jose, by which our own tokens are verified, knows neither PS256 nor EdDSA. joserfc's reading of a token is not
used, for ours is stricter (``id_token``): from it come keys and the arithmetic.

Taken are RSA of 2048 to 4096 bits, P-256 and Ed25519. What is of another kind or for another use is left out, as RFC
7517 (section 5) wants, and so is a key that is not right: the others still verify.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType

RSA_BITS = range(2048, 4097)
MOST_NUMBER = 1024  # characters of a number of a key: 4096 bits are 683
_ALGORITHMS = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A public key: its name, the algorithms that it may be used with, and whether it signed something.

    ``verify`` takes an algorithm, what was signed, and the signature.
    """

    kid: str | None
    algorithms: tuple[str, ...]
    verify: Callable[[str, bytes, bytes], bool] = field(repr=False)


def load_joserfc() -> tuple[ModuleType, ModuleType]:
    """Return the library's keys and algorithms. Imported here: without providers nothing of it is needed."""
    from joserfc import jwa, jwk  # noqa: PLC0415

    return jwa, jwk


def read_key(described: object) -> ProviderKey | None:
    """Return a key of a key set; None where it is of no use here."""
    if not isinstance(described, dict) or described.get("use", "sig") != "sig":
        return None
    algorithms = _list_algorithms(described)
    members = {name: described.get(name) for name in ("kty", *_MEMBERS.get(str(described.get("kty")), ()))}
    kid = described.get("kid")
    is_plain = all(isinstance(value, str) and len(value) <= MOST_NUMBER for value in members.values())
    if not algorithms or not is_plain or not (kid is None or isinstance(kid, str)):
        return None
    jwa, jwk = load_joserfc()
    try:
        key = jwk.JWKRegistry.import_key(members)
        if key.key_type == "RSA" and key.raw_value.key_size not in RSA_BITS:
            return None
    except Exception:  # noqa: BLE001 - a key that is not right, in whichever way the library puts it
        return None
    models = {model.name: model for model in jwa.JWS_ALGORITHMS}

    def verify(algorithm: str, signed: bytes, signature: bytes) -> bool:
        try:
            return algorithm in algorithms and bool(models[algorithm].verify(signed, signature, key))
        except Exception:  # noqa: BLE001 - a signature that can be none
            return False

    return ProviderKey(kid, algorithms, verify)


def _list_algorithms(described: Mapping[str, object]) -> tuple[str, ...]:
    """Return what a key may be used with: all that its kind can, or that of them which it names."""
    kind, curve = str(described.get("kty")), str(described.get("crv"))
    found = _ALGORITHMS.get((kind, "" if kind == "RSA" else curve), ())
    named = described.get("alg")
    return tuple(each for each in found if named in {None, each})
