"""Notices: letters that tell users what happened to their account, so that they notice what somebody else did.

(ASVS 5.0, 6.3.5 and 6.3.7; NIST SP 800-63B-4, 4.6.) A notice is written in the transaction that it is about. Only that
of a sign-in from an unknown device is written afterwards: nobody must be kept out because it could not be written. Of
each kind an address gets few an hour, since anybody may have signed up with it, but a flood of one kind holds back no
other.
"""

import contextlib
import datetime as dt
from dataclasses import dataclass

from auth_service.browser.user_agents import describe_device
from auth_service.clients import Client
from auth_service.guessing.admission import Admission
from auth_service.mail.addresses import email_key
from auth_service.mail.letters import LetterKind
from auth_service.tables.letters import NewLetter, insert_letter
from auth_service.tables.sessions import Session, is_from_elsewhere
from auth_service.tables.users import User
from shared.errors import Unavailable
from shared.postgres.database import Connection, Database
from shared.tokens.device_cookie import LastSignIn

LIFETIME = dt.timedelta(days=1)  # a notice that comes later still helps, but is not worth trying for


@dataclass(frozen=True, slots=True)
class Notices:
    """Writes notices."""

    database: Database
    admission: Admission

    async def write(self, connection: Connection, kind: LetterKind, user: User, client: Client, **about: str) -> None:
        """Tell a user what the caller's transaction does, and from where, in the language of whoever asked for it.

        Of each kind only a few an hour, for the address may be that of somebody who has nothing to do with it.
        """
        if not await self.admission.admit_notice(connection, email_key(user.email), kind):
            return
        facts = {"name": user.name, **about}
        if client.address is not None:  # an operator has none
            facts |= {"device": describe_device(client.user_agent), "address": client.address}
        await insert_letter(connection, NewLetter(kind, user.email, client.language, LIFETIME, user.id, facts))

    async def write_of_sign_in(self, user: User, session: Session, client: Client) -> None:
        """Tell a user of a sign-in from a device that is new to the account. The first sign-in is not reported.

        What signed in before they proved their address may be a stranger's who signed up with it, so it is not known.
        The user stays signed in, whatever happens here.
        """
        if _is_known(user, client.device):
            return
        with contextlib.suppress(Unavailable):
            async with self.database.transaction() as connection:
                if await is_from_elsewhere(connection, session, client.address, user.email_verified_at):
                    await self.write(connection, LetterKind.NEW_DEVICE, user, client)


def _is_known(user: User, device: LastSignIn | None) -> bool:
    """Tell whether a browser was signed in to a user's account, with whatever password, since the address is proven."""
    proven_at = user.email_verified_at
    is_old = device is not None and proven_at is not None and device.made < int(proven_at.timestamp())
    return device is not None and device.user_id == user.id and not is_old
