"""What anybody's libraries read to verify our access tokens: the public keys and who issues (RFC 7517, RFC 8414).

Both are 404 while no key pair is published. No database is needed, and no page of
another origin may read them, as nothing else here: it is servers that verify tokens. ``token_endpoint`` is ours, which
takes a refresh token as JSON; there is no other grant, and no response type.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from auth_service.parts import parts_of
from auth_service.verifiers.schemas import IssuerView, KeySetView
from shared.errors import NotFound
from shared.tokens.keys import PublicKey
from shared.tokens.public_keys import KEYS_PATH, write_jwks
from shared.web.entity_tags import is_matched_weakly
from shared.web.routes import RequestHeader, operation
from shared.web.schemas import ErrorView

MAX_AGE = 300  # seconds that anybody may keep what is published
NOTHING_PUBLISHED = "There are no public keys: access tokens are signed with a shared secret"

_IF_NONE_MATCH = {"If-None-Match": RequestHeader("Answer 304 if it still has one of these entity tags")}
_ANSWERS = {304: None, 404: ErrorView}


@operation("The public keys", answers={200: KeySetView, **_ANSWERS}, request_headers=_IF_NONE_MATCH, tag="Keys")
async def show_keys(request: Request) -> Response:
    """Return the keys that verify access tokens. 404 while no key pair is published."""
    return _publish(request, write_jwks(_get_published(request)))


@operation("Who issues tokens", answers={200: IssuerView, **_ANSWERS}, request_headers=_IF_NONE_MATCH, tag="Keys")
async def show_issuer(request: Request) -> Response:
    """Return the issuer's metadata: its name, where its keys are, and by which algorithms it signs."""
    keys, issuer = _get_published(request), parts_of(request).public_url
    view = IssuerView(
        issuer=issuer,
        jwks_uri=issuer + KEYS_PATH,
        token_endpoint=f"{issuer}/api/token",
        token_endpoint_auth_methods_supported=["none"],
        grant_types_supported=["refresh_token"],
        response_types_supported=[],
        access_token_signing_alg_values_supported=sorted({key.algorithm for key in keys}),
        service_documentation=f"{issuer}/docs",
    )
    return _publish(request, view.model_dump_json().encode())


def _get_published(request: Request) -> tuple[PublicKey, ...]:
    published = parts_of(request).keys.published
    if not published:
        raise NotFound(NOTHING_PUBLISHED)
    return published


def _publish(request: Request, body: bytes) -> Response:
    """Return a document, or that it has not changed."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={MAX_AGE}"}
    if is_matched_weakly(", ".join(request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
