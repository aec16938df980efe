"""Links that sign somebody in: whoever reads what is sent to the address of an account may enter it.

1. A link is good for ten minutes, once, in any browser: mail is often read on another device.
2. Opening it uses nothing up, for scanners open the links in letters, and some press what they find there. It shows a
   button, and only that signs in (``ways/email``).
3. Nothing tells whether an address has an account: one without gets a letter that says so.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from auth_service.clients import Client
from auth_service.email_addresses import email_key
from auth_service.guessing.admission import Admission
from auth_service.mail.codes import LIFETIME, Codes, Purpose, make_token
from auth_service.mail.letters import LetterKind
from auth_service.tables.codes import Code, NewCode, find_link, insert_code
from auth_service.tables.letters import NewLetter, insert_letter
from auth_service.tables.users import User, find_credentials
from shared.postgres.database import Database

LONGEST = 2000  # characters of a link: mail programs break longer ones


@dataclass(frozen=True, slots=True)
class Links:
    """Sends links that lead to ``page``, an absolute URL, and recognises them."""

    database: Database
    codes: Codes
    admission: Admission
    page: str

    async def send(self, email: str, callback_url: str, client: Client) -> None:
        """Send a link to an address; Throttled when it, or whoever asks, was sent too many letters."""
        key, token = email_key(email), make_token()
        async with self.database.connection() as connection:
            found = await find_credentials(connection, email)
        await self.admission.admit_letter(key, client, found)
        user = found.user if found else None
        url = self._write(email, token, callback_url)
        code = NewCode(
            purpose=Purpose.SIGN_IN,
            user_id=user.id if user else None,
            address_mac=self.codes.hash_address(key),
            code_mac=self.hash(email, token),
        )
        async with self.database.transaction() as connection:
            await insert_code(connection, code)
            await insert_letter(connection, _write_letter(user, email, url, client))

    async def find(self, code_mac: bytes) -> Code | None:
        """Return what a link stands for, by its hash, if it is still good; looking uses nothing up."""
        async with self.database.connection() as connection:
            return await find_link(connection, Purpose.SIGN_IN, code_mac)

    def hash(self, email: str, token: str) -> bytes:
        """Return what is stored of a link."""
        return self.codes.hash_code(Purpose.SIGN_IN, email_key(email), token)

    def _write(self, email: str, token: str, callback_url: str) -> str:
        """Return a link, as next-auth writes it; a destination that would make it too long is left out."""
        about = {"token": token, "email": email}
        url = f"{self.page}?{urlencode({'callbackUrl': callback_url, **about})}"
        return url if len(url) <= LONGEST else f"{self.page}?{urlencode(about)}"


def _write_letter(user: User | None, email: str, url: str, client: Client) -> NewLetter:
    if user is None:
        return NewLetter(LetterKind.NOBODY_HERE, email, client.language, LIFETIME)
    facts = {"name": user.name, "url": url}
    return NewLetter(LetterKind.SIGN_IN_LINK, user.email, client.language, LIFETIME, user.id, facts)
