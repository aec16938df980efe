"""What is told to services that verify tokens without us: ended sessions, and what is at well-known addresses.

The members of the latter are named as the RFCs name them.
"""

import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.timing import FOLLOWER_WAIT
from shared.tokens.claims import MAX_ID
from shared.tokens.public_keys import KEYS_PATH
from shared.web.schemas import Query, View, example

ISSUER = "https://example.com"
MAX_EPOCH = 64  # characters

_POINT: dict[str, JsonValue] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
    "alg": "ES256",
    "use": "sig",
}
_MODULUS: dict[str, JsonValue] = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4…",
    "e": "AQAB",
    "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    "alg": "RS256",
    "use": "sig",
}


class PointKeyView(BaseModel):
    """The public half of a key pair on a curve (RFC 7517; RFC 7518, section 6.2); ``kid`` is its thumbprint."""

    model_config = example(**_POINT)

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    alg: Literal["ES256"]
    use: Literal["sig"]


class ModulusKeyView(BaseModel):
    """The public half of an RSA key pair (RFC 7517; RFC 7518, section 6.3); ``kid`` is its thumbprint."""

    model_config = example(**_MODULUS)

    kty: Literal["RSA"]
    n: str
    e: str
    kid: str
    alg: Literal["RS256"]
    use: Literal["sig"]


class KeySetView(BaseModel):
    """The public keys of access tokens (RFC 7517, section 5): the one that signs, announced and retiring ones."""

    model_config = example(keys=[_POINT])

    keys: list[PointKeyView | ModulusKeyView]


class IssuerView(BaseModel):
    """What a library has to know of who issues access tokens (RFC 8414).

    ``access_token_signing_alg_values_supported`` is our own: the algorithms of all published keys.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": ISSUER,
                    "jwks_uri": ISSUER + KEYS_PATH,
                    "token_endpoint": f"{ISSUER}/api/token",
                    "token_endpoint_auth_methods_supported": ["none"],
                    "grant_types_supported": ["refresh_token"],
                    "response_types_supported": [],
                    "access_token_signing_alg_values_supported": ["ES256"],
                    "service_documentation": f"{ISSUER}/docs",
                }
            ]
        }
    )

    issuer: str
    jwks_uri: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    grant_types_supported: list[str]
    response_types_supported: list[str]
    access_token_signing_alg_values_supported: list[str]
    service_documentation: str


class EndedSessionsQuery(Query):
    """A position in the feed of ended sessions, as the last answer gave it, and how many seconds to wait there."""

    after: Annotated[int, Field(ge=0, le=MAX_ID)] = 0
    epoch: Annotated[str, Field(max_length=MAX_EPOCH)] = ""
    wait: Annotated[float, Field(ge=0, le=FOLLOWER_WAIT)] = 0.0


class EndedSessionView(View):
    """A session that was ended: no access token of it is valid after ``until`` (Unix seconds)."""

    sid: uuid.UUID
    until: int


class EndedSessionsView(View):
    """A page of ended sessions; ``epoch`` and ``last``, the next request's ``after``, are the position behind it.

    Tokens issued before ``since`` (Unix seconds) are refused, whatever their session; 0 if none are.
    """

    model_config = example(
        epoch="5b3c9d2e-1f64-4a0b-9c7e-2d8f6a1b0c3d",
        last=4,
        since=0,
        ended=[{"sid": "0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c", "until": 1795777414}],
    )

    epoch: str
    last: int
    since: int
    ended: list[EndedSessionView]
