"""The endpoints for other services, under ``/internal``. The gateway routes none.

Each call needs a service token of a caller that the path is for.
"""

import time
from functools import partial

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.browser.cookies import clear_ended_pieces, order_session_ids, seal_for
from auth_service.parts import parts_of
from auth_service.tables.revocations import list_revocations
from auth_service.tables.user_changes import ChangeKind, UserChange, get_last_purged, list_user_changes
from auth_service.verifiers.long_poll import Entry, ListEntries, Page, is_given_up
from shared.auth_events import contract
from shared.doctor.setting_hashes import compare_settings
from shared.errors import Forbidden
from shared.observing.request_context import record_of
from shared.web.bodies import read_json
from shared.web.schemas import validate
from shared.web.service_calls import require_service


async def show_user_changes(request: Request) -> Response:
    """Return a page of user changes (``ChangePage``). Only the id is left of a deleted user."""
    _require_caller(request, contract.USER_CHANGES_PATH)
    page = await _read_page(request, "user_changes", list_user_changes)
    told = [_describe_change(change) for change in page.entries]
    async with parts_of(request).database.connection() as connection:  # after the entries: one may go meanwhile
        purged = await get_last_purged(connection) if told else 0
    return _answer(contract.ChangePage(changes=told, last=page.last, epoch=str(page.epoch.id), purged=purged))


async def show_revocations(request: Request) -> Response:
    """Return a page of ended sessions (``RevocationPage``)."""
    _require_caller(request, contract.REVOCATIONS_PATH)
    page = await _read_page(request, "revocations", list_revocations)
    told: list[object] = [
        contract.EndedSession(id=each.id, sid=str(each.session_id), until=each.until_second) for each in page.entries
    ]
    epoch = str(page.epoch.id)
    return _answer(contract.RevocationPage(revocations=told, last=page.last, epoch=epoch, since=page.since))


async def renew_session(request: Request) -> Response:
    """Return a fresh access token for a browser's session if it is live, and the cookies to set (``SessionAnswer``).

    Which session is the browser's: see ``browser.cookies``.
    """
    _require_caller(request, contract.SESSION_PATH)
    asked = await read_json(request, contract.SealedSession)
    parts, now = parts_of(request), int(time.time())
    devices = [asked.device] if asked.device is not None else []
    session_ids = order_session_ids(parts, devices, parts.sealer.open(asked.session, now) or {})
    found = await parts.sessions.find_first_live(session_ids)
    if found is None:
        cookies = await clear_ended_pieces(parts, session_ids, asked.pieces)
        return _answer(contract.SessionAnswer(access_token=None, set_cookie=tuple(cookies)))
    token = parts.sessions.sign_access_token(*found)
    _, cookies = seal_for(parts, *found, token, asked.pieces)
    return _answer(contract.SessionAnswer(access_token=token, set_cookie=tuple(cookies)))


async def compare_with_ours(request: Request) -> Response:
    """Return which settings of the caller are the same here (``SettingAnswer``)."""
    caller = _require_caller(request, contract.COMPARISON_PATH)
    asked = await read_json(request, contract.SettingQuestion)
    likeness = compare_settings(parts_of(request).compared, asked.hashes, asked.nonce)
    return _answer(contract.SettingAnswer(caller=caller, likeness=likeness))


def _require_caller(request: Request, path: str) -> str:
    """Return the caller; refuse whoever is no service, and a service that the path is not for."""
    caller = require_service(request, contract.AUTH_SERVICE)
    if not contract.may_call(caller, path):
        raise Forbidden
    return caller


def _describe_change(change: UserChange) -> object:
    if change.kind is ChangeKind.DELETED:
        return contract.UserDeleted(id=change.id, kind="deleted", user=contract.UserGone(id=change.user_id))
    user = {"id": change.user_id, "name": change.name, "email": change.email}
    return contract.UserChange.model_validate({"id": change.id, "kind": change.kind.value, "user": user})


def _answer(said: BaseModel) -> Response:
    return JSONResponse(said.model_dump(mode="json"))


async def _read_page(request: Request, feed: str, list_entries: ListEntries[Entry]) -> Page[Entry]:
    question = validate(contract.EventsQuestion, dict(request.query_params))
    page = await parts_of(request).events.read(feed, list_entries, question, partial(is_given_up, request))
    record_of(request.scope).is_routine = True
    return page
