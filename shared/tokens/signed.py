"""Signed tokens: the access token of a user and the service token between services (RFC 7515, 7519, 9068).

Pure: keys and the time come in, values go out. Signed and verified is in ``token_kinds``, with the keys of ``keys``.

A token is a JWS in compact form, HS256, ES256 or RS256, header ``{"alg", "kid", "typ"}``. The laws:

1. Any input ends as verified claims or as ``TokenRefused``; nothing else is raised.
2. The text is checked before jose sees it: length, alphabet, canonical base64url, a small flat header.
3. The header chooses the key, only from a map by ``kid``, and must name the one algorithm that this key has.
4. Every claim that is relied on must be present, of its exact type, and equal to what is expected here.
5. Each kind of token has its own keys, ``typ`` and ``aud``; one never passes for another (RFC 8725, 3.11).
6. A signature is computed, and compared in constant time, by jose's key. Nothing of the payload is decoded before.
7. What is remembered of a token was verified by the keys of now: it is forgotten when these change.

Never log a token; the reason for a refusal is enough.
"""

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence

from shared.fast.memory import Memory
from shared.tokens.claims import (
    MAX_ID,
    CallerUnknown,
    Claims,
    Refusal,
    Term,
    TokenRefused,
    check_caller,
    check_registered,
    read_user,
)
from shared.tokens.keys import KeyRing, Keys, key_id
from shared.tokens.token_kinds import TokenKind

# What users of this module need, the names of claims.py and keys.py included.
__all__ = ["MAX_ID", "AccessTokens", "Claims", "KeyRing", "Refusal", "ServiceTokens", "TokenRefused", "key_id"]

ACCESS_TYPE = "at+jwt"  # RFC 9068, section 2.1
SERVICE_TYPE = "svc+jwt"
ACCESS_AUDIENCE = "gatepost"
CLIENT_ID = "gatepost"  # RFC 9068, section 2.2: who asked for the token, which is our own sign-in
SERVICE_TOKEN_TTL = 60  # seconds

MAX_REMEMBERED = 4096  # tokens with a valid signature
MAX_REFUSED = 256  # other tokens; a client that sends one sends it again
LONGEST_REFUSED = 1024  # characters of a refused token that is remembered

NoteCall = Callable[[str, int], None]


class AccessTokens:
    """Signs and verifies access tokens of one issuer (the public URL), valid for ``ttl`` seconds.

    They are issued for ``audience``, which is also the one that is accepted, and for ``others`` beside it. Signed by
    a key pair, so for everybody's libraries, they have what RFC 9068 asks for besides.

    A token's claims are cached by its exact text; its times are checked each time, and its session by ``Revocations``.
    A second cache holds why a token was refused, for reasons that last: not its times, nor a key that is not known yet.
    """

    def __init__(
        self, keys: Keys, issuer: str, ttl: int, audience: str = ACCESS_AUDIENCE, others: Sequence[str] = ()
    ) -> None:
        self._keys = keys
        self._version = keys.version
        self._kind = TokenKind(keys, ACCESS_TYPE)
        self._issuer = issuer
        self._audience = audience
        self._audiences = [audience, *others] if others else audience
        self._read: Memory[str, tuple[Claims, Term]] = Memory(MAX_REMEMBERED)
        self._refused: Memory[str, Refusal] = Memory(MAX_REFUSED)
        self.ttl = ttl

    def sign(  # noqa: PLR0913 - one for each claim
        self,
        *,
        user_id: int,
        name: str,
        email: str,
        session_id: str,
        now: int,
        ends_at: int | None = None,
        authenticated_at: int | None = None,
        roles: Sequence[str] = (),
        email_verified: bool = False,
    ) -> str:
        """Return a new access token for a session of the user, who last proved who they are at ``authenticated_at``.

        It expires at ``ends_at`` if that is sooner than its ``ttl``, but lives for at least a second.
        """
        key = self._keys.signing_key
        expires_at = now + self.ttl if ends_at is None else min(now + self.ttl, max(ends_at, now + 1))
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": self._audiences,
            "sub": str(user_id),
            "id": user_id,
            "name": name,
            "email": email,
            "sid": session_id,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": expires_at,
        }
        rest = {"auth_time": authenticated_at, "roles": list(roles) or None, "email_verified": email_verified or None}
        claims |= {name: value for name, value in rest.items() if value is not None}
        if key is not None and key.is_private:
            claims["client_id"] = CLIENT_ID
        return self._kind.sign(claims)

    def verify(self, token: str, now: int) -> Claims:
        """Return the claims of a valid access token; raises TokenRefused for everything else."""
        if self._keys.version != self._version:
            self._forget()
        user, term = self._read.find(token) or self._read_once(token)
        term.check(now)
        return user

    def _forget(self) -> None:
        """Forget what was verified, and what was refused, by keys that are no longer the same."""
        self._version = self._keys.version
        self._kind.forget()
        self._read.clear()
        self._refused.clear()

    def _read_once(self, token: str) -> tuple[Claims, Term]:
        """Return the claims of a token of ours, and when it is valid; remember these, or why it is refused."""
        refused = self._refused.find(token)
        if refused is not None:
            raise TokenRefused(refused)
        try:
            read = self._read_token(token)
        except TokenRefused as error:
            if error.is_lasting and len(token) <= LONGEST_REFUSED:
                self._refused.keep(token, error.refusal)
            raise
        self._read.keep(token, read)
        return read

    def _read_token(self, token: str) -> tuple[Claims, Term]:
        try:
            claims = self._kind.verify(token)
            term = check_registered(claims, self._issuer, self._audience, self.ttl)
            return read_user(claims), term
        except TokenRefused:
            raise
        except Exception as error:
            raise TokenRefused(Refusal.MALFORMED) from error


