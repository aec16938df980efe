"""The commands that help a user who can't help themselves: locked out, without their password or their address."""

import datetime as dt

from auth_service.accounts.moving import move_address
from auth_service.mail.addresses import check_email
from auth_service.operators.arguments import Call, add_unlinking, add_user, add_verb
from auth_service.operators.lookups import get_user, locked_user
from auth_service.operators.users import describe_user, list_identities
from auth_service.parts import Parts
from auth_service.providers.unlinking import unlink_all
from auth_service.tables.audit import Event, Wanted, insert_audit_line, list_audit_lines
from auth_service.tables.sessions import list_latest_sessions
from shared.command_line.arguments import MOST, Verbs, read_hours
from shared.command_line.text_tables import Record
from shared.errors import Invalid

MOST_HOURS = 168


def add_rescues(users: Verbs) -> None:
    """Add them to the noun ``user``."""
    meaning = "forget failed sign-ins, so that a user who is held up or locked out can sign in"
    add_user(add_verb(users, "unlock", meaning, unlock_user))
    meaning = "a link by which a user sets a new password; it is shown only once"
    linked = add_verb(users, "password", meaning, make_password_link)
    add_user(linked)
    linked.add_argument(
        "--hours", type=read_hours(MOST_HOURS), default=24, metavar="N", help="hours that it is good for (24)"
    )
    add_unlinking(linked)
    moved = add_verb(users, "email", "give a user another address, and end their sessions", change_email)
    add_user(moved)
    moved.add_argument("address", metavar="NEW", help="the new address")
    moved.add_argument(
        "--proven", action="store_true", help="you have seen that it is theirs; else they prove it themselves"
    )
    add_unlinking(moved)


async def unlock_user(parts: Parts, call: Call) -> Record:
    """Forget the failed sign-ins of a user: of the account, and at each address and browser that is known of it."""
    user = await get_user(parts, call.user)
    async with parts.database.transaction() as connection:
        sessions = await list_latest_sessions(connection, user.id, MOST)
        lines = await list_audit_lines(connection, Wanted(user_id=user.id), MOST)
        addresses = {session.address for session in sessions} | {line.address for line in lines}
        counts = await parts.admission.forgive(connection, user, addresses, [str(each.id) for each in sessions])
        await insert_audit_line(connection, Event.USER_UNLOCKED, call.client, user.id)
    return {**describe_user(user), "forgiven": counts}


async def make_password_link(parts: Parts, call: Call) -> Record:
    """Return a link by which a user sets a new password, once. Until then the old one works.

    Whoever has one of the identities that are named signs in by it, whatever the password.
    """
    lifetime = dt.timedelta(hours=call.hours)
    async with locked_user(parts, call.user) as (connection, user):
        if call.unlink:  # first: it ends links
            await unlink_all(connection, parts.linking, user, call.client)
        link, until = await parts.recovery.make_link(connection, user, lifetime, call.client)
    return {**describe_user(user), "link": link, "until": until, "identities": await list_identities(parts, user)}


async def change_email(parts: Parts, call: Call) -> Record:
    """Give a user another address, end their sessions, and tell the old one, where there is mail; EmailTaken.

    What they have at other providers stays, and is named, unless it is to be taken away.
    """
    try:
        address = check_email(call.address)
    except ValueError as error:
        raise Invalid({"address": str(error)}) from None
    async with locked_user(parts, call.user) as (connection, before):
        if call.unlink:
            await unlink_all(connection, parts.linking, before, call.client)
        proven: bool = call.proven
        moved = await move_address(connection, parts.accounts, before, address, call.client, is_proven=proven)
    identities = await list_identities(parts, moved)
    return {**describe_user(moved), "proven": moved.email_verified_at, "identities": identities}
