"""The commands about users; each returns what is to be printed.

They go through the same use cases as the API, so what they do is audited in the same way.
"""

import argparse
import getpass
import sys

from auth_service.api.schemas import SignUp
from auth_service.operators.arguments import Call, add_unlinking, add_user, add_verb, read_role
from auth_service.operators.lookups import get_user, locked_user
from auth_service.operators.user_import import import_users
from auth_service.parts import Parts
from auth_service.providers.unlinking import unlink, unlink_all
from auth_service.tables.users import User, list_users_after
from shared.command_line.arguments import Verbs, add_limit, add_noun, read_id
from shared.command_line.importing import STANDARD_INPUT
from shared.command_line.text_tables import Record
from shared.errors import Conflict, Invalid
from shared.web.schemas import validate

NO_MAIL = (
    "Without mail nobody would learn of it: set SMTP_URL, and MAIL_FROM, as the service has them,"
    " or give the user a link by user password"
)


def add_users(nouns: Verbs) -> Verbs:
    """Add them to the command line, and return the noun, to which other modules add verbs."""
    users = add_noun(nouns, "user", "who signed up")
    listed = add_verb(users, "list", "by id", list_users)
    listed.add_argument("--after", type=read_id, default=0, metavar="ID", help="only those with a greater id")
    add_limit(listed)
    add_user(add_verb(users, "show", "one user", show_user))
    created = add_verb(users, "create", "sign somebody up; the password comes from standard input", create_user)
    created.add_argument("name", metavar="NAME")
    created.add_argument("email", metavar="EMAIL")
    _add_roles(created, "--role", "given from the start")
    created.set_defaults(ask=_read_password)
    imported = add_verb(users, "import", "users of another system, with their password hashes", import_users)
    imported.add_argument("file", metavar="FILE", help=f"JSON lines; {STANDARD_INPUT}: standard input")
    imported.add_argument("--dry-run", action="store_true", help="only check and count them")
    changed = add_verb(users, "role", "give and take roles", change_roles)
    add_user(changed)
    _add_roles(changed, "--add", "given")
    _add_roles(changed, "--remove", "taken away, which ends the user's sessions")
    changed.add_argument(
        "--keep-sessions", action="store_true", help="end none: a role taken away counts until the last token is over"
    )
    add_user(add_verb(users, "disable", "let a user sign in no more, and end their sessions", disable_user))
    add_user(add_verb(users, "enable", "let a user who was disabled sign in again", enable_user))
    add_user(add_verb(users, "delete", "delete a user for good, with sessions and posts", delete_user))
    meaning = "void a user's password, end their sessions, and write to them how to set a new one"
    reset = add_verb(users, "reset-password", meaning, reset_password)
    add_user(reset)
    add_unlinking(reset)
    meaning = "take away what a user has at a provider, and end their sessions"
    unlinked = add_verb(users, "unlink", meaning, unlink_user)
    add_user(unlinked)
    unlinked.add_argument("provider", metavar="PROVIDER", help="its id")
    return users


async def list_users(parts: Parts, call: Call) -> list[Record]:
    """Return users by id."""
    async with parts.database.connection() as connection:
        users = await list_users_after(connection, call.after, call.limit)
    return [describe_user(user) for user in users]


async def show_user(parts: Parts, call: Call) -> Record:
    """Return one user, and who they are to other providers; NotFound."""
    user = await get_user(parts, call.user)
    return {**describe_user(user), "proven": user.email_verified_at, "identities": await list_identities(parts, user)}


async def create_user(parts: Parts, call: Call) -> Record:
    """Sign somebody up; the password is asked for, or read from standard input, and never an argument."""
    wanted = validate(SignUp, {"name": call.name, "email": call.email, "password": call.answer})
    return describe_user(await parts.accounts.create_user(wanted, call.role, call.client))


async def change_roles(parts: Parts, call: Call) -> Record:
    """Give a user roles, effective from the next access token on, and take others away, which ends their sessions."""
    user = await get_user(parts, call.user)
    if not call.add and not call.remove:
        return describe_user(user)
    changes = (user.id, call.add, call.remove, call.client)
    return describe_user(await parts.accounts.change_roles(*changes, keep_sessions=call.keep_sessions))


async def disable_user(parts: Parts, call: Call) -> Record:
    """Stop a user from signing in, and end their sessions."""
    return describe_user(await parts.accounts.disable((await get_user(parts, call.user)).id, call.client))


async def enable_user(parts: Parts, call: Call) -> Record:
    """Let a user who was disabled sign in again."""
    return describe_user(await parts.accounts.enable((await get_user(parts, call.user)).id, call.client))


async def delete_user(parts: Parts, call: Call) -> Record:
    """Delete a user; their posts go when the posts service learns of it, even if it is down just now."""
    user = await parts.accounts.delete((await get_user(parts, call.user)).id, call.client)
    return {**describe_user(user), "state": "deleted"}


async def reset_password(parts: Parts, call: Call) -> Record:
    """Make a user's password void, end their sessions, and let a letter tell them how to set a new one.

    What is said of the user names the identities that remain: whoever has one signs in by it, whatever the password.
    """
    if parts.mail is None:
        raise Conflict(NO_MAIL)
    async with locked_user(parts, call.user) as (connection, user):
        if call.unlink:
            await unlink_all(connection, parts.linking, user, call.client)
        await parts.mail.recovery.start(connection, user, call.client)
    return {**describe_user(user), "password": "void", "identities": await list_identities(parts, user)}


async def unlink_user(parts: Parts, call: Call) -> Record:
    """Take away what a user has at a provider, and return what remains; NotFound."""
    user = await unlink(parts.linking, (await get_user(parts, call.user)).id, call.provider, call.client)
    return {**describe_user(user), "identities": await list_identities(parts, user)}


def describe_user(user: User) -> Record:
    """Return what is printed of a user."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "roles": list(user.roles),
        "state": "disabled" if user.disabled_at else "active",
        "created": user.created_at,
    }


async def list_identities(parts: Parts, user: User) -> list[str]:
    """Return what is printed of a user's identities at other providers."""
    return [f"{each.provider}: {each.email or '-'}" for each in await parts.linking.list_of(user)]


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise Invalid({"password": "was not typed the same twice"})
    return password


def _add_roles(verb: argparse.ArgumentParser, option: str, meaning: str) -> None:
    verb.add_argument(option, type=read_role, action="append", default=[], help=f"{meaning}; may be repeated")