class ServiceTokens:
    """Signs and verifies the short-lived tokens by which one service calls another, with the keys of each caller.

    A caller knows its own keys alone, a callee those of all: the key that signed a token says who calls. By ``shared``
    nobody is let in; only a stranger that signs by it is told from whoever makes up a token. ``note_call`` is told who
    calls, and how many seconds ahead of ours the caller's clock is by the token, be that refused for it or not.
    """

    def __init__(
        self, keys: Mapping[str, KeyRing], shared: KeyRing | None = None, note_call: NoteCall | None = None
    ) -> None:
        self._note_call = note_call
        self._kinds = {caller: TokenKind(ring, SERVICE_TYPE) for caller, ring in keys.items()}
        self._all = [*self._kinds.values(), *([TokenKind(shared, SERVICE_TYPE)] if shared is not None else [])]

    def sign(self, *, caller: str, callee: str, now: int) -> str:
        """Return a token that lets ``caller`` call ``callee`` for the next minute."""
        term = {"iat": now, "exp": now + SERVICE_TOKEN_TTL}
        claims = {"iss": caller, "aud": callee, "sub": caller, "jti": secrets.token_urlsafe(16), **term}
        return self._kinds[caller].sign(claims)

    def verify(self, token: str, *, callee: str, now: int) -> str:
        """Return the calling service: the one whose key signed the token, which must name the same one.

        Raises TokenRefused where there is none, or the token is not for ``callee``; CallerUnknown where it names none.
        """
        refusals = []
        for caller, kind in self._kinds.items():
            try:
                term = check_caller(kind.verify(token), caller, callee, SERVICE_TOKEN_TTL)
                if self._note_call is not None:
                    self._note_call(caller, term.counts_from - now)
                term.check(now)
            except TokenRefused as error:
                refusals.append(error.refusal)
            except Exception as error:
                raise TokenRefused(Refusal.MALFORMED) from error
            else:
                return caller
        furthest = max(refusals, key=list(Refusal).index, default=Refusal.UNKNOWN_KEY)  # by the caller whose key it is
        raise self._find_stranger(token) or TokenRefused(furthest)

    def _find_stranger(self, token: str) -> CallerUnknown | None:
        """Return who a token by one of the keys is from, if that is none of the callers."""
        for kind in self._all:
            with contextlib.suppress(TokenRefused, ValueError, RecursionError):
                named = kind.verify(token).get("sub")
                return CallerUnknown(named) if isinstance(named, str) and named not in self._kinds else None
        return None
