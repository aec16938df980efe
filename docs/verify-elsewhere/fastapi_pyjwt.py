"""Orders in FastAPI: Gatepost's access tokens, verified by PyJWT. Start: uvicorn fastapi_pyjwt:app --port 8003."""

import os
import time
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
SECONDS = float(os.environ.get("JWKS_SECONDS", "300"))
keys = jwt.PyJWKClient(os.environ["JWKS_URL"], lifespan=SECONDS, cooldown_duration=min(SECONDS, 30), timeout=5)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


def get_claims(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict[str, Any]:
    """Return what a valid token says; 401 for all others. Not async, since fetching the keys blocks."""
    try:
        token = given.credentials if given else ""
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":  # PyJWT itself does not look at it
            raise jwt.InvalidTokenError
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["ES256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "iss", "aud", "sub"], "verify_iat": False},
        )
    except jwt.PyJWKClientConnectionError:
        raise HTTPException(503) from None
    except jwt.PyJWTError:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from None


Claims = Annotated[dict[str, Any], Depends(get_claims)]


@app.get("/orders")
def list_orders(claims: Claims) -> dict[str, str]:
    """Answer whoever is signed in."""
    return {"user": claims["sub"]}


@app.get("/refunds")
def list_refunds(claims: Claims) -> dict[str, str]:
    """Answer an admin who proved within the last quarter of an hour who they are."""
    if "admin" not in claims.get("roles", []) or claims.get("auth_time", 0) < time.time() - 900:
        raise HTTPException(403)
    return {"user": claims["sub"]}
