"""Links that sign in: for whoever reads what is sent to the address of an account.

1. A link works once, for ten minutes, in any browser: mail is often read on another device.
2. Opening it does not use it up, because mail scanners open the links in letters. It shows a button, and only pressing
   that signs in (``ways/email``).
3. Nothing reveals whether an address has an account: one without gets a letter that says so.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from auth_service.clients import Client
from auth_service.guessing.admission import Admission
from auth_service.mail.addresses import email_key
from auth_service.mail.codes import Purpose, make_token
from auth_service.mail.letters import LetterKind
from auth_service.mail.sent_codes import Codes, write_to_owner
from auth_service.tables.codes import Code, find_link, find_unused, insert_code
from auth_service.tables.letters import insert_letter
from auth_service.tables.users import find_credentials
from shared.postgres.database import Database
from shared.tokens.keyed_hashes import Macs

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
        token = make_token()
        async with self.database.connection() as connection:
            found = await find_credentials(connection, email)
        await self.admission.admit_letter(email_key(email), client, found)
        user = found.user if found else None
        url = self._write(email, token, callback_url)
        async with self.database.transaction() as connection:
            await insert_code(connection, self.codes.hash_new(Purpose.SIGN_IN, token, email, user))
            await insert_letter(connection, write_to_owner(LetterKind.SIGN_IN_LINK, user, email, client, url=url))

    async def find_sent(self, email: str) -> Code | None:
        """Return the last link that was sent to an address, unless it was used; whether anybody has it or not."""
        async with self.database.connection() as connection:
            return await find_unused(connection, Purpose.SIGN_IN, self.codes.hash_address(email))

    async def find(self, code_macs: Macs) -> Code | None:
        """Return what a link stands for, by its hashes, if it is still good; looking uses nothing up."""
        async with self.database.connection() as connection:
            return await find_link(connection, Purpose.SIGN_IN, code_macs)

    def hash(self, email: str, token: str) -> Macs:
        """Return what may be stored of a link."""
        return self.codes.hash_code(Purpose.SIGN_IN, email, token)

    def _write(self, email: str, token: str, callback_url: str) -> str:
        """Return a link, as next-auth writes it; a destination that would make it too long is left out."""
        about = {"token": token, "email": email}
        url = f"{self.page}?{urlencode({'callbackUrl': callback_url, **about})}"
        return url if len(url) <= LONGEST else f"{self.page}?{urlencode(about)}"
