"""Key pairs of other people's providers, and what they sign: made by joserfc, and signed as any JWS."""

import base64
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
_MODELS = {model.name: model for model in JWS_ALGORITHMS}


def encode(value: object) -> str:
    """Return a value as a segment of a token."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Pair:
    """A key pair; ``described`` is how its public half is published."""

    key: Key
    described: Mapping[str, object]

    def sign(self, header: Mapping[str, object], claims: object, algorithm: str | None = None) -> str:
        """Return a signed token."""
        signed = f"{encode(dict(header))}.{claims if isinstance(claims, str) else encode(claims)}"
        signature = _MODELS[algorithm or str(header["alg"])].sign(signed.encode(), self.key)
        return f"{signed}.{encode(signature)}"


@functools.cache
def make_pair(kind: str, kid: str = "one", size: int = 2048) -> Pair:
    """Return a key pair: RSA of some size, on P-256, or Ed25519."""
    key: Key
    if kind == "RSA":
        key = RSAKey.generate_key(size, private=True)
    elif kind == "EC":
        key = ECKey.generate_key("P-256", private=True)
    else:
        key = OKPKey.generate_key("Ed25519", private=True)
    return Pair(key, {**key.as_dict(private=False), "kid": kid, "use": "sig"})
