"""Access tokens made by hand, without the code under test: a valid one, and one for each way to be wrong."""

import base64
import json
import time
import uuid
from collections.abc import Mapping

from cryptography.hazmat.primitives.serialization import Encoding

from shared.settings import SAMPLE_SECRETS
from tests.support.forged_signatures import list_odd_signatures
from tests.support.signers import (
    SECRET,
    USUAL,
    Signer,
    certify,
    encode,
    jwk_of,
    kid_of,
    make_ec_key,
    pair_up,
    sign_by,
    write_private,
    write_public,
)

__all__ = [
    "ISSUER",
    "SECRET",
    "TTL",
    "forge",
    "kid_of",
    "let_run_out",
    "list_faulty_tokens",
    "make_claims",
    "read_claims",
    "read_header",
]

ISSUER = "http://localhost:3000"
TTL = 3600

_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

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


def forge(
    claims: Json | str, header: Json | str | None = None, secret: str | bytes | None = None, by: Signer | None = None
) -> str:
    """Return a signed token, whatever its claims and header say; texts are taken as they are.

    With a secret it is signed with HMAC-SHA256 by that, otherwise by the signer given, or by the usual one.
    """
    signer = by or USUAL.signer
    signed = f"{_segment(signer.header if header is None else header)}.{_segment(claims)}"
    sign = signer.sign if secret is None else sign_by(secret)
    return f"{signed}.{encode(sign(signed.encode()))}"


def let_run_out(token: str) -> str:
    """Return the token as it would be if it had been issued an hour earlier."""
    now = int(time.time())
    return forge({**read_claims(token), "iat": now - 3700, "exp": now - 100})


def read_claims(token: str) -> dict[str, object]:
    """Return the claims of a token, unverified."""
    return _read(token.split(".")[1])


def read_header(token: str) -> dict[str, object]:
    """Return the header of a token, unverified."""
    return _read(token.split(".", maxsplit=1)[0])


def list_faulty_tokens(claims: dict[str, object], by: Signer | None = None) -> dict[str, str]:
    """Return tokens that must all be refused, each named by the one thing that is wrong with it."""
    signer = by or USUAL.signer
    return {
        **_faulty_claims(claims, signer),
        **_faulty_headers(claims, signer),
        **_faulty_texts(forge(claims, by=signer)),
        **_wrong_keys(claims, signer),
        **_confused_algorithms(claims, signer),
        **_odd_signatures(forge(claims, by=signer), signer),
    }


def _faulty_claims(claims: dict[str, object], signer: Signer) -> dict[str, str]:
    now = int(time.time())
    missing = {f"no {name}": forge({k: v for k, v in claims.items() if k != name}, by=signer) for name in make_claims()}
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
        "email_verified is text": {"email_verified": "true"},
        "email_verified is 1": {"email_verified": 1},
        "email_verified is null": {"email_verified": None},
        "another audience": {"aud": "posts_service"},
        "other audiences": {"aud": ["orders", "gatepost2"]},
        "no audience": {"aud": []},
        "an audience is a number": {"aud": ["gatepost", 1]},
        "an audience is empty": {"aud": ["gatepost", ""]},
        "audiences in a list": {"aud": [["gatepost"]]},
        "audiences are an object": {"aud": {"gatepost": True}},
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
        **{name: forge({**claims, **change}, by=signer) for name, change in wrong.items()},
        **{name: forge(text, by=signer) for name, text in texts.items()},
    }


def _faulty_headers(claims: dict[str, object], signer: Signer) -> dict[str, str]:
    right = signer.header
    wrong: dict[str, dict[str, object]] = {
        "alg none": {"alg": "none"},
        "alg None": {"alg": "None"},
        "alg in lower case": {"alg": signer.algorithm.lower()},
        "alg HS512": {"alg": "HS512"},
        "alg ES384": {"alg": "ES384"},
        "alg is a list": {"alg": [signer.algorithm]},
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
        "b64 as it should be": {"crit": ["b64"], "b64": False},
        "jku": {"jku": "http://evil.example/keys"},
        "jwk": {"jwk": {"kty": "oct", "k": "AA"}},
        "x5c": {"x5c": [base64.b64encode(certify(make_ec_key(2))).decode()]},
        "x5u": {"x5u": "http://evil.example/cert"},
        "long header": {"cty": "x" * 600},
    }
    texts = {
        "alg twice": json.dumps(right)[:-1] + f', "alg": "{signer.algorithm}"}}',
        "deep header": '{"alg":' * 900 + "1" + "}" * 900,
        "deep list in the header": "[" * 2000,
        "header is a text": '"HS256"',
        "header is empty": "{}",
    }
    dropped = {f"no {name} in the header": {k: v for k, v in right.items() if k != name} for name in right}
    return {
        **{name: forge(claims, {**right, **change}, by=signer) for name, change in wrong.items()},
        **{name: forge(claims, text, by=signer) for name, text in texts.items()},
        **{name: forge(claims, header, by=signer) for name, header in dropped.items()},
    }


