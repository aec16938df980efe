"""The JSON API for one's identities at other providers. One is added in a browser: on the page, or by signing in."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.api.account import get_live_caller, get_live_session
from auth_service.api.identity_schemas import IdentityView
from auth_service.clients import identify_client
from auth_service.parts import parts_of
from shared.web.routes import operation
from shared.web.schemas import ErrorView


@operation("My identities at other providers", answers={200: [IdentityView]}, caller="required", tag="Accounts")
async def list_identities(request: Request) -> Response:
    """Return who the caller is to other providers, by which they sign in."""
    linking = parts_of(request).linking
    views = [
        IdentityView(
            provider=each.provider,
            name=linking.names.get(each.provider, each.provider),
            email=each.email,
            linked_at=each.linked_at,
            last_used_at=each.last_used_at,
        )
        for each in await linking.list_of(await get_live_caller(request))
    ]
    return JSONResponse([view.model_dump(mode="json", by_alias=True) for view in views])


@operation(
    "Remove my identity at a provider",
    answers={204: None, 404: ErrorView, 409: ErrorView},
    caller="required",
    tag="Accounts",
)
async def remove_identity(request: Request) -> Response:
    """Remove what the caller has at a provider, and end all their other sessions.

    The caller must have signed in a moment ago. Their last way to sign in stays.
    """
    (user, session), provider = await get_live_session(request), request.path_params["provider"]
    await parts_of(request).linking.remove(user, session, provider, identify_client(request))
    return Response(status_code=204)
