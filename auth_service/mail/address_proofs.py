"""Proving an address: the present one, a new one before an account moves to it, and one that somebody signs up with.

1. A code proves that whoever types it reads what is sent to the address. It is valid only for the browser, and for the
   user, that asked.
2. Nothing reveals whether an address has an account: what is written, counted and answered is the same. Only the letter
   says so, to the reader of that address: it has no code if the address is taken, even if it was never proven.
3. A letter goes to the address as its account spells it, or else as it was typed and will be stored, never to another
   spelling of a stored one.
4. A code is used in the transaction that does what it is for, so it does that once.
5. When an account moves, all its other sessions and codes end, and the old address is told.
"""

import datetime as dt
from dataclasses import dataclass

from auth_service.accounts.accounts import Accounts
from auth_service.accounts.moving import move_address
from auth_service.accounts.new_users import NewUser, prove_address
from auth_service.api.schemas import SignUp
from auth_service.clients import Client
from auth_service.errors import CodeRefused
from auth_service.guessing.rules import LimitName
from auth_service.mail.addresses import email_key
from auth_service.mail.codes import Purpose, make_code
from auth_service.mail.letters import LetterKind
from auth_service.mail.sent_codes import Codes, write_letter
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.codes import (
    Code,
    find_just_used,
    find_newest,
    insert_code,
    try_code,
    use_code,
)
from auth_service.tables.letters import insert_letter
from auth_service.tables.sessions import SessionId, find_live_session
from auth_service.tables.users import Credentials, User, find_credentials, lock_user
from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class AddressProofs:
    """The use cases. Those that ask raise Throttled, those that confirm CodeRefused."""

    accounts: Accounts
    codes: Codes

    async def ask_for_present(self, user: User, client: Client) -> None:
        """Send a code to the user's address, unless that is proven."""
        if user.email_verified_at is not None:
            return
        async with self.accounts.database.connection() as connection:
            found = await find_credentials(connection, user.email)
        await self._admit(user.email, client, found)
        async with self.accounts.database.transaction() as connection:
            code = await self._insert_code(connection, Purpose.PROVE_ADDRESS, user, user.email, client)
            letter = write_letter(LetterKind.PROOF_CODE, user.email, client, user, name=user.name, code=code)
            await insert_letter(connection, letter)

    async def confirm_present(self, user: User, typed: str, client: Client) -> None:
        """Note that the user's address is theirs."""
        code = await self._get_code(Purpose.PROVE_ADDRESS, user.email, typed, client, user)
        async with self.accounts.database.transaction() as connection:
            await lock_user(connection, user.id)
            await _use(connection, code)
            await prove_address(connection, user.id, client)

    async def ask_to_move(self, user: User, email: str, client: Client) -> None:
        """Send a code to an address that the user's account is to have."""
        await self._admit(email, client)
        async with self.accounts.database.transaction() as connection:
            found = await find_credentials(connection, email)
            code = await self._insert_code(connection, Purpose.CHANGE_ADDRESS, user, email, client)
            if found is None or found.user.id == user.id:
                letter = write_letter(LetterKind.CHANGE_CODE, email, client, user, name=user.name, code=code)
            else:
                letter = write_letter(LetterKind.ALREADY_HERE, found.user.email, client, found.user)
            await insert_letter(connection, letter)

    async def confirm_move(self, user: User, session_id: SessionId, typed: str, client: Client) -> User:
        """Give the user the address that the code was sent to, and return them; EmailTaken if it was taken since.

        CodeRefused, too, when the session has ended since the request was let in.
        """
        code = await self._get_code(Purpose.CHANGE_ADDRESS, user.email, typed, client, user)
        async with self.accounts.database.transaction() as connection:
            await lock_user(connection, user.id)
            if await find_live_session(connection, session_id) is None:  # a reset, say, which ended older codes too
                raise CodeRefused
            await _use(connection, code)
            return await move_address(connection, self.accounts, user, code.email, client, spared=session_id)

    async def ask_to_sign_up(self, wanted: SignUp, client: Client) -> None:
        """Send a code to the address of somebody who signs up, and keep what they chose until they type it.

        Unavailable, Invalid too. The limits of letters come last: whoever has to choose another password may send the
        form again at once.
        """
        new = await self.accounts.hash_new(wanted, client)
        await self._admit(new.email, client)
        kept = {"name": new.name, "password_hash": str(new.password_hash)}
        if new.invitation is not None:
            kept["invitation"] = str(new.invitation)
        async with self.accounts.database.transaction() as connection:
            found = await find_credentials(connection, new.email)
            code = await self._insert_code(connection, Purpose.SIGN_UP, None, new.email, client, kept)
            if found is None:
                letter = write_letter(LetterKind.SIGN_UP_CODE, new.email, client, code=code)
            else:
                letter = write_letter(LetterKind.ALREADY_HERE, found.user.email, client, found.user)
            await insert_letter(connection, letter)

    async def confirm_sign_up(self, email: str, typed: str, client: Client) -> User:
        """Return the new user, whose address is proven; EmailTaken if somebody else proved it first."""
        code = await self._get_code(Purpose.SIGN_UP, email, typed, client, None)
        kept = {name: str(code.facts[name]) for name in ("name", "email", "password_hash")}

        async def use(connection: Connection) -> None:
            await _use(connection, code)

        async def prove(connection: Connection, user: User) -> User:
            await prove_address(connection, user.id, client)
            return user

        invitation = code.facts.get("invitation")
        new = NewUser(**kept, invitation=int(str(invitation)) if invitation is not None else None)
        return await self.accounts.store(new, client, prove, use)

    async def find_asked(self, purpose: Purpose, client: Client, user: User | None) -> Code | None:
        """Return what this browser asked for, of this user, while the code is good."""
        if client.flow is None:
            return None
        async with self.accounts.database.connection() as connection:
            code = await find_newest(connection, purpose, self.codes.hash_flow(client.flow))
        return code if code is not None and code.user_id == (user.id if user else None) else None

    async def has_just_signed_up(self, email: str, typed: str, client: Client, within: dt.timedelta) -> bool:
        """Tell whether this browser used this code a moment ago, and so made the account of that address."""
        macs = self.codes.hash_typed(Purpose.SIGN_UP, email, typed, client.flow)
        if macs is None:
            return False
        async with self.accounts.database.connection() as connection:
            used = await find_just_used(connection, Purpose.SIGN_UP, *macs, within)
            return used is not None and await find_credentials(connection, email) is not None

    async def _admit(self, email: str, client: Client, named: Credentials | None = None) -> None:
        await self.accounts.admission.admit_letter(email_key(email), client, named)

    async def _insert_code(
        self,
        connection: Connection,
        purpose: Purpose,
        user: User | None,
        email: str,
        client: Client,
        facts: dict[str, str] | None = None,
    ) -> str:
        """Store a new code and return it: a user has one of each purpose, under the address that they have now."""
        assert client.flow is not None, "whoever asks is given a flow"
        code, kept = make_code(), {"email": email, **(facts or {})}
        account = user.email if user else email
        await insert_code(connection, self.codes.hash_new(purpose, code, account, user, client.flow, kept))
        return code

    async def _get_code(self, purpose: Purpose, email: str, typed: str, client: Client, user: User | None) -> Code:
        """Return the code that was typed. A wrong one costs a try, and is audited as long as there are any."""
        await self.accounts.admission.admit_address(LimitName.CODE, client)
        macs = self.codes.hash_typed(purpose, email, typed, client.flow)
        asked = await self.find_asked(purpose, client, user)
        if macs is None or asked is None:
            raise CodeRefused
        async with self.accounts.database.connection() as connection:
            found = await try_code(connection, purpose, *macs)
            if found is None:
                await insert_audit_line(connection, Event.CODE_REFUSED, client, asked.user_id)
        if found is None:
            raise CodeRefused
        return found


async def _use(connection: Connection, code: Code) -> None:
    if not await use_code(connection, code.id):
        raise CodeRefused
