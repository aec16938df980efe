"""NextAuth's session cookie: sealed, opened, named and chunked exactly as next-auth does it.

Pure: secrets and the time come in, values go out. How a session is sealed says ``sealing``, and ``protocol`` in which
the versions differ. A Next.js server that knows ``NEXTAUTH_SECRET`` reads it with ``getToken``, and this module reads
what that server writes.

Opening never raises and never guesses: anything but a cookie sealed by our key, in time, is None.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import unquote

from shared.fast.memory import Memory
from shared.tokens.compact_form import read_object
from shared.tokens.device_cookie import device_cookie_name, shared_device_cookie_name
from shared.tokens.protocol import PROTOCOLS, Protocol
from shared.tokens.sealing import SealingKey
from shared.tokens.set_cookie import clear_cookie, set_cookie

CLOCK_TOLERANCE = 15  # seconds, as next-auth opens

BLANKS = " \t"  # RFC 6265's; a bare str.strip() would turn a name that a browser let pass into a __Host- name
MAX_SEALED_LENGTH = 16_384
MAX_REMEMBERED = 2048  # opened sessions
LONGEST_REMEMBERED = 2048  # characters of a sealed one; ours have about 900
MAX_PIECES = 5  # of a session: no more are needed for the longest
MAX_CLEARED = 10  # pieces that one answer clears, so that its head stays short; the browser's next requests go on

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

SessionClaims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CookieNames:
    """NextAuth's cookie names, and those of our own; under https with the prefixes of RFC 6265bis, section 4.1.3.

    With a ``domain`` (``sites``) all hosts below it share them, but for the csrf token, the flow and the device: no
    other host can set these (``__Host-``), and each host has its own. A browser may still have one of a name for the
    host alone, from before. It sends both, and the older first. So an answer that sets or clears one of the domain
    clears that, too.
    """

    session: str
    csrf: str
    callback: str
    device: str
    shared_device: str
    flow: str  # of a browser that asks for a code by mail
    invitation: str  # of a browser that an operator's link let in
    state: str  # of a browser that signs in with another provider, and the next two
    nonce: str
    verifier: str
    secure: bool
    protocol: Protocol
    domain: str | None = None

    @classmethod
    def of(cls, public_url: str, protocol: Protocol = PROTOCOLS["4"], domain: str | None = None) -> "CookieNames":
        """Return the names for a public URL, by its scheme."""
        is_secure = public_url.startswith("https://")
        secure, host = ("__Secure-", "__Host-") if is_secure else ("", "")
        return cls(
            session=f"{secure}{protocol.cookies}.session-token",
            csrf=f"{host}{protocol.cookies}.csrf-token",
            callback=f"{secure}{protocol.cookies}.callback-url",
            device=device_cookie_name(secure=is_secure),
            shared_device=shared_device_cookie_name(secure=is_secure),
            flow=f"{host}gatepost.flow",
            invitation=f"{host}gatepost.invitation",
            state=f"{secure}{protocol.cookies}.state",
            nonce=f"{secure}{protocol.cookies}.nonce",
            verifier=f"{secure}{protocol.cookies}.pkce.code_verifier",
            secure=is_secure,
            protocol=protocol,
            domain=domain,
        )

    def set(self, name: str, value: str, sent: Iterable[str], expires_at: int | None = None) -> list[str]:
        """Return the ``Set-Cookie`` values that store a cookie in a browser that ``sent`` cookies of these names."""
        domain = self._domain_of(name)
        former = [clear_cookie(name, secure=self.secure)] if domain is not None and name in sent else []
        return [*former, set_cookie(name, value, secure=self.secure, expires_at=expires_at, domain=domain)]

    def clear(self, name: str) -> list[str]:
        """Return the ``Set-Cookie`` values that make a browser forget a cookie of that name."""
        domains = {None, self._domain_of(name)}
        return [clear_cookie(name, secure=self.secure, domain=domain) for domain in sorted(domains, key=str)]

    def _domain_of(self, name: str) -> str | None:
        return None if name in {self.csrf, self.flow, self.device} else self.domain

    def derive_keys(self, secret: str, check: str | None = None) -> Sequence[SealingKey]:
        """Return the keys by which a ``NEXTAUTH_SECRET`` seals and opens the session cookie, or a check cookie."""
        if check is not None:
            return self.protocol.derive_check_keys(secret, check)
        return self.protocol.derive_keys(secret, self.session)

    @property
    def devices(self) -> tuple[str, ...]:
        """The device cookies, the one that counts first."""
        return (self.device,) if self.domain is None else (self.device, self.shared_device)

    def owns(self, name: str) -> bool:
        """Tell whether a cookie with that name is one of ours, chunks of the session included."""
        named = {self.session, self.csrf, self.callback, self.device, self.flow, self.state, self.nonce, self.verifier}
        is_named = name in named or name in {self.shared_device, self.invitation}
        return is_named or _chunk_number(name, self.session) is not None


NAMES_4 = CookieNames.of("http://localhost:3000")


class SessionSealer:
    """Seals and opens sessions with ``NEXTAUTH_SECRET``, and opens those of previous secrets; ``max_age`` in seconds.

    ``names`` say by which keys. With the name of a ``check`` cookie it seals that, and no session. An opened session is
    remembered by its exact text; its time is checked each time. What does not open is not kept.
    """

    def __init__(
        self,
        secret: str,
        max_age: int,
        previous: Sequence[str] = (),
        names: CookieNames = NAMES_4,
        check: str | None = None,
    ) -> None:
        self._keys = [key for each in (secret, *previous) for key in names.derive_keys(each, check)]
        self._opened: Memory[str, SessionClaims] = Memory(MAX_REMEMBERED)
        self.max_age = max_age

    def stamp(self, claims: Mapping[str, object], now: int, ends_at: int | None = None) -> SessionClaims:
        """Return the claims with a new ``iat``, ``exp`` (``ends_at``, if that is sooner) and ``jti``."""
        expires_at = now + self.max_age if ends_at is None else min(now + self.max_age, ends_at)
        return {**claims, "iat": now, "exp": expires_at, "jti": str(uuid.uuid4())}

    def seal_stamped(self, claims: Mapping[str, object]) -> str:
        """Return the claims sealed; their ``exp`` is set already."""
        return self._keys[0].seal(_JSON.encode(claims).encode())

    def seal(self, claims: Mapping[str, object], now: int, ends_at: int | None = None) -> str:
        """Return the claims, stamped and sealed."""
        return self.seal_stamped(self.stamp(claims, now, ends_at))

    def open(self, sealed: str, now: int) -> SessionClaims | None:
        """Return the claims of a cookie that was sealed with a key of ours and has not expired, else None."""
        claims = self._opened.find(sealed) or self._open(sealed)
        if claims is None:
            return None
        expires_at = claims["exp"]
        return claims if _is_time(expires_at) and now < expires_at + CLOCK_TOLERANCE else None

    def _open(self, sealed: str) -> SessionClaims | None:
        """Return the claims of a cookie that was sealed with a key of ours, and remember them."""
        for key in self._keys if len(sealed) <= MAX_SEALED_LENGTH else ():
            # Anybody can send a cookie: whatever error it causes, it is not a session.
            with contextlib.suppress(Exception):
                opened = key.open(sealed)
                if opened is None:
                    continue
                claims = _read_claims(opened)
                if claims is not None and len(sealed) <= LONGEST_REMEMBERED:
                    self._opened.keep(sealed, claims)
                return claims
        return None


def _read_claims(opened: bytes) -> SessionClaims | None:
    """Return the claims of a session with its times; None, or any exception, for everything else."""
    claims = read_object(opened)
    return claims if _is_time(claims.get("exp")) and _is_time(claims.get("iat")) else None


def parse_cookies(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the cookies in a request's raw headers, parsed as next-auth's ``cookie`` package does.

    Of several with one name the first counts (RFC 6265, section 4.2.1 and 5.4).
    """
    cookies: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, separator, text = pair.partition("=")
                if separator:
                    cookies.setdefault(key.strip(BLANKS), _read_cookie_value(text.strip(BLANKS)))
    return cookies


