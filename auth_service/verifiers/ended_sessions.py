"""The feed of ended sessions for external services: ``GET /api/revocations``.

    ?after=3&epoch=<epoch>&wait=5  ->  {"epoch": <epoch>, "last": 4, "since": 0, "ended": [{"sid": ..., "until": ...}]}

1. It tells what the services of our own are told (``internal``), page by page and by long poll, to whoever has a
   credential of an operator's making (``service_credentials``), sent as ``Authorization: Bearer``. A user's token opens
   nothing here, and the credential nothing elsewhere.
2. However sessions ended, one by one or all of a user, each is an entry. Only after the database was put back to an
   earlier state are all that began before ended at once: ``since`` says so.
3. A position counts only in its own epoch. Any other, and one that was never given out, is the beginning: the answer
   waits for nothing and has all that is still of use. Nobody's word here begins an epoch (``followers``).
4. A credential that is revoked ends what waits by it: 401.
"""

from starlette.requests import Request
from starlette.responses import Response

from auth_service.parts import parts_of
from auth_service.tables.revocations import list_revocations
from auth_service.verifiers.long_poll import is_given_up
from auth_service.verifiers.schemas import EndedSessionsQuery, EndedSessionsView, EndedSessionView
from auth_service.verifiers.service_credentials import REFUSED
from shared.errors import Unauthorized
from shared.observing.request_context import record_of
from shared.tokens.authentication import list_credentials
from shared.web.routes import operation
from shared.web.schemas import ErrorView


@operation(
    "Ended sessions",
    query=EndedSessionsQuery,
    answers={200: EndedSessionsView, 429: ErrorView},
    caller="service",
    tag="Sessions",
)
async def show_ended_sessions(request: Request, query: EndedSessionsQuery) -> Response:
    """Return the sessions that were ended since a position, for services that verify access tokens by themselves.

    Without a position, all whose access tokens may still be valid. When there are none, the answer waits for one.
    """
    parts, credentials = parts_of(request), list_credentials(request.scope["headers"])
    service = await parts.service_credentials.admit(credentials)

    async def is_over() -> bool:
        return await is_given_up(request) or await parts.service_credentials.find(credentials[0]) is None

    async with parts.service_credentials.hold_place(service) as held_up:
        page = await parts.events.read_for_others(
            "revocations", list_revocations, (query.epoch, query.after), query.wait - held_up, is_over
        )
    if await parts.service_credentials.find(credentials[0]) is None:
        raise Unauthorized(challenge=REFUSED)
    record_of(request.scope).is_routine = True
    ended = [EndedSessionView(sid=each.session_id, until=each.until_second) for each in page.entries]
    told = EndedSessionsView(epoch=str(page.epoch.id), last=page.last, since=page.since, ended=ended)
    headers = {"Cache-Control": "no-store"}
    return Response(told.model_dump_json(by_alias=True), headers=headers, media_type="application/json")
