"""Access tokens made by hand, without the code under test: a valid one, and one for each way to be wrong."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping

from shared.settings import SAMPLE_SECRETS

SECRET = SAMPLE_SECRETS["SECRET_KEY"]
ISSUER = "http://localhost:3000"
TTL = 3600

Json = Mapping[str, object]


def make_claims(*, user_id: int = 1, session_id: str | None = None, now: int | None = None) -> dict[str, object]:
    """Return the claims of a valid access token."""
    issued_at = now or int(time.time())
    return {
        "iss": ISSUER,
        "aud": "gatepost",
        "sub": str(user_id),
        "id": user_id,
        "name": "Ada",
        "email": "ada@example.com",
        "sid": session_id or str(uuid.uuid4()),
        "jti": "a-token-id",
        "iat": issued_at,
        "exp": issued_at + TTL,
    }


def forge(claims: Json | str, header: Json | str | None = None, secret: str = SECRET) -> str:
    """Return a token signed with HMAC-SHA256, whatever its claims and header say; texts are taken as they are."""
    head = {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(SECRET)} if header is None else header
    signed = f"{_segment(head)}.{_segment(claims)}"
    mac = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64(mac)}"


def read_claims(token: str) -> dict[str, object]:
    """Return the claims of a token, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def kid_of(secret: str) -> str:
    """Return the public name of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def list_faulty_tokens(claims: dict[str, object]) -> dict[str, str]:
    """Return tokens that must all be refused, each named by the one thing that is wrong with it."""
    return {**_faulty_claims(claims), **_faulty_headers(claims), **_faulty_texts(forge(claims)), **_wrong_keys(claims)}


def _faulty_claims(claims: dict[str, object]) -> dict[str, str]:
    now = int(time.time())
    missing = {f"no {name}": forge({k: v for k, v in claims.items() if k != name}) for name in make_claims()}
    wrong: dict[str, dict[str, object]] = {
        "expired": {"iat": now - TTL - 10, "exp": now - 10},
        "expires now": {"iat": now - 60, "exp": now},
        "exp is text": {"exp": str(now + 60)},
        "exp is a float": {"exp": now + 60.5},
        "exp is true": {"exp": True},
        "exp is null": {"exp": None},
        "exp is huge": {"exp": 10**300},
        "exp is a list": {"exp": [now + 60]},
        "lives too long": {"exp": now + TTL + 1000},
        "ends before it begins": {"iat": now, "exp": now - 1},
        "iat is ahead": {"iat": now + 600, "exp": now + 700},
        "nbf is ahead": {"nbf": int(str(claims["iat"])) + 600},
        "nbf is text": {"nbf": str(now)},
        "iat is a list": {"iat": []},
        "iat is text": {"iat": str(now)},
        "iat is true": {"iat": True},
        "auth_time is text": {"auth_time": str(now)},
        "auth_time is a float": {"auth_time": now + 0.5},
        "auth_time is true": {"auth_time": True},
        "auth_time is null": {"auth_time": None},
        "roles are a text": {"roles": "admin"},
        "roles are null": {"roles": None},
        "a role is a number": {"roles": [1]},
        "a role is empty": {"roles": [""]},
        "roles are an object": {"roles": {"admin": True}},
        "another audience": {"aud": "posts_service"},
        "audiences": {"aud": ["gatepost"]},
        "another issuer": {"iss": "http://evil.example"},
        "issuer with a slash": {"iss": ISSUER + "/"},
        "sub is a number": {"sub": claims["id"]},
        "sub is another's": {"sub": "999"},
        "id is another's": {"id": 999},
        "id is text": {"id": str(claims["id"])},
        "id is true": {"id": True, "sub": "True"},
        "id is 0": {"id": 0, "sub": "0"},
        "id is negative": {"id": -1, "sub": "-1"},
        "id is beyond 64 bits": {"id": 2**63, "sub": str(2**63)},
        "sid is no uuid": {"sid": "1"},
        "sid is spelled oddly": {"sid": str(claims["sid"]).upper().replace("-", "")},
        "jti is empty": {"jti": ""},
        "name is null": {"name": None},
    }
    texts = {
        "exp is infinite": json.dumps(claims)[:-1] + ', "exp": 1e400}',
        "exp twice": json.dumps(claims)[:-1] + f', "exp": {now + 60}}}',
        "claims are a list": "[]",
        "claims are null": "null",
        "claims are not JSON": "{",
        "claims are not UTF-8": "\udcff",
        "claims are deep": '{"a":' * 800 + "1" + "}" * 800,
    }
    return {
        **missing,
        **{name: forge({**claims, **change}) for name, change in wrong.items()},
        **{name: forge(text) for name, text in texts.items()},
    }


def _faulty_headers(claims: dict[str, object]) -> dict[str, str]:
    right: dict[str, object] = {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(SECRET)}
    wrong: dict[str, dict[str, object]] = {
        "alg none": {"alg": "none"},
        "alg None": {"alg": "None"},
        "alg in lower case": {"alg": "hs256"},
        "alg HS512": {"alg": "HS512"},
        "alg RS256": {"alg": "RS256"},
        "alg is a list": {"alg": ["HS256"]},
        "typ JWT": {"typ": "JWT"},
        "typ of a service token": {"typ": "svc+jwt"},
        "unknown kid": {"kid": "00000000"},
        "kid is a path": {"kid": "../../dev/null"},
        "kid is SQL": {"kid": "' OR 1=1 --"},
        "kid is a number": {"kid": 1},
        "kid is null": {"kid": None},
        "crit": {"crit": ["exp"]},
        "b64": {"b64": False},
        "zip": {"zip": "DEF"},
        "jku": {"jku": "http://evil.example/keys"},
        "jwk": {"jwk": {"kty": "oct", "k": "AA"}},
        "x5u": {"x5u": "http://evil.example/cert"},
        "long header": {"cty": "x" * 600},
    }
    texts = {
        "alg twice": json.dumps(right)[:-1] + ', "alg": "HS256"}',
        "deep header": '{"alg":' * 900 + "1" + "}" * 900,
        "deep list in the header": "[" * 2000,
        "header is a text": '"HS256"',
        "header is empty": "{}",
    }
    dropped = {f"no {name} in the header": {k: v for k, v in right.items() if k != name} for name in right}
    return {
        **{name: forge(claims, {**right, **change}) for name, change in wrong.items()},
        **{name: forge(claims, text) for name, text in texts.items()},
        **{name: forge(claims, header) for name, header in dropped.items()},
    }


def _faulty_texts(token: str) -> dict[str, str]:
    head, body, mac = token.split(".")
    last = "AEIMQUYcgkosw048"  # a MAC of 32 bytes ends in a letter whose two lowest bits are zero
    spelled_anew = mac[:-1] + chr(ord(mac[-1]) + 1) if mac[-1] in last and mac[-1] not in "Zz9" else mac + "A"
    return {
        "no signature": f"{head}.{body}.",
        "signature missing": f"{head}.{body}",
        "signature cut": token[:-1],
        "signature changed": f"{head}.{body}.{('B' if mac[0] == 'A' else 'A') + mac[1:]}",
        "signature spelled anew": f"{head}.{body}.{spelled_anew}",
        "space in the signature": f"{head}.{body}.{mac[:9]} {mac[9:]}",
        "junk in the signature": f"{head}.{body}.{mac[:9]}!{mac[9:]}",
        "padding": f"{token}=",
        "four segments": f"{token}.{mac}",
        "a fifth of a token": token[: len(token) // 5],
        "dots": "..",
        "empty": "",
        "not ASCII": token + "é",
        "too long": f"{head}.{body}{'A' * 4096}.{mac}",
        "words": "Basic dXNlcjpwYXNz",
    }


def _wrong_keys(claims: dict[str, object]) -> dict[str, str]:
    others = {name: secret for name, secret in SAMPLE_SECRETS.items() if secret != SECRET}
    foreign = {f"signed with {name}": forge(claims, secret=secret) for name, secret in others.items()}
    named = {
        f"signed with and naming {name}": forge(
            claims, {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(secret)}, secret
        )
        for name, secret in others.items()
    }
    return {**foreign, **named, "signed with nothing": forge(claims, secret="")}


def _segment(value: Json | str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return _base64(text.encode(errors="surrogateescape"))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
