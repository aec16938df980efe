"""The commands that an operator can give the auth service; each returns what is to be printed.

They go through the same use cases and table modules as the API, so what they do is audited in the same way.
"""

import argparse
import datetime as dt
import getpass
import os
import secrets
import sys
import uuid

from auth_service.clients import Client
from auth_service.mail.addresses import check_email
from auth_service.mail.letters import LetterKind
from auth_service.mail.smtp import Outcome
from auth_service.operators.text_tables import Record
from auth_service.parts import Parts
from auth_service.providers.unlinking import unlink
from auth_service.settings import AuthSettings
from auth_service.tables.audit import (
    Event,
    count_audit_lines,
    delete_audit_lines,
    get_moment,
    insert_audit_line,
    list_audit_lines,
)
from auth_service.tables.letters import Letter
from auth_service.tables.sessions import Ending, find_live_session, list_latest_sessions
from auth_service.tables.users import User, find_user, list_users_after
from auth_service.web.schemas import SignUp
from shared.errors import Conflict, Invalid, NotFound, UpstreamFailed
from shared.language.languages import LANGUAGES
from shared.language.sentences import Sentence
from shared.postgres.housekeeping import BITE
from shared.service_settings import list_callers, name_secret
from shared.tokens.key_pairs import make_key_pair, read_key_pairs
from shared.web.schemas import validate

Arguments = argparse.Namespace
SECRET_LENGTH = 48  # random bytes
MOST_COUNTED = 1_000_000  # audit lines
TEST_LIFETIME = dt.timedelta(minutes=1)
NO_MAIL = "Without mail nobody could set a new password: set SMTP_URL, and MAIL_FROM, as the service has them"


async def list_users(parts: Parts, arguments: Arguments) -> list[Record]:
    """Return users by id."""
    async with parts.database.connection() as connection:
        users = await list_users_after(connection, arguments.after, arguments.limit)
    return [_describe(user) for user in users]


async def show_user(parts: Parts, arguments: Arguments) -> Record:
    """Return one user, and who they are to other providers; NotFound when no user has that id."""
    user = await _get_user(parts, arguments.id)
    return {**_describe(user), "proven": user.email_verified_at, "identities": await _list_identities(parts, user)}


async def create_user(parts: Parts, arguments: Arguments) -> Record:
    """Sign somebody up; the password is asked for, or read from standard input, and never an argument."""
    wanted = validate(SignUp, {"name": arguments.name, "email": arguments.email, "password": _read_password()})
    return _describe(await parts.accounts.create_user(wanted, arguments.role, operator()))


async def change_roles(parts: Parts, arguments: Arguments) -> Record:
    """Give a user roles, effective from the next access token on, and take others away, which ends their sessions."""
    if not arguments.add and not arguments.remove:
        return _describe(await _get_user(parts, arguments.id))
    changes = (arguments.id, arguments.add, arguments.remove, operator())
    return _describe(await parts.accounts.change_roles(*changes, keep_sessions=arguments.keep_sessions))


async def disable_user(parts: Parts, arguments: Arguments) -> Record:
    """Stop a user from signing in, and end their sessions."""
    return _describe(await parts.accounts.disable(arguments.id, operator()))


async def enable_user(parts: Parts, arguments: Arguments) -> Record:
    """Let a user who was disabled sign in again."""
    return _describe(await parts.accounts.enable(arguments.id, operator()))


async def delete_user(parts: Parts, arguments: Arguments) -> Record:
    """Delete a user; their posts go when the posts service learns of it, even if it is down just now."""
    user = await parts.accounts.delete(arguments.id, operator())
    return {**_describe(user), "state": "deleted"}


async def reset_password(parts: Parts, arguments: Arguments) -> Record:
    """Make a user's password void, end their sessions, and let a letter tell them how to set a new one.

    What is said of the user names the identities that remain: whoever has one signs in by it, whatever the password.
    """
    if parts.mail is None:
        raise Conflict(NO_MAIL)
    user = await parts.mail.recovery.start(arguments.id, operator(), unlinks=arguments.unlink)
    return {**_describe(user), "password": "void", "identities": await _list_identities(parts, user)}


async def unlink_user(parts: Parts, arguments: Arguments) -> Record:
    """Take away what a user has at a provider, and return what remains; NotFound."""
    user = await unlink(parts.linking, arguments.id, arguments.provider, operator())
    return {**_describe(user), "identities": await _list_identities(parts, user)}


async def list_sessions(parts: Parts, arguments: Arguments) -> list[Record]:
    """Return the latest sessions, of everybody or of one user."""
    async with parts.database.connection() as connection:
        sessions = await list_latest_sessions(connection, arguments.user, arguments.limit)
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


