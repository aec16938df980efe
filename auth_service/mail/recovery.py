"""Recovery: a new password for whoever reads what is sent to the address of an account, or was given a link.

1. Asking runs the same statements and gets the same answer whether or not the address has an account. The letter goes
   to the address as its owner spelled it; if there is no account, it says so.
2. A code is tried before a password is hashed. It is used in the transaction that sets the password, so of any number
   of simultaneous confirmations one succeeds. A password that is refused leaves the code unused.
3. All sessions end, as do all other codes. Nobody is signed in: a user with a second factor still needs it (ASVS 5.0,
   6.4.3). Failed sign-ins by others don't hold up the owner's next one (``Admission.note_owner``).
4. A reset proves the address. If it was not proven, nothing of the time before survives.
5. An operator can void a password, but never choose one (ASVS 5.0, 6.4.6).
6. A link that an operator hands over works without mail, once, in any browser. It proves nothing about the address.
"""

import datetime as dt
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from auth_service.accounts.new_users import prove_address
from auth_service.api.mail_schemas import PasswordReset
from auth_service.clients import Client
from auth_service.errors import CodeRefused
from auth_service.guessing.admission import Admission
from auth_service.guessing.rules import LimitName
from auth_service.mail.addresses import email_key
from auth_service.mail.codes import Purpose, is_token, make_code, make_token
from auth_service.mail.letters import LetterKind
from auth_service.mail.notices import Notices
from auth_service.mail.sent_codes import Codes, write_to_owner
from auth_service.passwords.hashing import Passwords, Slot
from auth_service.passwords.rules import GUESSABLE, find_password_fault
from auth_service.providers.identities import MOST
from auth_service.sessions.sessions import Sessions
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.codes import (
    Code,
    NewCode,
    find_just_used,
    find_link,
    find_link_just_used,
    find_newest,
    insert_code,
    try_code,
    use_code,
)
from auth_service.tables.identities import delete_identities_of, list_identities
from auth_service.tables.letters import insert_letter
from auth_service.tables.sessions import Ending
from auth_service.tables.users import (
    User,
    find_credentials,
    find_user,
    lock_user,
    update_password_anew,
    update_password_void,
)
from shared.errors import Invalid
from shared.postgres.database import Connection, Database

PATH = "/forgot/code"  # of the page where a new password is set


