"""The commands about sessions, which are sign-ins on devices; each returns what is to be printed."""

from auth_service.operators.arguments import Call, add_user_filter, add_verb, read_session
from auth_service.operators.lookups import get_user_id, locked_user
from auth_service.parts import Parts
from auth_service.tables.sessions import Ending, find_live_session, list_latest_sessions
from shared.command_line.arguments import Verbs, add_limit, add_noun, read_user
from shared.command_line.text_tables import Record
from shared.errors import NotFound


def add_sessions(nouns: Verbs) -> None:
    """Add them to the command line."""
    verbs = add_noun(nouns, "session", "sign-ins on devices")
    listed = add_verb(verbs, "list", "the newest", list_sessions)
    add_user_filter(listed)
    add_limit(listed)
    ended = add_verb(verbs, "end", "end one session, or all of a user", end_sessions)
    which = ended.add_mutually_exclusive_group(required=True)
    which.add_argument("id", type=read_session, nargs="?", metavar="ID")
    which.add_argument("--user", type=read_user, metavar="ID|EMAIL", help="all sessions of this user")


async def list_sessions(parts: Parts, call: Call) -> list[Record]:
    """Return the latest sessions, of everybody or of one user."""
    user_id = await get_user_id(parts, call.user)
    async with parts.database.connection() as connection:
        sessions = await list_latest_sessions(connection, user_id, call.limit)
    return [
        {
            "id": session.id,
            "user": session.user_id,
            "began": session.created_at,
            "used": session.last_used_at,
            "address": session.address,
            "agent": session.user_agent,
            "state": session.state,
        }
        for session in sessions
    ]


async def end_sessions(parts: Parts, call: Call) -> Record:
    """End one session, or all of a user; NotFound when no live session, or no user, is called so."""
    if call.user is not None:
        return await _end_all(parts, call)
    async with parts.database.connection() as connection:
        session = await find_live_session(connection, call.id)
    if session is None or await parts.sessions.end(session.id, Ending.ENDED_BY_OPERATOR, call.client) is None:
        raise NotFound("There is no live session of that id")
    return {"id": session.id, "user": session.user_id, "state": "ended"}


async def _end_all(parts: Parts, call: Call) -> Record:
    """End all sessions of a user, and all codes and links with them."""
    async with locked_user(parts, call.user) as (connection, user):
        await parts.sessions.end_all(connection, user.id, Ending.ENDED_BY_OPERATOR, call.client)
    return {"user": user.id, "state": "all sessions ended"}
