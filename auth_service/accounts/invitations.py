"""Who may make an account (``SIGN_UP``): everybody, who has an operator's invitation, or nobody.

1. It holds for every way to an account: by a password, by a code that is mailed, by another provider. What operators
   make by themselves is not asked.
2. An invitation is a link with a token of 256 bits, good for so many accounts and so many days. Only a keyed hash of it
   is stored, by ``NEXTAUTH_SECRET``, and found by previous keys too. It needs no mail: how it gets to people is an
   operator's affair.
3. A browser keeps it in a cookie (``pages.invited``) from the moment that the link is opened, so that it counts however
   its user then signs up; a program sends it along. Opening the link uses nothing up.
4. It is asked for before anything costs time, and used once in the transaction that stores the account: of any number
   of people who sign up at once, no more get in than it was made for. Who already has an account needs none.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Self

from auth_service.clients import Client
from auth_service.errors import InvitationWanted, SignUpClosed
from auth_service.mail.codes import is_token, make_token
from auth_service.settings import AuthSettings
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.invitations import (
    Invitation,
    delete_invitation,
    find_invitation,
    insert_invitation,
    use_invitation,
)
from shared.errors import NotFound
from shared.postgres.database import Connection, Database
from shared.settings import reveal
from shared.tokens.keyed_hashes import KeyedHashes
from shared.web.page_settings import SignUp


class Invitations:
    """The use cases, where signing up is as ``sign_up`` says. Hashes are made by ``key``, found by ``previous`` too."""

    def __init__(self, database: Database, sign_up: SignUp, key: str, previous: Sequence[str] = ()) -> None:
        self._database = database
        self._sign_up = sign_up
        self._hashes = KeyedHashes("invitation", key, previous)

    @classmethod
    def of(cls, settings: AuthSettings, database: Database) -> Self:
        """Return those of a service with these settings."""
        secret, previous = settings.nextauth_secret.get_secret_value(), reveal(settings.nextauth_secret_previous)
        return cls(database, settings.sign_up, secret, previous)

    async def create(self, note: str, uses: int, lifetime: dt.timedelta, client: Client) -> tuple[Invitation, str]:
        """Return a new invitation and its token, which can't be read again."""
        token = make_token()
        async with self._database.transaction() as connection:
            made = await insert_invitation(connection, self._hashes.hash(token)[0], note, uses, lifetime)
            await insert_audit_line(connection, Event.INVITATION_MADE, client, None, about=f"invitation {made.id}")
        return made, token

    async def revoke(self, invitation_id: int, client: Client) -> None:
        """Let nobody in by an invitation any more; NotFound where there is none of that id."""
        async with self._database.transaction() as connection:
            if not await delete_invitation(connection, invitation_id):
                raise NotFound("There is no invitation of that id")
            about = f"invitation {invitation_id}"
            await insert_audit_line(connection, Event.INVITATION_REVOKED, client, None, about=about)

    async def admit(self, client: Client) -> int | None:
        """Return the invitation by which a client may make an account, None where it takes none.

        SignUpClosed, InvitationWanted.
        """
        if self._sign_up == "open":
            return None
        if self._sign_up == "closed":
            raise SignUpClosed
        if client.invitation is None or not is_token(client.invitation):
            raise InvitationWanted
        async with self._database.connection() as connection:
            found = await find_invitation(connection, self._hashes.hash(client.invitation))
        if found is None:
            raise InvitationWanted
        return found

    async def use(self, connection: Connection, invitation_id: int | None) -> None:
        """Use an invitation, in the transaction that stores an account; SignUpClosed, InvitationWanted."""
        if self._sign_up == "closed":
            raise SignUpClosed
        if self._sign_up == "invitation" and (
            invitation_id is None or not await use_invitation(connection, invitation_id)
        ):
            raise InvitationWanted