@dataclass(frozen=True, slots=True)
class Recovery:
    """The use cases; ``names`` are those of other providers, by their ids. Without ``notices`` there is no mail."""

    database: Database
    codes: Codes
    passwords: Passwords
    admission: Admission
    sessions: Sessions
    notices: Notices | None
    names: Mapping[str, str]
    public_url: str

    async def ask(self, email: str, client: Client) -> None:
        """Send a code to an address, good for the browser that asks; Throttled.

        The same, but for what the letter says, when nobody has the address.
        """
        assert client.flow is not None, "whoever asks is given a flow"
        code = make_code()
        async with self.database.connection() as connection:
            found = await find_credentials(connection, email)
        await self.admission.admit_letter(email_key(email), client, found)
        user = found.user if found else None
        new = self.codes.hash_new(Purpose.RESET, code, email, user, client.flow, {"email": email})
        async with self.database.transaction() as connection:
            await insert_code(connection, new)
            await insert_letter(connection, write_to_owner(LetterKind.RESET_CODE, user, email, client, code=code))

    async def find_asked(self, client: Client) -> Code | None:
        """Return what a browser asked for, while the code is good; whether anybody has the address or not."""
        if client.flow is None:
            return None
        async with self.database.connection() as connection:
            return await find_newest(connection, Purpose.RESET, self.codes.hash_flow(client.flow))

    async def set_password(self, wanted: PasswordReset, client: Client) -> None:
        """Set a new password and end all sessions of the user.

        Unavailable when there is no slot for the hash; Throttled; CodeRefused; Invalid names ``password``.
        """
        with self.passwords.take_slot(client.site, email_key(wanted.email)) as slot:
            tried = await self._try(wanted, client)
            password_hash = await self._hash(wanted.password, tried[1], slot) if tried else ""
        if tried is None or not await self._store(*tried, password_hash, client):
            await self._note_refusal(wanted.email, client)
            raise CodeRefused

    async def find_just_reset(self, wanted: PasswordReset, client: Client, moment: dt.timedelta) -> User | None:
        """Return the user whose password was set a moment ago, by this very code and browser; else None."""
        macs = self.codes.hash_typed(Purpose.RESET, wanted.email, wanted.code, client.flow)
        if macs is None:
            return None
        async with self.database.connection() as connection:
            code = await find_just_used(connection, Purpose.RESET, *macs, moment)
            return await find_user(connection, code.user_id) if code and code.user_id is not None else None

    async def start(self, connection: Connection, user: User, client: Client) -> None:
        """Make the password of a user, whose row is locked, void, and end their sessions; a letter tells what to do."""
        await update_password_void(connection, user.id)
        await insert_audit_line(connection, Event.PASSWORD_RESET_STARTED, client, user.id)
        await self.sessions.end_all(connection, user.id, Ending.PASSWORD_RESET, client)
        await self._tell(connection, LetterKind.RESET_STARTED, user, client)

    async def make_link(
        self, connection: Connection, user: User, lifetime: dt.timedelta, client: Client
    ) -> tuple[str, dt.datetime]:
        """Return a link by which a user, whose row is locked, sets a new password, and when it ends.

        It replaces an earlier one.
        """
        token = make_token()
        address, link = self.codes.hash_address(user.email), self.codes.hash_link(token)[0]
        made_at = await insert_code(
            connection, NewCode(Purpose.SET_PASSWORD, user.id, address, link, lifetime=lifetime)
        )
        await insert_audit_line(connection, Event.PASSWORD_LINK_MADE, client, user.id)
        return f"{self.public_url}{PATH}?{urllib.parse.urlencode({'link': token})}", made_at + lifetime

    async def find_user_of_link(self, token: str) -> User | None:
        """Return whose password a link sets, if it is still good; looking uses nothing up."""
        found = await self._find_link(token)
        return found[1] if found else None

    async def set_password_by_link(self, token: str, password: str, client: Client) -> None:
        """Set a new password and end all sessions of the user; CodeRefused, Throttled, Unavailable, Invalid."""
        await self.admission.check_address(LimitName.CODE, client)
        found = await self._find_link(token)
        if found is None:
            await self.admission.admit_address(LimitName.CODE, client)
            raise CodeRefused
        code, user = found
        with self.passwords.take_slot(client.site, email_key(user.email)) as slot:
            password_hash = await self._hash(password, user, slot)
        if not await self._store(code, user, password_hash, client, is_proof=False):
            raise CodeRefused

    async def find_just_set(self, token: str, moment: dt.timedelta) -> User | None:
        """Return the user whose password was set a moment ago by this very link; else None."""
        async with self.database.connection() as connection:
            code = await find_link_just_used(connection, Purpose.SET_PASSWORD, self.codes.hash_link(token), moment)
            return await find_user(connection, code.user_id) if code and code.user_id is not None else None

    async def _find_link(self, token: str) -> tuple[Code, User] | None:
        if not is_token(token):
            return None
        async with self.database.connection() as connection:
            code = await find_link(connection, Purpose.SET_PASSWORD, self.codes.hash_link(token))
            user = await find_user(connection, code.user_id) if code and code.user_id is not None else None
        return (code, user) if code and user else None

    async def _try(self, wanted: PasswordReset, client: Client) -> tuple[Code, User] | None:
        """Return the code and whose it is, or None when it is not right; Throttled."""
        await self.admission.admit_address(LimitName.CODE, client)
        macs = self.codes.hash_typed(Purpose.RESET, wanted.email, wanted.code, client.flow)
        if macs is None:  # which costs no try
            return None
        async with self.database.connection() as connection:
            code = await try_code(connection, Purpose.RESET, *macs)
            user = await find_user(connection, code.user_id) if code and code.user_id is not None else None
        if code is None or user is None or email_key(user.email) != email_key(wanted.email):
            return None  # nobody has the address, or no longer
        return code, user

    async def _hash(self, password: str, user: User, slot: Slot) -> str:
        """Return the hash of a password that keeps the rules; otherwise Invalid."""
        fault = find_password_fault(password, name=user.name, email=user.email)
        password_hash = None if fault else await self.passwords.hash_new(password, slot)
        if password_hash is None:
            raise Invalid({"password": fault or GUESSABLE})
        return password_hash

    async def _store(
        self, code: Code, user: User, password_hash: str, client: Client, *, is_proof: bool = True
    ) -> bool:
        """Set the password, and do all that follows; False when the code was used meanwhile, or the user is gone.

        ``is_proof``: the code was sent to the address, and so proves it.
        """
        async with self.database.transaction() as connection:
            if not (await lock_user(connection, user.id) and await use_code(connection, code.id)):
                return False
            await update_password_anew(connection, user.id, password_hash)
            if is_proof and await prove_address(connection, user.id, client):
                await delete_identities_of(connection, user.id)
            await insert_audit_line(connection, Event.PASSWORD_RESET, client, user.id)
            await self.sessions.end_all(connection, user.id, Ending.PASSWORD_RESET, client)
            await self._tell(connection, LetterKind.PASSWORD_CHANGED, user, client)
            await self.admission.note_owner(connection, email_key(user.email), client)
        return True

    async def _tell(self, connection: Connection, kind: LetterKind, user: User, client: Client) -> None:
        if self.notices is not None:
            about = await self._name_identities(connection, user.id)
            await self.notices.write(connection, kind, user, client, **about)

    async def _name_identities(self, connection: Connection, user_id: int) -> Mapping[str, str]:
        """Return what a letter says of the providers by which a user still gets in, a line each."""
        found = dict.fromkeys(each.provider for each in await list_identities(connection, user_id, MOST))
        return {"providers": "\n".join(self.names.get(each, each) for each in found)} if found else {}

    async def _note_refusal(self, email: str, client: Client) -> None:
        """Note in the audit that a code was refused: no more of them than are let in."""
        async with self.database.connection() as connection:
            found = await find_credentials(connection, email)
            await insert_audit_line(connection, Event.CODE_REFUSED, client, found.user.id if found else None)