def _faulty_texts(token: str) -> dict[str, str]:
    head, body, mac = token.split(".")
    spelled_anew = mac[:-1] + _BASE64URL[_BASE64URL.index(mac[-1]) ^ 1]  # its lowest bit means nothing
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


def _wrong_keys(claims: dict[str, object], signer: Signer) -> dict[str, str]:
    others = {name: secret for name, secret in SAMPLE_SECRETS.items() if secret != SECRET}
    foreign = {f"signed with {name}": forge(claims, secret=secret, by=signer) for name, secret in others.items()}
    named = {
        f"signed with and naming {name}": forge(
            claims, {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(secret)}, secret
        )
        for name, secret in others.items()
    }
    stranger = pair_up(make_ec_key(2))
    own = {"kid": stranger.kid, "alg": stranger.algorithm}
    held = {
        "jwk": jwk_of(make_ec_key(2)),
        "x5c": [base64.b64encode(certify(make_ec_key(2))).decode()],
        "jku": "http://evil.example/keys",
        "x5u": "http://evil.example/cert",
    }
    pairs = {
        "signed with another key pair": forge(claims, signer.header, by=stranger),
        "signed with and naming another key pair": forge(claims, by=stranger),
        **{
            f"signed with another key pair, which {name} names, {what}": forge(
                claims, {**signer.header, **named, name: value}, by=stranger
            )
            for name, value in held.items()
            for what, named in (("under the right kid", {}), ("under its own", own))
        },
    }
    return {**foreign, **named, **pairs, "signed with nothing": forge(claims, secret="", by=signer)}


def _confused_algorithms(claims: dict[str, object], signer: Signer) -> dict[str, str]:
    """Return tokens that name another algorithm than their key's, signed so that it would be right if that counted."""
    others = [name for name in ("HS256", "ES256", "RS256") if name != signer.algorithm]
    named = {f"alg {name}": forge(claims, {**signer.header, "alg": name}, by=signer) for name in others}
    if signer.key is None:
        pair = pair_up(make_ec_key(2))
        return {
            **named,
            "ES256 by a key pair, naming a secret": forge(claims, {**pair.header, "kid": signer.kid}, by=pair),
        }
    jwk = {**jwk_of(signer.key), "kid": signer.kid, "alg": signer.algorithm, "use": "sig"}
    secrets = {
        "PEM": write_public(signer.key),
        "PEM without its last line's end": write_public(signer.key).strip(),
        "DER": write_public(signer.key, Encoding.DER),
        "JWK": json.dumps(jwk, separators=(",", ":")).encode(),
        "JWKS": json.dumps({"keys": [jwk]}, separators=(",", ":")).encode(),
        "kid": signer.kid.encode(),
        "private PEM": write_private(signer.key),
    }
    confused = {
        f"HS256 with the public key as {name}, {what}": forge(claims, header, secret)
        for name, secret in secrets.items()
        for what, header in (("naming it", {**signer.header, "alg": "HS256"}), ("with its header", signer.header))
    }
    sample = {"alg": "HS256", "typ": "at+jwt", "kid": kid_of(SECRET)}
    return {**named, **confused, "signed with and naming the sample secret": forge(claims, sample, SECRET)}


def _odd_signatures(token: str, signer: Signer) -> dict[str, str]:
    signed, _, _ = token.rpartition(".")
    return {
        f"signature: {name}": f"{signed}.{encode(signature)}"
        for name, signature in list_odd_signatures(signed.encode(), signer).items()
    }


def _read(segment: str) -> dict[str, object]:
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return read


def _segment(value: Json | str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return encode(text.encode(errors="surrogateescape"))
