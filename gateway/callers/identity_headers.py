"""Who a verified caller is, in the headers by which an upstream learns it (``identity`` in the policy). Pure.

1. Only what the access token says, verified, is told: nothing of a client's own headers.
2. A header without a value is left out. Where a proven address is asked for, one that is not is none.
3. A value is one line of UTF-8. One with a control character is none, and neither is a role with a comma in it, which
   would be read as two.
4. A client's own copy of a header by which any rule names callers passes to no upstream, nor does one with another sign
   in the place of ``-``: some servers read them alike.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from gateway.messages.headers import HAVE_A_MEANING, names_caller
from gateway.messages.raw_headers import RawHeader, encode_lines, split_lines
from gateway.policy.rules import About, IdentityHeader
from shared.tokens.claims import Claims

_OF_HTTP = frozenset(
    b"""
    x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-prefix x-auth-return-redirect
    date from origin pragma priority range referer user-agent via warning x-requested-with last-event-id
    forwarded proxy x-real-ip x-host x-scheme x-script-name x-method-override
    location set-cookie depth destination overwrite
    """.split()
)
_NAME = re.compile(
    rb"(?!(accept|access|cache|content|gatepost|if|sec|x-(http|middleware|original|rewrite))(-|$))[a-z][a-z0-9]*(-[a-z0-9]+)*"
)
_NO_LETTER = re.compile(rb"[^a-z0-9]")
_NO_LINE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def may_name_caller(name: bytes) -> bool:
    """Tell whether a policy may name callers by this header: one that has no other meaning, here or for HTTP."""
    return name not in HAVE_A_MEANING | _OF_HTTP and _NAME.fullmatch(name) is not None


def drop_headers(lines: bytes, names: Collection[bytes]) -> bytes:
    """Return header lines without those that somebody could take for one of ``names`` (law 4)."""
    kept = (header for header in split_lines(lines) if _NO_LETTER.sub(b"-", header[0]) not in names)
    return encode_lines(kept)


def is_claim(name: bytes, names: Collection[bytes]) -> bool:
    """Tell whether somebody could take a header for one of ``names``, or for another by which others name callers."""
    read = _NO_LETTER.sub(b"-", name)
    return read in names or names_caller(read)


def list_identity(wanted: Iterable[IdentityHeader], claims: Claims) -> Iterator[RawHeader]:
    """Yield the headers that name a caller."""
    for name, about in wanted:
        value = _read(about, claims)
        if value and not _NO_LINE.search(value):
            yield name.encode("ascii"), value.encode()


def _read(about: About, claims: Claims) -> str:
    match about:
        case About.ID:
            return str(claims.user_id)
        case About.EMAIL:
            return claims.email if claims.email_verified else ""
        case About.UNPROVEN_EMAIL:
            return claims.email
        case About.NAME:
            return claims.name
        case About.ROLES:
            return ",".join(role for role in claims.roles if "," not in role)