async def end_session(parts: Parts, arguments: Arguments) -> Record:
    """End a session; NotFound when no live session has that id."""
    async with parts.database.connection() as connection:
        session = await find_live_session(connection, arguments.id)
    if session is None or await parts.sessions.end(session.id, Ending.ENDED_BY_OPERATOR, operator()) is None:
        raise NotFound("There is no live session of that id")
    return {"id": session.id, "user": session.user_id, "state": "ended"}


async def show_audit(parts: Parts, arguments: Arguments) -> list[Record]:
    """Return the latest audit lines, newest first, of everybody or of one user."""
    async with parts.database.connection() as connection:
        lines = await list_audit_lines(connection, arguments.user, arguments.limit)
    return [
        {
            "at": line.happened_at,
            "event": line.event,
            "provider": line.provider,
            "user": line.user_id,
            "session": line.session_id,
            "address": line.address,
            "agent": line.user_agent,
            "request": line.request_id,
        }
        for line in lines
    ]


async def prune_audit(parts: Parts, arguments: Arguments) -> Record:
    """Delete audit lines from before a moment, in small transactions, and record who did; or only count them."""
    async with parts.database.connection() as connection:
        latest = await get_moment(connection, dt.timedelta(days=arguments.older_than or 0))
    before = min(arguments.before or latest, latest)  # by the database's clock: never the line that is noted below
    if arguments.dry_run:
        async with parts.database.connection() as connection:
            lines = await count_audit_lines(connection, before, MOST_COUNTED)
        counted = lines if lines < MOST_COUNTED else f"{MOST_COUNTED} or more"
        return {"before": before, "lines": counted, "state": "would be pruned"}
    async with parts.database.connection() as connection:
        await insert_audit_line(connection, Event.AUDIT_PRUNED, operator(), None)
    lines = 0
    while taken := await _prune(parts, before):
        lines += taken
    return {"before": before, "lines": lines, "state": "pruned"}


async def send_test_letter(parts: Parts, arguments: Arguments) -> Record:
    """Send a letter now, and return what the server answered; UpstreamFailed when it did not take it."""
    if parts.delivery is None:
        raise Conflict("There is no mail without SMTP_URL")
    try:
        address = check_email(arguments.address)
    except ValueError as error:
        raise Invalid({"address": str(error)}) from None
    now = dt.datetime.now(dt.UTC)
    letter = Letter(0, LetterKind.TEST, None, address, LANGUAGES[0], {}, now, now + TEST_LIFETIME, 1)
    answer = await parts.delivery.send(letter)
    if answer.outcome is not Outcome.SENT:
        raise UpstreamFailed(
            Sentence("{server} did not take the letter: {answer}", server=parts.delivery.relay, answer=answer.text)
        )
    return {"address": address, "state": "sent", "server": str(parts.delivery.relay), "answer": answer.text}


def make_secrets() -> Record:
    """Return a fresh value for each secret: one for each service that calls this one, rather than one for all."""
    names = ("SECRET_KEY", "NEXTAUTH_SECRET", *map(name_secret, list_callers(AuthSettings)))
    return {name: secrets.token_urlsafe(SECRET_LENGTH) for name in names}


def make_pair(algorithm: str) -> Record:
    """Return a fresh key pair: the private key in PEM, and what tokens call it."""
    pem = make_key_pair(algorithm)
    return {"kid": read_key_pairs(pem.encode()).published[0].kid, "algorithm": algorithm, "pem": pem}


def operator(about: str = "") -> Client:
    """Return the client that audit lines name: the user of this machine who runs the command, and what it is about."""
    agent = f"command line, user {os.getuid()}{f', {about}' if about else ''}"
    return Client(None, agent, f"command-{uuid.uuid4().hex[:16]}")


async def _prune(parts: Parts, before: dt.datetime) -> int:
    async with parts.database.transaction() as connection:
        return await delete_audit_lines(connection, before, BITE)


async def _list_identities(parts: Parts, user: User) -> list[str]:
    return [f"{each.provider}: {each.email or '-'}" for each in await parts.linking.list_of(user)]


async def _get_user(parts: Parts, user_id: int) -> User:
    async with parts.database.connection() as connection:
        user = await find_user(connection, user_id)
    if user is None:
        raise NotFound("There is no user of that id")
    return user


def _describe(user: User) -> Record:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "roles": list(user.roles),
        "state": "disabled" if user.disabled_at else "active",
        "created": user.created_at,
    }


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Invalid({"password": "was not typed the same twice"})
    return password