def find_session_value(cookies: Mapping[str, str], name: str) -> str | None:
    """Return the sealed session: whole, or joined from chunks ``name.0``, ``name.1``, ... without a gap; else None."""
    if name in cookies:
        return cookies[name]
    chunks = list_session_pieces(cookies, name)
    if not 0 < len(chunks) <= MAX_PIECES or chunks != [f"{name}.{number}" for number in range(len(chunks))]:
        return None
    return "".join(cookies[chunk] for chunk in chunks)


def list_session_pieces(cookies: Iterable[str], name: str) -> list[str]:
    """Return the names of the session's pieces among the cookies: the whole one, then chunks by number.

    At most ``MAX_CLEARED``, which is more than any session has.
    """
    numbered = {piece: _chunk_number(piece, name) for piece in cookies}
    chunks = sorted((number, piece) for piece, number in numbered.items() if number is not None)
    return ([piece for piece in numbered if piece == name] + [piece for _, piece in chunks])[:MAX_CLEARED]


def session_cookies(names: CookieNames, sealed: str, expires_at: int, sent: Iterable[str]) -> list[str]:
    """Return the ``Set-Cookie`` values that store a sealed session and clear the stale pieces among those ``sent``."""
    length = names.protocol.longest_piece
    if len(sealed) <= length:
        values = {names.session: sealed}
    else:
        starts = range(0, len(sealed), length)
        values = {f"{names.session}.{n}": sealed[s : s + length] for n, s in enumerate(starts)}
    sent = list_session_pieces(sent, names.session)
    stale = [cleared for piece in sent if piece not in values for cleared in names.clear(piece)]
    return stale + [line for name, value in values.items() for line in names.set(name, value, sent, expires_at)]


def _chunk_number(piece: str, name: str) -> int | None:
    suffix = piece.removeprefix(name + ".")
    is_number = suffix != piece and suffix.isascii() and suffix.isdigit() and (suffix == "0" or suffix[0] != "0")
    return int(suffix) if is_number and len(suffix) <= 2 else None  # noqa: PLR2004 - a hundred chunks are beyond any session


def _is_time(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**53


def _read_cookie_value(text: str) -> str:
    """Return the value without quotes around it, percent-decoded if all of it can be."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if "%" not in text:
        return text
    try:
        return text if _BAD_ESCAPE.search(text) else unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
