"""How an account moves to another address, whoever sees to it: its user by a code, or an operator."""

from auth_service.accounts.accounts import Accounts
from auth_service.clients import Client
from auth_service.errors import EmailTaken
from auth_service.mail.letters import LetterKind
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.sessions import Ending, SessionId
from auth_service.tables.user_changes import ChangeKind, insert_user_change
from auth_service.tables.users import User, update_email
from shared.postgres.database import Connection


async def move_address(
    connection: Connection,
    accounts: Accounts,
    user: User,
    email: str,
    client: Client,
    *,
    spared: SessionId | None = None,
    is_proven: bool = True,
) -> User:
    """Give a user, whose row is locked, another address, and return them; EmailTaken.

    All their sessions end but the one that is spared, which asked for it, and so do their codes and links. The old
    address is told, where there is mail.
    """
    moved = await update_email(connection, user.id, email, is_proven=is_proven)
    if moved is None:
        raise EmailTaken
    about = None if spared is not None else "proven" if is_proven else "not proven"
    await insert_audit_line(connection, Event.EMAIL_CHANGED, client, user.id, spared, about=about)
    await accounts.sessions.end_all(connection, user.id, Ending.EMAIL_CHANGED, client, spared=spared)
    if accounts.notices is not None:
        await accounts.notices.write(connection, LetterKind.ADDRESS_CHANGED, user, client)  # to the old one
    await insert_user_change(connection, ChangeKind.RENAMED, moved)  # last: the feed of revocations goes first
    return moved
