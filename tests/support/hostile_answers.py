"""Answers of a provider that must not be believed: what is wrong with each, and the word by which it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BEGIN, END = "<!-- hostile answers -->\n", "<!-- end of hostile answers -->\n"
PROVEN = {"email": "john@example.com", "email_verified": True}


@dataclass(frozen=True, slots=True)
class Hostile:
    """An answer: ``said`` is what the mock is told to say, ``shifted`` its claims that are seconds from now.

    ``issued`` are its claims that are its own issuer with something at the end.
    """

    name: str
    reason: str
    said: Mapping[str, object] = field(default_factory=dict)
    shifted: Mapping[str, int] = field(default_factory=dict)
    issued: Mapping[str, str] = field(default_factory=dict)


def claims(**members: object) -> dict[str, object]:
    """Return what lets the mock put these claims into an ID token."""
    return {"claims": members}


HOSTILE = (
    Hostile("of another nonce", "id_token_nonce", claims(nonce="another")),
    Hostile("without a nonce", "id_token_nonce", {"drop": ["nonce"]}),
    Hostile("for another audience", "id_token_audience", claims(aud="another")),
    Hostile("for other audiences", "id_token_audience", claims(aud=["another", "third"])),
    Hostile("without an audience", "id_token_audience", {"drop": ["aud"]}),
    Hostile("for several, made for another (`azp`)", "id_token_azp", claims(aud=["gatepost", "b"], azp="b")),
    Hostile("for several, made for nobody", "id_token_azp", claims(aud=["gatepost", "b"])),
    Hostile("for us, made for another", "id_token_azp", claims(azp="another")),
    Hostile("of another issuer", "id_token_issuer", claims(iss="https://evil.example")),
    Hostile("of its issuer with a slash", "id_token_issuer", issued={"iss": "/"}),
    Hostile("without an issuer", "id_token_issuer", {"drop": ["iss"]}),
    Hostile("expired", "id_token_expired", shifted={"exp": -60}),
    Hostile("without an expiry", "id_token_without_exp", {"drop": ["exp"]}),
    Hostile("with an expiry that is text", "id_token_without_exp", claims(exp="9999999999")),
    Hostile("with an expiry beyond all time", "id_token_without_exp", claims(exp=1e300)),
    Hostile("issued in the future", "id_token_from_the_future", shifted={"iat": 600}),
    Hostile("without an issue time", "id_token_without_iat", {"drop": ["iat"]}),
    Hostile("with a subject that is no text", "profile_refused", {"claims": {"sub": 7, **PROVEN}}),
    Hostile("without a subject", "userinfo_of_another_subject", {"drop": ["sub"]}),
    Hostile("with an empty subject", "profile_refused", {"claims": {"sub": "", **PROVEN}}),
    Hostile("proven in no time (`auth_time`)", "id_token_without_auth_time", claims(auth_time="now")),
    Hostile("unsigned (`none`)", "id_token_malformed", {"forge": "none"}),
    Hostile("unsigned, with a signature", "id_token_algorithm", {"forge": "none, signed"}),
    Hostile("by HS256 with the public key", "id_token_algorithm", {"forge": "HS256 by the public key"}),
    Hostile("by HS256 with the client's secret", "id_token_algorithm", {"forge": "HS256 by the client's secret"}),
    Hostile("by a foreign key of the same name", "id_token_signature", {"forge": "by a foreign key"}),
    Hostile("by a key that it brings along", "id_token_signature", {"forge": "by a key that it brings along"}),
    Hostile("by a key of an unknown name", "id_token_of_unknown_key", {"forge": "by a key of an unknown name"}),
    Hostile("changed after it was signed", "id_token_signature", {"forge": "changed after signing"}),
    Hostile("with a signature that is cut", "id_token_signature", {"forge": "with a cut signature"}),
    Hostile("that demands an extension (`crit`)", "id_token_header", {"header": {"crit": ["b64"], "b64": True}}),
    Hostile("that is an access token (`at+jwt`)", "id_token_header", {"header": {"typ": "at+jwt"}}),
    Hostile("that is none", "id_token_malformed", {"forge": "no token"}),
    Hostile("that is missing", "id_token_malformed", {"forge": "missing"}),
    Hostile("of 17 KB", "id_token_malformed", claims(much="x" * 13_000)),
    Hostile("beside an access token of another type", "token_of_another_type", {"token": {"token_type": "mac"}}),
    Hostile("without an access token", "token_without_access", {"token": {"access_token": None}}),
    Hostile("with an access token of two lines", "token_without_access", {"token": {"access_token": "a\r\nb"}}),
    Hostile("as an error with status 200", "token_invalid_grant", {"token": {"error": "invalid_grant"}}),
    Hostile("as status 500", "token_status_500", {"status": 500}),
    Hostile("with user info of somebody else", "userinfo_of_another_subject", {"userinfo": {"sub": "root"}}),
)
"""ID tokens, and what comes with them, that sign nobody in."""

MISBEHAVING = {
    "/down": "unreachable",
    "/slow": "too_slow",
    "/dripping": "too_slow",
    "/endless": "too_long",
    "/redirect": "redirect",
    "/compressed": "compressed",
    "/cut": "unreachable",
    "/nonsense": "unreachable",
    "/html": "not_json",
    "/nested": "not_json",
    "/forbidden": "status_403",
}
"""Ways in which a server can fail to answer, and how that is called."""

DESCRIBED = {
    "/down": "nobody listens",
    "/slow": "the answer does not come",
    "/dripping": "it comes a byte a second",
    "/endless": "it has no end",
    "/redirect": "a redirect",
    "/compressed": "it is compressed, which nobody asked for",
    "/cut": "the connection is closed in the middle",
    "/nonsense": "it is not HTTP",
    "/html": "a page instead of JSON",
    "/nested": "JSON that is nested 60,000 deep",
    "/forbidden": "status 403",
}


def render_table() -> str:
    """Return both as tables of Markdown."""
    rows = [f"| {each.name} | `{each.reason}` |" for each in HOSTILE]
    others = [f"| {DESCRIBED[path]} | `{reason}` |" for path, reason in MISBEHAVING.items()]
    head = "|---|---|"
    tables = ["| an ID token … | refused as |", head, *rows, "", "| a server … | refused as |", head, *others]
    return "\n".join(("", *tables, "", ""))
