"""One kind of signed token: made and read by its keys, which no other module does. Pure; its laws are in ``signed``."""

import json
import re

from jose import jws

from shared.tokens.claims import Refusal, TokenRefused
from shared.tokens.compact_form import decode_segment, is_canonical, read_object
from shared.tokens.keys import ALGORITHMS, Keys, VerifyingKey
from shared.tokens.token_headers import read_header, write_header

MAX_TOKEN_LENGTH = 4096

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class TokenKind:
    """One kind of token: its keys, and the ``typ`` of its header."""

    def __init__(self, keys: Keys, token_type: str) -> None:
        self._keys = keys
        self._type = token_type
        self._own_headers: dict[str, VerifyingKey] = {}  # by our spelling of them: at most one for each key

    def forget(self) -> None:
        """Forget which header names which key."""
        self._own_headers.clear()

    def sign(self, claims: dict[str, object]) -> str:
        """Return a token with these claims."""
        key = self._keys.signing_key
        if key is None:
            raise RuntimeError("nothing is signed here: there are only public keys")
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"typ": self._type, "kid": key.kid}
        return str(jws.sign(payload, key.key, headers=headers, algorithm=key.algorithm))

    def verify(self, token: str) -> dict[str, object]:
        """Return the claims of a token whose form, header and signature are valid. The claims are not checked."""
        match = _COMPACT.fullmatch(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if match is None:
            raise TokenRefused(Refusal.MALFORMED)
        header, payload, signature = match.groups()
        if not (is_canonical(header) and is_canonical(payload) and is_canonical(signature)):
            raise TokenRefused(Refusal.MALFORMED)
        key = self._own_headers.get(header) or self._get_key(header)
        if not key.verify(token[: match.end(2)].encode(), decode_segment(signature)):
            raise TokenRefused(Refusal.SIGNATURE)
        return read_object(decode_segment(payload))

    def _get_key(self, segment: str) -> VerifyingKey:
        """Return the key that a header names; remember it where the header is spelled as we would."""
        header = read_header(segment)
        algorithm, kid = header.get("alg"), header.get("kid")
        # Before the look-up: for no algorithm that is not ours a key is missed, and perhaps fetched.
        if header != {"alg": algorithm, "typ": self._type, "kid": kid} or algorithm not in ALGORITHMS:
            raise TokenRefused(Refusal.HEADER)
        key = self._keys.find_key(kid)
        if key is None:
            raise TokenRefused(Refusal.UNKNOWN_KEY, is_lasting=not self._keys.may_be_published(kid))
        if algorithm != key.algorithm:
            raise TokenRefused(Refusal.HEADER)
        if segment == write_header(key, self._type):
            self._own_headers[segment] = key
        return key
