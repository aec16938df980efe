"""What other services ask, under ``/internal``. The gateway routes none of it; each call needs a service token."""

import math
import time
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.followers import FeedPlace
from auth_service.parts import parts_of
from auth_service.tables.revocations import list_revocations
from auth_service.tables.user_changes import Kind, UserChange, list_user_changes
from auth_service.web.browser import clear_ended_pieces, order_session_ids, seal_for
from auth_service.web.long_poll import Entry, ListEntries, Page
from shared.observing.request_context import record_of
from shared.process.draining import is_ending
from shared.tokens.session_cookie import MAX_SEALED_LENGTH
from shared.web.bodies import read_json
from shared.web.schemas import Body, validate
from shared.web.service_calls import require_service

SERVICE = "auth_service"
MAX_DEVICE_LENGTH = 200  # characters


class SealedSession(Body):
    """A session cookie's value, chunks joined, and the names of the cookies that it came in; a device cookie's value.

    The session is empty where there is none; the device cookie is left out where it says nothing else.
    """

    session: Annotated[str, Field(max_length=MAX_SEALED_LENGTH)]
    pieces: Annotated[list[str], Field(max_length=100)]
    device: Annotated[str | None, Field(max_length=MAX_DEVICE_LENGTH)] = None


async def show_user_changes(request: Request) -> Response:
    """Answer a page of what happened to users: ``{"changes": [{id, kind, user}], "last", "epoch"}``.

    Of one who was deleted, ``user`` is the id.
    """
    require_service(request, SERVICE)
    page = await _read_page(request, "user_changes", list_user_changes)
    told = [{"id": change.id, "kind": change.kind.value, "user": _describe_changed(change)} for change in page.entries]
    return JSONResponse({"changes": told, "last": page.last, "epoch": str(page.epoch.id)})


async def show_revocations(request: Request) -> Response:
    """Answer a page of the sessions that were ended: ``{"revocations": [{id, sid, until}], "last", "epoch", "since"}``.

    Tokens issued before ``since`` (Unix seconds) are refused, whatever their session; 0 where none are.
    """
    require_service(request, SERVICE)
    page = await _read_page(request, "revocations", list_revocations)
    told = [
        {"id": each.id, "sid": str(each.session_id), "until": math.ceil(each.until.timestamp())}
        for each in page.entries
    ]
    since = int(page.epoch.lost_at.timestamp()) if page.epoch.lost_at else 0
    return JSONResponse({"revocations": told, "last": page.last, "epoch": str(page.epoch.id), "since": since})


async def renew_session(request: Request) -> Response:
    """Answer a fresh access token for a browser's session if that is live, and the cookies that store it.

    Null, and the cookies that clear it, where it is not live. ``{"accessToken", "setCookie"}``. Which session is the
    browser's: see ``browser_cookies``.
    """
    require_service(request, SERVICE)
    asked = await read_json(request, SealedSession)
    parts, now = parts_of(request), int(time.time())
    session_ids = order_session_ids(parts, asked.device, parts.sealer.open(asked.session, now) or {})
    found = await parts.sessions.find_first_live(session_ids)
    if found is None:
        return JSONResponse(
            {"accessToken": None, "setCookie": await clear_ended_pieces(parts, session_ids, asked.pieces)}
        )
    token = parts.sessions.sign_access_token(*found)
    _, cookies = seal_for(parts, *found, token, asked.pieces)
    return JSONResponse({"accessToken": token, "setCookie": cookies})


def _describe_changed(change: UserChange) -> dict[str, object]:
    if change.kind is Kind.DELETED:
        return {"id": change.user_id}
    return {"id": change.user_id, "name": change.name, "email": change.email}


async def _read_page(request: Request, feed: str, list_entries: ListEntries[Entry]) -> Page[Entry]:
    place = validate(FeedPlace, dict(request.query_params))

    async def is_over() -> bool:
        return is_ending(request.scope) or await request.is_disconnected()

    page = await parts_of(request).feeds.read(feed, list_entries, place, is_over)
    record_of(request.scope).is_routine = True
    return page
