"""What binds the answer of a provider to the browser that asked: NextAuth's check cookies, as next-auth 4.24 has them.

``state`` says that the answer is to what this browser asked (RFC 6749, section 10.12), ``nonce`` that the ID token is,
and the code verifier that the code is (PKCE, RFC 7636). All three always (RFC 9700, section 2.1.1), each in a cookie of
its own that is sealed with a key of its own, good for 15 minutes, and for one provider: an answer that comes to another
one's address is refused (mix-up, RFC 9700, section 4.4).

They count only beside the csrf cookie that the browser had by then, whose hash is sealed into them. By their names
(``__Secure-``) a sibling domain could set those of its own sign-in, and so sign a visitor in to an account of its own;
the csrf cookie it can't set (``__Host-``). Each host has its own, and a provider leads back to the public one: so they
also say at which other site of ours (``shared.web.sites``) a sign-in began, and it ends there.

They also say what the answer is for: where a signed-in user adds an identity, they name that user's session, and nobody
is signed in by the answer.

A browser has one of each: of two sign-ins that it begins, the second counts. An answer counts once. Were it sent to the
provider again, that would take back what it gave the first time (RFC 6749, section 4.1.2), so here it is remembered.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.tokens.session_cookie import CookieNames, SessionClaims, SessionSealer

MAX_AGE = 15 * 60  # seconds
RANDOM_BYTES = 32
MOST_USED = 10_000
_WANTED_BY = "wantedBy"
_BROWSER = "browser"
_SITE = "site"


@dataclass(frozen=True, slots=True)
class Checks:
    """The three secrets of one sign-in.

    ``wanted_by`` is the session for which an identity is to be added, where nobody is to be signed in.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    wanted_by: str | None = None

    @classmethod
    def make(cls, wanted_by: str | None = None) -> "Checks":
        """Return new ones."""
        state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        return cls(state, nonce, verifier, wanted_by)

    @property
    def challenge(self) -> str:
        """What is shown of the verifier beforehand: S256 (RFC 7636, section 4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def is_state(self, text: str) -> bool:
        """Tell whether an answer brings the state back."""
        return hmac.compare_digest(text.encode(errors="replace"), self.state.encode())


class UsedStates:
    """The states of the last answers, by their hashes: of each, the first answer counts."""

    def __init__(self) -> None:
        self._used: dict[bytes, None] = {}

    def use(self, checks: Checks) -> bool:
        """Tell whether an answer to these checks is the first, and remember it."""
        digest = hashlib.sha256(checks.state.encode()).digest()
        is_first = digest not in self._used
        self._used[digest] = None
        if len(self._used) > MOST_USED:
            del self._used[next(iter(self._used))]
        return is_first


class CheckCookies:
    """Writes the checks into a browser's cookies, and reads them there."""

    def __init__(self, names: CookieNames, secret: str, previous: Sequence[str] = ()) -> None:
        self._cookies = names
        self._names = (names.state, names.nonce, names.verifier)
        self._sealers = {name: SessionSealer(secret, MAX_AGE, previous, names, name) for name in self._names}

    def write(self, checks: Checks, provider: str, csrf_token: str, now: int, site: str | None = None) -> list[str]:
        """Return the cookies that keep the checks of a sign-in with a provider, in the browser of a csrf token.

        ``site`` is where it begins, if that is not the public one.
        """
        values = zip(self._names, (checks.state, checks.nonce, checks.verifier), strict=True)
        about = {"provider": provider, _BROWSER: _hash(csrf_token)}
        about |= {_WANTED_BY: checks.wanted_by} if checks.wanted_by is not None else {}
        about |= {_SITE: site} if site is not None else {}
        sealed = {name: self._sealers[name].seal({"value": value, **about}, now) for name, value in values}
        return [
            f"{line}; Max-Age={MAX_AGE}"
            for name, value in sealed.items()
            for line in self._cookies.set(name, value, (), now + MAX_AGE)
        ]

    def find(self, cookies: Mapping[str, str], provider: str, csrf_token: str, now: int) -> Checks | None:
        """Return the checks of this browser's sign-in with a provider; None when one is missing, old or another's."""
        about = {"provider": provider, _BROWSER: _hash(csrf_token)}
        found = [self._open(name, cookies.get(name, ""), now) for name in self._names]
        wanting = {claims.get(_WANTED_BY) for claims in found}
        if len(wanting) != 1 or not all(about.items() <= claims.items() for claims in found):
            return None
        state, nonce, verifier = (str(claims["value"]) for claims in found)
        wanted_by = wanting.pop()
        return Checks(state, nonce, verifier, str(wanted_by) if wanted_by is not None else None)

    def find_site(self, cookies: Mapping[str, str], provider: str, now: int) -> str | None:
        """Return where a sign-in with a provider began, if that is not the public site. It proves nothing else."""
        state = self._names[0]
        claims = self._open(state, cookies.get(state, ""), now)
        site = claims.get(_SITE)
        return site if isinstance(site, str) and claims.get("provider") == provider else None

    def clear(self, sent: Iterable[str]) -> list[str]:
        """Return the cookies that make a browser forget the checks among those ``sent``."""
        return [line for name in self._names if name in set(sent) for line in self._cookies.clear(name)]

    def _open(self, name: str, sealed: str, now: int) -> SessionClaims:
        """Return what a cookie of ours says; nothing where it is none."""
        claims = self._sealers[name].open(sealed, now) or {}
        value = claims.get("value")
        return claims if isinstance(value, str) and value else {}


def _hash(csrf_token: str) -> str:
    return hashlib.sha256(csrf_token.encode()).hexdigest()
